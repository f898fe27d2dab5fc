import type { CallNeed, ClientFormat, ParsedCall } from "../client-format.ts";
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
import { type ChatCompletionRequest, chatCompletionRequest } from "./chat-schema.ts";
import { decodeChatRequest } from "./decode-request.ts";
import { encodeChatReply } from "./encode-reply.ts";
import { createChatStreamEncoder } from "./encode-stream.ts";
import { createChatPassthrough, passChatReply } from "./passthrough.ts";

/** OpenAI chat completions, as clients speak them to us. */
export const openAiChatFormat: ClientFormat = {
  name: "openai",
  readProtocolHeaders: () => ({}),
  parse: parseChatCall,
  createStreamEncoder: createChatStreamEncoder,
  createStreamPassthrough: createChatPassthrough,
  encodeReply: encodeChatReply,
  passReply: passChatReply,
};

function parseChatCall(body: JsonObject, text: string): ParsedCall {
  assertNothingSmuggled(body);
  const parsed = validate(chatCompletionRequest, body);
  return {
    format: "openai",
    text,
    body,
    protocolHeaders: {},
    model: parsed.model,
    stream: parsed.stream === true,
    includeUsage: parsed.stream_options?.include_usage === true,
    maxOutputTokens: parsed.max_completion_tokens ?? parsed.max_tokens ?? null,
    choices: parsed.n ?? 1,
    estimatedInputTokens: estimateChatTokens(body),
    needs: needsOf(parsed),
    toChatRequest: () => decodeChatRequest(body, parsed),
  };
}

function needsOf(parsed: ChatCompletionRequest): readonly CallNeed[] {
  const needs: CallNeed[] = [];
  if ((parsed.tools ?? []).length > 0) needs.push("tools");
  if (parsed.response_format?.type === "json_object" || parsed.response_format?.type === "json_schema")
    needs.push("json");
  let seen = false;
  let heard = false;
  for (const { content } of parsed.messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content) {
      if (part.type === "image_url") seen = true;
      if (part.type === "input_audio") heard = true;
    }
  }
  if (seen) needs.push("vision");
  if (heard) needs.push("audio");
  return needs;
}

/** The prompt in tokens (CM-14.1 and the overhead per message): an upper estimate for the hold. */
function estimateChatTokens(body: JsonObject): number {
  const messages: readonly JsonValue[] = Array.isArray(body["messages"]) ? body["messages"] : [];
  let tokens = TOKENS_TO_START;
  for (const message of messages) {
    if (!isJsonObject(message)) continue;
    tokens += TOKENS_PER_MESSAGE + TOKENS_PER_ROLE + estimateContentTokens(message["content"]);
    if (message["tool_calls"] !== undefined) tokens += estimateJsonTokens(message["tool_calls"]);
  }
  for (const field of ["tools", "response_format"])
    if (body[field] !== undefined) tokens += estimateJsonTokens(body[field]);
  return tokens;
}
