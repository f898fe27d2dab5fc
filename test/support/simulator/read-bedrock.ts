import { isJsonObject, type JsonObject } from "../../../lib/protocol/json.ts";
import { listAt, numberAt, objectAt, objectsAt, parseJsonObject, textAt } from "./json-reading.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { signatureOf } from "./read-anthropic.ts";
import { FUTURE_FIELD } from "./read-openai.ts";
import { bedrockError, VendorRefusal } from "./vendor-errors.ts";

/** API_runtime_Converse.html, "Request Syntax" (read 2026-11-25). */
const KNOWN_FIELDS = new Set(
  `messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables outputConfig
  additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier`.split(/\s+/),
);
const TOOL_USE_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Reads a Converse request for a Claude as strictly as Bedrock does.
 * @param seenPrefixes what the prompt cache holds; grows
 * @throws VendorRefusal
 */
export function readBedrock(body: JsonObject, model: string, stream: boolean, seenPrefixes: Set<string>): Prompt {
  for (const field of Object.keys(body)) {
    if (!KNOWN_FIELDS.has(field) && !FUTURE_FIELD.test(field)) refuse(`Unexpected field: ${field}`);
  }
  if (model.startsWith("no-such")) refuse("The provided model identifier is invalid.");
  const messages = objectsAt(body["messages"]);
  checkMessages(messages, isJsonObject(body["toolConfig"]));
  const blocks = [...objectsAt(body["system"]), ...messages.flatMap(blocksOf)];
  const lastUser = blocksOf(messages.findLast(({ role }) => role === "user") ?? {});
  const additional = objectAt(body["additionalModelRequestFields"]);
  const inference = objectAt(body["inferenceConfig"]);
  const thinking = objectAt(additional["thinking"])["type"];
  if (thinking !== undefined && inference["temperature"] !== undefined)
    refuse("`temperature` may only be set to 1 when thinking is enabled.");
  return {
    model,
    stream,
    text: blocks.map(blockText).join("\n"),
    lastUserText: lastUser.map((block) => textAt(block["text"])).join(""),
    images: blocks.filter(({ image }) => isJsonObject(image)).length,
    tools: objectsAt(objectAt(body["toolConfig"])["tools"])
      .filter(({ toolSpec }) => isJsonObject(toolSpec))
      .map((tool) => {
        const { name, inputSchema } = objectAt(tool["toolSpec"]);
        return { name: textAt(name), schema: objectAt(objectAt(inputSchema)["json"]) };
      }),
    toolChoice: toolChoiceOf(objectAt(objectAt(body["toolConfig"])["toolChoice"])),
    parallelToolCalls: true,
    toolResults: lastUser.flatMap(({ toolResult }) => (isJsonObject(toolResult) ? [blockText({ toolResult })] : [])),
    json: jsonModeOf(body),
    reasoning: thinking === "enabled" || thinking === "adaptive",
    topLogprobs: null,
    choices: 1,
    maxTokens: numberAt(inference["maxTokens"]),
    stop: listAt(inference["stopSequences"]).map((word) => textAt(word)),
    ...cacheCounts(blocks, seenPrefixes),
  };
}

function blocksOf(message: JsonObject): readonly JsonObject[] {
  return objectsAt(message["content"]);
}

function blockText(block: JsonObject): string {
  const { text, toolResult } = block;
  if (!isJsonObject(toolResult)) return textAt(text);
  return objectsAt(toolResult["content"])
    .map((part) => textAt(part["text"]))
    .join("");
}

/** Turns alternate, begin with the user, hold no blank text, and answer every call in the next. */
function checkMessages(messages: readonly JsonObject[], hasTools: boolean): void {
  if (messages[0]?.["role"] !== "user") refuse("A conversation must start with a user message.");
  messages.forEach((message, index) => {
    if (index > 0 && message["role"] === messages[index - 1]?.["role"])
      refuse("A conversation must alternate between user and assistant roles.");
    const blocks = blocksOf(message);
    if (blocks.length === 0) refuse("The content field in the Message object is empty.");
    if (blocks.some(({ text }) => typeof text === "string" && text.trim() === ""))
      refuse("The text field in the ContentBlock object is blank.");
    const called = idsOf(blocks, "toolUse");
    const answered = idsOf(blocksOf(messages[index + 1] ?? {}), "toolResult");
    if (called.some((id) => !answered.includes(id)))
      refuse("Expected toolResult blocks for the toolUse blocks of the previous turn.");
    if (called.length > 0 && !hasTools)
      refuse("The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    if (called.some((id) => !TOOL_USE_ID.test(id))) refuse("toolUseId must match [a-zA-Z0-9_-]+");
    for (const { reasoningContent } of blocks) checkThought(objectAt(reasoningContent)["reasoningText"]);
  });
}

function idsOf(blocks: readonly JsonObject[], kind: "toolUse" | "toolResult"): readonly string[] {
  return blocks.flatMap((block) => (isJsonObject(block[kind]) ? [textAt(block[kind]["toolUseId"])] : []));
}

function checkThought(thought: unknown): void {
  if (!isJsonObject(thought)) return;
  if (thought["signature"] !== signatureOf(textAt(thought["text"]))) refuse("Invalid `signature` in `thinking` block");
}

function toolChoiceOf({ any, tool }: JsonObject): Prompt["toolChoice"] {
  if (isJsonObject(any)) return "required";
  return isJsonObject(tool) ? { name: textAt(tool["name"]) } : "auto";
}

function jsonModeOf(body: JsonObject): Prompt["json"] {
  const format = objectAt(objectAt(body["outputConfig"])["textFormat"]);
  const { schema } = objectAt(objectAt(format["structure"])["jsonSchema"]);
  if (format["type"] === "json_schema") return parseJsonObject(textAt(schema)) ?? refuse("The schema is not JSON.");
  return /\bJSON object\b/i.test(objectsAt(body["system"]).map(blockText).join(" ")) ? "object" : null;
}

function cacheCounts(
  blocks: readonly JsonObject[],
  seenPrefixes: Set<string>,
): Pick<Prompt, "cachedTokens" | "cacheWriteTokens"> {
  const marked = blocks.findLastIndex(({ cachePoint }) => isJsonObject(cachePoint));
  if (marked < 0) return { cachedTokens: 0, cacheWriteTokens: 0 };
  const prefix = blocks.slice(0, marked).map(blockText).join("\n");
  const tokens = tokensOf(prefix).length;
  if (seenPrefixes.has(prefix)) return { cachedTokens: tokens, cacheWriteTokens: 0 };
  seenPrefixes.add(prefix);
  return { cachedTokens: 0, cacheWriteTokens: tokens };
}

function refuse(message: string): never {
  throw new VendorRefusal(bedrockError(400, message));
}
