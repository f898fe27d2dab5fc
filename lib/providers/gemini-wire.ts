import { createGenerateContentDecoder, decodeGenerateContentReply } from "../protocol/gemini/decode.ts";
import { encodeGenerateContent } from "../protocol/gemini/encode-request.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../protocol/json.ts";
import { clientMessage } from "./client-message.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Gemini's generateContent (ai.google.dev/api/generate-content, read 2026-11-23). */
export const geminiWire: WireFormat = {
  name: "gemini",
  passesThrough: null,
  authorization: "x-goog-api-key",
  encode: (input) => encodeGeminiRequest(input, true),
  createStreamDecoder: createGenerateContentDecoder,
  decodeReply: decodeGenerateContentReply,
  decodeFailure,
  countTokens: null,
};

/** @param takesCallIds false where the id of a tool call is an unknown field */
export function encodeGeminiRequest(
  { provider, baseUrl, nativeModel, call }: EncodeInput,
  takesCallIds: boolean,
): EncodedRequest {
  const { body, ignored } = encodeGenerateContent(call.toChatRequest(), nativeModel, takesCallIds);
  const method = call.stream ? "streamGenerateContent?alt=sse" : "generateContent";
  return {
    request: {
      method: "POST",
      url: `${baseUrl}/models/${encodeURIComponent(nativeModel)}:${method}`,
      headers: { "content-type": "application/json", ...provider.headers },
      body: JSON.stringify(body),
    },
    ignoredParameters: ignored,
  };
}

/**
 * Google's error body: `{error: {code, message, status, details}}`, in a list of one where a stream was asked for
 * (google.rpc.Status; ai.google.dev/gemini-api/docs/troubleshooting, read 2026-11-23).
 */
function decodeFailure(_status: number, text: string): ProviderFailure {
  const error = errorOf(text);
  const message = typeof error["message"] === "string" ? error["message"] : "";
  const details = Array.isArray(error["details"]) ? error["details"].filter(isJsonObject) : [];
  const meantStatus = meantStatusOf(error["status"], message, details);
  const retryAfterMs = retryDelayOf(details);
  return {
    message: clientMessage(message),
    param: null,
    contextLengthExceeded: /exceeds the maximum number of tokens/i.test(message),
    ...(meantStatus === null ? {} : { meantStatus }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

function errorOf(text: string): JsonObject {
  try {
    const parsed: unknown = JSON.parse(text);
    const body: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    return isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
  } catch {
    return {}; // an error page of something in between: there is nothing in it for the client
  }
}

/** With 400 Google also says that our key is no key, and that our server stands in a country that it does not serve. */
function meantStatusOf(status: JsonValue | undefined, message: string, details: readonly JsonObject[]): number | null {
  if (details.some(({ reason }) => reason === "API_KEY_INVALID" || reason === "API_KEY_EXPIRED")) return 401;
  if (/^API key (?:not valid|expired)/i.test(message)) return 401;
  return status === "FAILED_PRECONDITION" && /location is not supported/i.test(message) ? 403 : null;
}

/** google.rpc.RetryInfo: `"retryDelay": "34.5s"`. Google sends no Retry-After. */
function retryDelayOf(details: readonly JsonObject[]): number | null {
  for (const { retryDelay } of details) {
    const match = typeof retryDelay === "string" ? /^(\d{1,6}(?:\.\d{1,9})?)s$/.exec(retryDelay) : null;
    if (match !== null) return Math.ceil(Number(match[1]) * 1000);
  }
  return null;
}
