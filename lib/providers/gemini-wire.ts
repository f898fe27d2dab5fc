import type { TextRequest } from "../ports/upstream.ts";
import { withoutForeignSignatures } from "../protocol/gemini/client/part-seal.ts";
import { createGenerateContentDecoder, decodeGenerateContentReply } from "../protocol/gemini/decode.ts";
import { encodeGenerateContent } from "../protocol/gemini/encode-request.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { clientMessage } from "./client-message.ts";
import type { CountInput, EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Gemini's generateContent (ai.google.dev/api/generate-content, read 2026-11-23). */
export const geminiWire: WireFormat = {
  name: "gemini",
  passesThrough: "gemini",
  authorization: "x-goog-api-key",
  encode: (input) => encodeGeminiRequest(input, true),
  createStreamDecoder: createGenerateContentDecoder,
  decodeReply: decodeGenerateContentReply,
  decodeFailure,
  countTokens: {
    encode: encodeGeminiCount,
    decodeReply: ({ totalTokens: count }) =>
      typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null,
  },
};

/** ai.google.dev/api/tokens (read 2026-11-25). */
export function encodeGeminiCount(input: CountInput): TextRequest {
  return requestOf(input, "countTokens", passedThrough(input.call));
}

/** @param takesCallIds false where the id of a tool call is an unknown field */
export function encodeGeminiRequest(input: EncodeInput, takesCallIds: boolean): EncodedRequest {
  const { nativeModel, call } = input;
  const method = call.stream ? "streamGenerateContent?alt=sse" : "generateContent";
  if (call.format === "gemini")
    return { request: requestOf(input, method, passedThrough(call)), ignoredParameters: [] };
  const { body, ignored } = encodeGenerateContent(call.toChatRequest(), nativeModel, takesCallIds);
  return { request: requestOf(input, method, JSON.stringify(body)), ignoredParameters: ignored };
}

function requestOf({ provider, baseUrl, nativeModel }: CountInput, method: string, body: string): TextRequest {
  return {
    method: "POST",
    url: `${baseUrl}/models/${encodeURIComponent(nativeModel)}:${method}`,
    headers: { "content-type": "application/json", ...provider.headers },
    body,
  };
}

/** Fields that are said to the gateway, not to the provider. */
const GATEWAY_FIELDS = ["provider", "models", "route", "session_id"];

/** The client's own bytes, but for what is said to the gateway, and signatures that are another vendor's. */
function passedThrough({ text, body }: CountInput["call"]): string {
  const edits: Record<string, string | null> = {};
  for (const field of GATEWAY_FIELDS) if (field in body) edits[field] = null;
  const contents = withoutForeignSignatures(body["contents"]);
  if (contents !== null) edits["contents"] = JSON.stringify(contents);
  return spliceJson(text, edits);
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
