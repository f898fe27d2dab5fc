import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";
import { listAt, numberAt, objectAt, objectsAt, textAt } from "./json-reading.ts";
import type { Prompt } from "./prompt.ts";
import { FUTURE_FIELD } from "./read-openai.ts";
import { cohereError, VendorRefusal } from "./vendor-errors.ts";

/** docs.cohere.com/reference/chat (read 2026-11-25). */
const KNOWN_FIELDS = new Set(
  `stream model messages tools strict_tools documents citation_options response_format safety_mode max_tokens
  stop_sequences temperature seed frequency_penalty presence_penalty k p logprobs tool_choice thinking priority raw_prompting`.split(
    /\s+/,
  ),
);
const MAX_STOP_SEQUENCES = 5;

/** Reads a chat request as strictly as Cohere does. @throws VendorRefusal */
export function readCohere(body: JsonObject): Prompt {
  for (const field of Object.keys(body)) {
    if (!KNOWN_FIELDS.has(field) && !FUTURE_FIELD.test(field))
      refuse(`unknown field: parameter '${field}' is not a valid field`);
  }
  const model = textAt(body["model"]);
  if (model.startsWith("no-such")) throw new VendorRefusal(cohereError(404, `model '${model}' not found`));
  const messages = objectsAt(body["messages"]);
  if (messages.length === 0) refuse("invalid request: messages must not be empty.");
  checkMessages(messages);
  checkRanges(body);
  const texts = messages.map((message) => `${contentText(message["content"])}${textAt(message["tool_plan"])}`);
  const lastOther = messages.findLastIndex((message) => message["role"] !== "tool");
  return {
    model,
    stream: body["stream"] === true,
    text: texts.join("\n"),
    lastUserText: texts[messages.findLastIndex((message) => message["role"] === "user")] ?? "",
    images: messages.flatMap(({ content }) => objectsAt(content)).filter(({ type }) => type === "image_url").length,
    tools: objectsAt(body["tools"]).map((tool) => ({
      name: textAt(objectAt(tool["function"])["name"]),
      schema: objectAt(objectAt(tool["function"])["parameters"]),
    })),
    toolChoice: toolChoiceOf(body["tool_choice"]),
    parallelToolCalls: true,
    toolResults: messages.slice(lastOther + 1).map(({ content }) => contentText(content)),
    json: jsonModeOf(objectAt(body["response_format"])),
    reasoning: objectAt(body["thinking"])["type"] === "enabled",
    topLogprobs: null,
    choices: 1,
    maxTokens: numberAt(body["max_tokens"]),
    stop: listAt(body["stop_sequences"]).map((word) => textAt(word)),
    cachedTokens: 0,
    cacheWriteTokens: 0,
  };
}

function checkMessages(messages: readonly JsonObject[]): void {
  let open: string[] = [];
  for (const message of messages) {
    if (message["role"] === "tool") {
      if (!open.includes(textAt(message["tool_call_id"]))) refuse("tool call id not found in previous tool calls");
      open = open.filter((id) => id !== message["tool_call_id"]);
      continue;
    }
    if (open.length > 0) refuse("all tool calls must have a corresponding tool result");
    const calls = objectsAt(message["tool_calls"]);
    if (calls.some((call) => typeof objectAt(call["function"])["arguments"] !== "string"))
      refuse("arguments must be a string");
    open = calls.map((call) => textAt(call["id"]));
  }
}

function checkRanges(body: JsonObject): void {
  const within = (field: string, least: number, most: number) => {
    const value = numberAt(body[field]);
    if (value !== null && (value < least || value > most)) refuse(`${field} must be between ${least} and ${most}`);
  };
  within("temperature", 0, 1);
  within("p", 0.01, 0.99);
  within("k", 0, 500);
  within("frequency_penalty", 0, 1);
  within("presence_penalty", 0, 1);
  if (listAt(body["stop_sequences"]).length > MAX_STOP_SEQUENCES) refuse("too many stop sequences");
}

function contentText(content: JsonValue | undefined): string {
  if (typeof content === "string") return content;
  return objectsAt(content)
    .map((part) => textAt(part["text"]))
    .join("");
}

function toolChoiceOf(choice: JsonValue | undefined): Prompt["toolChoice"] {
  if (choice === "NONE") return "none";
  return choice === "REQUIRED" ? "required" : "auto";
}

function jsonModeOf(format: JsonObject): Prompt["json"] {
  if (format["type"] !== "json_object") return null;
  return isJsonObject(format["json_schema"]) ? format["json_schema"] : "object";
}

function refuse(message: string): never {
  throw new VendorRefusal(cohereError(400, message));
}
