import { decodeMessagesReply } from "../protocol/anthropic/decode-reply.ts";
import { createMessagesStreamDecoder } from "../protocol/anthropic/decode-stream.ts";
import { encodeMessagesRequest } from "../protocol/anthropic/encode-request.ts";
import { ANTHROPIC_VERSION } from "../protocol/anthropic/protocol-headers.ts";
import type { ProtocolHeaders } from "../protocol/client-format.ts";
import { isJsonObject } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { clientMessage } from "./client-message.ts";
import type { CountInput, EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Anthropic messages (docs.anthropic.com/en/api/messages, read 2026-11-23). */
export const anthropicWire: WireFormat = {
  name: "anthropic",
  passesThrough: "anthropic",
  authorization: "x-api-key",
  encode,
  createStreamDecoder: createMessagesStreamDecoder,
  decodeReply: decodeMessagesReply,
  decodeFailure,
  // docs.anthropic.com/en/api/messages-count-tokens (read 2026-11-24)
  countTokens: {
    encode: (input) => passedThrough(input, "messages/count_tokens").request,
    decodeReply: ({ input_tokens: count }) =>
      typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null,
  },
};

/** Fields that are said to the gateway, not to the provider. */
const GATEWAY_FIELDS = ["provider", "models", "route", "session_id"];
/**
 * Betas that raise the price of a token above the catalog's: a window past 200,000 tokens, and fast mode
 * (docs.anthropic.com/en/docs/about-claude/pricing, read 2026-11-24). They stay here; see docs/decisions/0007.
 */
const PRICED_BETAS = /^(?:context-1m|fast-mode)-/;

function encode(input: EncodeInput): EncodedRequest {
  const { call, nativeModel } = input;
  if (call.format === "anthropic") return passedThrough(input, "messages");
  const { body, ignored } = encodeMessagesRequest(
    call.toChatRequest(),
    nativeModel,
    call.stream,
    input.maxOutputTokens,
  );
  return { request: requestOf(input, "messages", JSON.stringify(body), {}), ignoredParameters: ignored };
}

/** The client's own bytes but for the model and what is said to the gateway, with its version and its betas. */
function passedThrough(input: CountInput, path: string): EncodedRequest {
  const { call, nativeModel } = input;
  const edits: Record<string, string | null> = { model: JSON.stringify(nativeModel) };
  for (const field of GATEWAY_FIELDS) if (field in call.body) edits[field] = null;
  const { "anthropic-beta": asked = "", ...others } = call.protocolHeaders;
  const betas = asked.split(",").filter((beta) => beta !== "");
  const passed = betas.filter((beta) => !PRICED_BETAS.test(beta)).join(",");
  const headers = passed === "" ? others : { ...others, "anthropic-beta": passed };
  return {
    request: requestOf(input, path, spliceJson(call.text, edits), headers),
    ignoredParameters: betas.filter((beta) => PRICED_BETAS.test(beta)).map((beta) => `anthropic-beta: ${beta}`),
  };
}

/** A request to one of Anthropic's endpoints, with the headers that all of them want. */
function requestOf(
  { provider, baseUrl }: CountInput,
  path: string,
  body: string,
  protocolHeaders: ProtocolHeaders,
): EncodedRequest["request"] {
  return {
    method: "POST",
    url: `${baseUrl}/${path}`,
    headers: {
      "content-type": "application/json",
      "anthropic-version": ANTHROPIC_VERSION,
      ...protocolHeaders,
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
