import type { UpstreamRequest } from "../../lib/ports/upstream.ts";
import type { ClientFormat } from "../../lib/protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../../lib/protocol/json.ts";
import { configuredProviders, endpointFor } from "../../lib/providers/configured-providers.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";

export interface EncodedCall {
  readonly request: UpstreamRequest;
  readonly sent: JsonObject;
  readonly ignoredParameters: readonly string[];
}

/** What a client's body becomes on its way to a model of this provider, at `https://provider.test`. */
export function encodeCall(
  providerId: string,
  nativeModel: string,
  format: ClientFormat,
  body: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): EncodedCall {
  const setting = { apiKeys: ["k"], baseUrl: "https://provider.test", variables: {} };
  const provider = configuredProviders({ [providerId]: setting }, PROVIDERS).get(providerId);
  if (provider === undefined) throw new Error(`There is no provider ${providerId}.`);
  const text = JSON.stringify(body);
  const call = format.parse(JSON.parse(text), text, format.readProtocolHeaders(new Headers(headers)));
  const { wire, baseUrl } = endpointFor(provider, format.name, nativeModel);
  const { request, ignoredParameters } = wire.encode({
    provider: provider.declaration,
    baseUrl,
    nativeModel,
    maxOutputTokens: 8_192,
    call,
  });
  const sent: unknown = JSON.parse(request.body ?? "");
  if (!isJsonObject(sent)) throw new Error("not an object");
  return { request, sent, ignoredParameters };
}
