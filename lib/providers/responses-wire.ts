import { type JsonEdit, spliceJson } from "../protocol/json-splice.ts";
import { decodeResponse } from "../protocol/responses/decode-reply.ts";
import { createResponsesStreamDecoder } from "../protocol/responses/decode-stream.ts";
import { encodeResponsesRequest } from "../protocol/responses/encode-request.ts";
import { itemsForProvider } from "../protocol/responses/input-items.ts";
import { decodeFailure, GATEWAY_FIELDS } from "./openai-wire.ts";
import type { EncodedRequest, EncodeInput, WireFormat } from "./wire-format.ts";

/** OpenAI's responses (platform.openai.com/docs/api-reference/responses, read 2026-11-25). */
export const responsesWire: WireFormat = {
  name: "responses",
  passesThrough: "responses",
  authorization: "bearer",
  encode,
  createStreamDecoder: createResponsesStreamDecoder,
  decodeReply: decodeResponse,
  decodeFailure,
  countTokens: null,
};

function encode(input: EncodeInput): EncodedRequest {
  const { provider, baseUrl, call, nativeModel } = input;
  const request = (body: string, ignoredParameters: readonly string[]): EncodedRequest => ({
    request: {
      method: "POST",
      url: `${baseUrl}/responses`,
      headers: { "content-type": "application/json", ...provider.headers },
      body,
    },
    ignoredParameters,
  });
  if (call.format === "responses") return request(passedThrough(input), []);
  const { body, ignored } = encodeResponsesRequest(call.toChatRequest(), nativeModel, call.stream);
  return request(JSON.stringify(body), ignored);
}

/**
 * The client's own bytes but for the model, what is said to the gateway, and items that this gateway wrote. A response that
 * the client went on from stands in `input` by now, from our own copy: whichever key or provider is asked knows all of it.
 */
function passedThrough({ provider, call, nativeModel }: EncodeInput): string {
  const edits: Record<string, JsonEdit[string]> = { model: JSON.stringify(nativeModel) };
  for (const field of GATEWAY_FIELDS) {
    if (field in call.body && provider.understands?.includes(field) !== true) edits[field] = null;
  }
  if ("previous_response_id" in call.body) edits["previous_response_id"] = null;
  const items = itemsForProvider(call.body["input"]);
  if (items !== null) edits["input"] = JSON.stringify(items);
  return spliceJson(call.text, edits);
}
