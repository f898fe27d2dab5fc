import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import { listAt, numberAt, objectAt, objectsAt, textAt } from "./json-reading.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { FUTURE_FIELD } from "./read-openai.ts";
import { anthropicError, VendorRefusal } from "./vendor-errors.ts";

/** @anthropic-ai/sdk 1.12.0, MessageCreateParams, and the sampling fields that older models take. */
const KNOWN_FIELDS = new Set(
  `max_tokens messages model cache_control container diagnostics inference_geo metadata output_config service_tier
  speed stop_sequences stream system thinking tool_choice tools user_profile_id workspace_id temperature top_k top_p
  context_management mcp_servers betas`.split(/\s+/),
);
const MIN_THINKING_TOKENS = 1024;

/**
 * Reads an Anthropic messages request as strictly as Anthropic does.
 * @param seenPrefixes what the prompt cache holds; grows
 * @throws VendorRefusal
 */
export function readAnthropic(body: JsonObject, seenPrefixes: Set<string>, counting: boolean): Prompt {
  const model = textAt(body["model"]);
  for (const field of Object.keys(body)) {
    if (!KNOWN_FIELDS.has(field) && !FUTURE_FIELD.test(field)) refuse(`${field}: Extra inputs are not permitted`);
  }
  if (model === "") refuse("model: Field required");
  if (model.startsWith("no-such")) throw new VendorRefusal(anthropicError(404, "not_found_error", `model: ${model}`));
  if (!counting && numberAt(body["max_tokens"]) === null) refuse("max_tokens: Field required");
  const messages = objectsAt(body["messages"]);
  if (messages.length === 0) refuse("messages: at least one message is required");
  checkMessages(messages);
  checkThinking(body);
  const blocks = [...blocksOf(body["system"]), ...messages.flatMap((message) => blocksOf(message["content"]))];
  const lastUser = messages.findLast((message) => message["role"] === "user");
  const lastBlocks = blocksOf(lastUser?.["content"]);
  const results = lastBlocks.filter((block) => block["type"] === "tool_result");
  const choice = objectAt(body["tool_choice"]);
  return {
    model,
    stream: body["stream"] === true,
    text: blocks.map(blockText).join("\n"),
    lastUserText: lastBlocks.map((block) => textAt(block["text"])).join(""),
    images: blocks.filter((block) => block["type"] === "image").length,
    tools: objectsAt(body["tools"]).map((tool) => ({
      name: textAt(tool["name"]),
      schema: objectAt(tool["input_schema"]),
    })),
    toolChoice: toolChoiceOf(choice),
    parallelToolCalls: choice["disable_parallel_tool_use"] !== true,
    toolResults: results.map(blockText),
    json: jsonModeOf(body),
    reasoning: thinks(body),
    topLogprobs: null,
    choices: 1,
    maxTokens: numberAt(body["max_tokens"]),
    stop: listAt(body["stop_sequences"]).map((word) => textAt(word)),
    ...cacheCounts(blocks, seenPrefixes),
  };
}

/** A string is one block of text. */
function blocksOf(content: JsonValue | undefined): readonly JsonObject[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : objectsAt(content);
}

function blockText(block: JsonObject): string {
  if (block["type"] === "tool_result") return blocksOf(block["content"]).map(blockText).join("");
  return textAt(block["text"]);
}

function checkMessages(messages: readonly JsonObject[]): void {
  if (messages[0]?.["role"] !== "user") refuse('messages: first message must use the "user" role');
  messages.forEach((message, index) => {
    if (message["role"] !== "user" && message["role"] !== "assistant") {
      refuse(`messages.${index}.role: Input should be 'user' or 'assistant'`);
    }
    const blocks = blocksOf(message["content"]);
    if (blocks.some((block) => block["type"] === "text" && block["text"] === "")) {
      refuse(`messages.${index}: text content blocks must be non-empty`);
    }
    blocks.forEach((block, position) => {
      if (block["type"] === "thinking" && block["signature"] !== signatureOf(textAt(block["thinking"]))) {
        refuse(`messages.${index}.content.${position}: Invalid \`signature\` in \`thinking\` block`);
      }
    });
    checkToolPairs(
      blocks,
      blocksOf(messages[index + 1]?.["content"]),
      blocksOf(messages[index - 1]?.["content"]),
      index,
    );
  });
}

/** Each call needs its result in the next message, each result its call in the one before. */
function checkToolPairs(
  blocks: readonly JsonObject[],
  next: readonly JsonObject[],
  previous: readonly JsonObject[],
  index: number,
): void {
  const answered = next.filter((block) => block["type"] === "tool_result").map((block) => block["tool_use_id"]);
  const called = previous.filter((block) => block["type"] === "tool_use").map((block) => block["id"]);
  for (const block of blocks) {
    if (block["type"] === "tool_use" && !answered.includes(block["id"])) {
      refuse(`messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after`);
    }
    if (block["type"] === "tool_result" && !called.includes(block["tool_use_id"])) {
      refuse(`messages.${index}.content: unexpected \`tool_use_id\` found in \`tool_result\` blocks`);
    }
  }
}

function checkThinking(body: JsonObject): void {
  const thinking = objectAt(body["thinking"]);
  if (thinking["type"] !== "enabled") return;
  const budget = numberAt(thinking["budget_tokens"]);
  if (budget === null || budget < MIN_THINKING_TOKENS) {
    refuse(`thinking.enabled.budget_tokens: Input should be greater than or equal to ${MIN_THINKING_TOKENS}`);
  }
  const maxTokens = numberAt(body["max_tokens"]);
  if (maxTokens !== null && maxTokens <= (budget ?? 0)) {
    refuse("`max_tokens` must be greater than `thinking.budget_tokens`");
  }
  const choice = objectAt(body["tool_choice"])["type"];
  if (choice === "any" || choice === "tool") refuse("Thinking may not be enabled when tool_choice forces tool use.");
  const temperature = numberAt(body["temperature"]);
  if (temperature !== null && temperature !== 1) {
    refuse("`temperature` may only be set to 1 when thinking is enabled.");
  }
}

function thinks(body: JsonObject): boolean {
  const type = objectAt(body["thinking"])["type"];
  return type === "enabled" || type === "adaptive";
}

/** The simulator's seal on a thought: only its own thoughts come back with a valid one. */
export function signatureOf(thinking: string): string {
  return Buffer.from(`simulated-signature:${thinking}`).toString("base64");
}

function toolChoiceOf(choice: JsonObject): Prompt["toolChoice"] {
  switch (choice["type"]) {
    case "any":
      return "required";
    case "tool":
      return { name: textAt(choice["name"]) };
    case "none":
      return "none";
    default:
      return "auto";
  }
}

function jsonModeOf(body: JsonObject): Prompt["json"] {
  const format = objectAt(objectAt(body["output_config"])["format"]);
  if (format["type"] === "json_schema") return objectAt(format["schema"]);
  // There is no other JSON mode here: a model does as its system prompt says.
  return /\bJSON object\b/i.test(blocksOf(body["system"]).map(blockText).join(" ")) ? "object" : null;
}

/**
 * Every prefix marked with `cache_control` is kept; the longest that is known is read, the rest of what is marked written.
 * Claude Code's billing line is no part of a prefix: it is another in every request.
 */
function cacheCounts(
  blocks: readonly JsonObject[],
  seenPrefixes: Set<string>,
): Pick<Prompt, "cachedTokens" | "cacheWriteTokens"> {
  const counted = blocks.filter((block) => !textAt(block["text"]).startsWith("x-anthropic-billing-header:"));
  const prefixes = counted.flatMap((block, index) =>
    block["cache_control"] === undefined
      ? []
      : counted
          .slice(0, index + 1)
          .map(blockText)
          .join("\n"),
  );
  const read = prefixes.findLast((prefix) => seenPrefixes.has(prefix));
  for (const prefix of prefixes) seenPrefixes.add(prefix);
  const tokens = (prefix: string | undefined) => (prefix === undefined ? 0 : tokensOf(prefix).length);
  return { cachedTokens: tokens(read), cacheWriteTokens: tokens(prefixes.at(-1)) - tokens(read) };
}

function refuse(message: string): never {
  throw new VendorRefusal(anthropicError(400, "invalid_request_error", message));
}
