import { decodeCohereReply } from "../protocol/cohere/decode-reply.ts";
import { createCohereStreamDecoder } from "../protocol/cohere/decode-stream.ts";
import { encodeCohereChat } from "../protocol/cohere/encode-request.ts";
import { isJsonObject, stringOf } from "../protocol/json.ts";
import { clientMessage } from "./client-message.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Cohere's chat, version 2 (docs.cohere.com/reference/chat, read 2026-11-25). */
export const cohereWire: WireFormat = {
  name: "cohere",
  passesThrough: null,
  authorization: "bearer",
  encode,
  createStreamDecoder: createCohereStreamDecoder,
  decodeReply: decodeCohereReply,
  decodeFailure,
  countTokens: null,
};

function encode({ provider, baseUrl, nativeModel, call }: EncodeInput): EncodedRequest {
  const { body, ignored } = encodeCohereChat(call.toChatRequest(), nativeModel, call.stream);
  return {
    request: {
      method: "POST",
      url: `${baseUrl}/chat`,
      headers: { "content-type": "application/json", ...provider.headers },
      body: JSON.stringify(body),
    },
    ignoredParameters: ignored,
  };
}

/** `{id, message}` with a status of its own meaning (docs.cohere.com/reference/errors, read 2026-11-25). */
function decodeFailure(status: number, text: string): ProviderFailure {
  let message = "";
  try {
    const body: unknown = JSON.parse(text);
    if (isJsonObject(body)) message = stringOf(body["message"]);
  } catch {
    // An error page of something in between: there is nothing in it for the client.
  }
  const contextLengthExceeded = /too many tokens|maximum context length/i.test(message);
  // A trial key's month is over: no wait helps.
  const meantStatus = status === 429 && /trial key.*month/i.test(message) ? { meantStatus: 402 } : {};
  return { message: clientMessage(message), param: null, contextLengthExceeded, ...meantStatus };
}
