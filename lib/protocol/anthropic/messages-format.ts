import type { CallNeed, ClientFormat, ParsedCall, ProtocolHeaders } from "../client-format.ts";
import {
  estimateContentTokens,
  estimateJsonTokens,
  TOKENS_PER_MESSAGE,
  TOKENS_PER_ROLE,
  TOKENS_TO_START,
} from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { validate } from "../schema-error.ts";
import { decodeMessagesRequest } from "./decode-request.ts";
import { encodeMessagesReply } from "./encode-reply.ts";
import { createMessagesStreamEncoder } from "./encode-stream.ts";
import { countTokensRequest, type MessagesRequest, messagesRequest } from "./messages-schema.ts";
import { createMessagesPassthrough, passMessagesReply } from "./passthrough.ts";
import { readAnthropicHeaders } from "./protocol-headers.ts";

/** Anthropic messages, as clients speak them to us. */
export const anthropicMessagesFormat: ClientFormat = {
  name: "anthropic",
  readProtocolHeaders: readAnthropicHeaders,
  parse: parseMessagesCall,
  createStreamEncoder: createMessagesStreamEncoder,
  createStreamPassthrough: createMessagesPassthrough,
  encodeReply: encodeMessagesReply,
  passReply: passMessagesReply,
};

function parseMessagesCall(body: JsonObject, text: string, protocolHeaders: ProtocolHeaders = {}): ParsedCall {
  assertNothingSmuggled(body);
  const parsed = validate(messagesRequest, body);
  return {
    format: "anthropic",
    text,
    body,
    protocolHeaders,
    model: parsed.model,
    stream: parsed.stream === true,
    includeUsage: true,
    maxOutputTokens: parsed.max_tokens,
    choices: 1,
    estimatedInputTokens: estimateMessagesTokens(body),
    needs: needsOf(parsed),
    toChatRequest: () => decodeMessagesRequest(body, parsed),
  };
}

/**
 * The body of a count_tokens call, checked.
 * @throws GatewayError with the row of bad input that applies
 */
export function parseCountTokens(body: JsonObject): Pick<ParsedCall, "model" | "estimatedInputTokens"> {
  assertNothingSmuggled(body);
  const { model } = validate(countTokensRequest, body);
  return { model, estimatedInputTokens: estimateMessagesTokens(body) };
}

function needsOf(parsed: MessagesRequest): readonly CallNeed[] {
  const needs: CallNeed[] = [];
  if ((parsed.tools ?? []).length > 0) needs.push("tools");
  const seen = parsed.messages.some(
    ({ content }) => typeof content !== "string" && content.some(({ type }) => type === "image"),
  );
  if (seen) needs.push("vision");
  return needs;
}

/** The prompt in tokens (CM-14.1): an upper estimate for the hold, and the answer of count_tokens where no provider counts. */
function estimateMessagesTokens(body: JsonObject): number {
  const messages: readonly JsonValue[] = Array.isArray(body["messages"]) ? body["messages"] : [];
  let tokens = TOKENS_TO_START + estimateContentTokens(body["system"]);
  for (const message of messages) {
    if (isJsonObject(message))
      tokens += TOKENS_PER_MESSAGE + TOKENS_PER_ROLE + estimateContentTokens(message["content"]);
  }
  return body["tools"] === undefined ? tokens : tokens + estimateJsonTokens(body["tools"]);
}
