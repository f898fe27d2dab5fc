import { createGenerateContentDecoder, decodeGenerateContentReply } from "../protocol/gemini/decode.ts";
import { encodeGenerateContent } from "../protocol/gemini/encode-request.ts";
import { isJsonObject } from "../protocol/json.ts";
import { clientMessage } from "./client-message.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Gemini's generateContent (ai.google.dev/api/generate-content, read 2026-11-23). */
export const geminiWire: WireFormat = {
  name: "gemini",
  passesThrough: null,
  encode,
  createStreamDecoder: createGenerateContentDecoder,
  decodeReply: decodeGenerateContentReply,
  decodeFailure,
};

function encode({ provider, baseUrl, apiKey, nativeModel, call }: EncodeInput): EncodedRequest {
  const { body, ignored } = encodeGenerateContent(call.toChatRequest());
  const method = call.stream ? "streamGenerateContent?alt=sse" : "generateContent";
  return {
    request: {
      method: "POST",
      url: `${baseUrl}/models/${encodeURIComponent(nativeModel)}:${method}`,
      // The key goes into a header, never into the URL, which ends up in logs (K19).
      headers: {
        "content-type": "application/json",
        ...(apiKey === null ? {} : { "x-goog-api-key": apiKey }),
        ...provider.headers,
      },
      body: JSON.stringify(body),
    },
    ignoredParameters: ignored,
  };
}

/** Google's error body: `{error: {code, message, status, details}}`, in a list of one where a stream was asked for. */
function decodeFailure(_status: number, text: string): ProviderFailure {
  let message = "";
  try {
    const parsed: unknown = JSON.parse(text);
    const body: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
    const error = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
    if (typeof error["message"] === "string") message = error["message"];
  } catch {
    // An error page of something in between: there is nothing in it for the client.
  }
  return {
    message: clientMessage(message),
    param: null,
    contextLengthExceeded: /exceeds the maximum number of tokens/i.test(message),
  };
}
