import { decodeMessagesReply } from "../protocol/anthropic/decode-reply.ts";
import { createMessagesStreamDecoder } from "../protocol/anthropic/decode-stream.ts";
import { encodeMessagesRequest } from "../protocol/anthropic/encode-request.ts";
import { isJsonObject } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { clientMessage } from "./client-message.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Anthropic messages (docs.anthropic.com/en/api/messages, read 2026-11-23). */
export const anthropicWire: WireFormat = {
  name: "anthropic",
  passesThrough: "anthropic",
  encode,
  createStreamDecoder: createMessagesStreamDecoder,
  decodeReply: decodeMessagesReply,
  decodeFailure,
};

const VERSION = "2023-06-01";
/** Fields that are said to the gateway, not to the provider. */
const GATEWAY_FIELDS = ["provider", "models", "session_id"];

function encode(input: EncodeInput): EncodedRequest {
  const { call, nativeModel } = input;
  if (call.format === "anthropic") {
    const edits: Record<string, string | null> = { model: JSON.stringify(nativeModel) };
    for (const field of GATEWAY_FIELDS) if (field in call.body) edits[field] = null;
    return { request: requestOf(input, "messages", spliceJson(call.text, edits)), ignoredParameters: [] };
  }
  const { body, ignored } = encodeMessagesRequest(
    call.toChatRequest(),
    nativeModel,
    call.stream,
    input.maxOutputTokens,
  );
  return { request: requestOf(input, "messages", JSON.stringify(body)), ignoredParameters: ignored };
}

type Destination = Pick<EncodeInput, "provider" | "baseUrl" | "apiKey">;

/** A request to one of Anthropic's endpoints, with the headers that all of them want. */
function requestOf(destination: Destination, path: string, body: string): EncodedRequest["request"] {
  const { provider, baseUrl, apiKey } = destination;
  return {
    method: "POST",
    url: `${baseUrl}/${path}`,
    headers: {
      "content-type": "application/json",
      "anthropic-version": VERSION,
      ...(apiKey === null ? {} : { "x-api-key": apiKey }),
      ...provider.headers,
    },
    body,
  };
}

function decodeFailure(_status: number, text: string): ProviderFailure {
  let message = "";
  try {
    const body: unknown = JSON.parse(text);
    const error = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
    if (typeof error["message"] === "string") message = error["message"];
  } catch {
    // An error page of something in between: there is nothing in it for the client.
  }
  return {
    message: clientMessage(message),
    param: null,
    contextLengthExceeded: /prompt is too long|exceed context limit/i.test(message),
  };
}
