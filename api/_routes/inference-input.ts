import type { RoutingHeaders } from "../../lib/inference/inference-call.ts";
import { sessionOfHeaders } from "../../lib/inference/session-of.ts";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { parseJsonBody } from "../../lib/protocol/json-body.ts";
import { readCredential } from "../_http/credential.ts";
import { readJsonText } from "../_http/read-body.ts";
import type { Exchange } from "../_http/route.ts";

interface InferenceInput {
  readonly credential: string;
  readonly text: string;
  readonly body: JsonObject;
  readonly routing: RoutingHeaders;
}

/** A request without any credential is refused before its body is read. */
export async function readInferenceInput({ gateway, ports, request }: Exchange): Promise<InferenceInput> {
  const credential = readCredential(request.headers);
  const text = await readJsonText(request, ports.clock, gateway.configuration.maxBodyBytes);
  const { headers } = request;
  const routing = { session: sessionOfHeaders(headers), reported: headers.get("x-gateway-metadata") === "enabled" };
  return { credential, text, body: parseJsonBody(text), routing };
}
