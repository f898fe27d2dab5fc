import type { JsonObject } from "../../lib/protocol/json.ts";
import { parseJsonBody } from "../../lib/protocol/json-body.ts";
import { readCredential } from "../_http/credential.ts";
import { readJsonText } from "../_http/read-body.ts";
import type { Exchange } from "../_http/route.ts";

interface InferenceInput {
  readonly credential: string;
  readonly text: string;
  readonly body: JsonObject;
}

/** A request without any credential is refused before its body is read. */
export async function readInferenceInput({ gateway, ports, request }: Exchange): Promise<InferenceInput> {
  const credential = readCredential(request.headers);
  const text = await readJsonText(request, ports.clock, gateway.configuration.maxBodyBytes);
  return { credential, text, body: parseJsonBody(text) };
}
