import type { AssistantPart, ChatMessage, ContentPart, MediaSource } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";

/**
 * What Claude Code puts before its instructions for Anthropic's own accounting. It has another value in every request, so
 * that elsewhere no prompt cache would ever find its prefix again; to Anthropic it goes with the client's bytes.
 */
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*$/;

/** The system prompt as a message of its own; none where there is none. */
export function decodeSystem(system: JsonValue | undefined): readonly ChatMessage[] {
  const content = decodeContent(system).filter((part) => part.kind !== "text" || !BILLING_LINE.test(part.text));
  return content.length === 0 ? [] : [{ role: "system", content }];
}

const BLOCKS_OF_ITS_OWN = ["tool_result", "tool_use", "thinking", "redacted_thinking"];

/** True for a block that another format can carry; the others (files by id, server tools) are reported, not translated. */
export function isPlaced(block: JsonObject): boolean {
  return BLOCKS_OF_ITS_OWN.includes(stringOf(block["type"])) || decodeBlock(block).length > 0;
}

/** A user message may hold tool results beside its own content: those are messages of their own elsewhere. */
export function decodeMessage(message: JsonObject): readonly ChatMessage[] {
  const { role, content } = message;
  if (role === "system") return decodeSystem(content);
  if (role === "assistant") return [{ role: "assistant", content: decodeAssistant(content) }];
  const results = objectsOf(content).filter((block) => block["type"] === "tool_result");
  const messages = results.map(
    (block): ChatMessage => ({
      role: "tool",
      toolCallId: stringOf(block["tool_use_id"]),
      content: cachedAtEnd(decodeContent(block["content"]), block),
      isError: block["is_error"] === true,
    }),
  );
  const rest = decodeContent(content);
  return rest.length === 0 && messages.length > 0 ? messages : [...messages, { role: "user", content: rest }];
}

function decodeContent(content: JsonValue | undefined): readonly ContentPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodeBlock);
}

export function cacheControlOf(block: JsonObject): { cacheControl?: JsonObject } {
  return isJsonObject(block["cache_control"]) ? { cacheControl: block["cache_control"] } : {};
}

/** A tool result's own breakpoint stands at its end. */
function cachedAtEnd(parts: readonly ContentPart[], block: JsonObject): readonly ContentPart[] {
  const last = parts.at(-1);
  return last === undefined ? parts : [...parts.slice(0, -1), { ...last, ...cacheControlOf(block) }];
}

function decodeBlock(block: JsonObject): readonly ContentPart[] {
  switch (block["type"]) {
    case "text":
      return [{ kind: "text", text: stringOf(block["text"]), ...cacheControlOf(block) }];
    case "image": {
      const source = mediaSource(block["source"]);
      return source === null ? [] : [{ kind: "image", source, ...cacheControlOf(block) }];
    }
    case "document": {
      const { source: from, title } = block;
      if (isJsonObject(from) && from["type"] === "text") {
        return [{ kind: "text", text: stringOf(from["data"]), ...cacheControlOf(block) }];
      }
      if (isJsonObject(from) && from["type"] === "content") return cachedAtEnd(decodeContent(from["content"]), block);
      const source = mediaSource(from);
      const name = typeof title === "string" ? { name: title } : {};
      return source === null ? [] : [{ kind: "file", source, ...name, ...cacheControlOf(block) }];
    }
    default:
      return [];
  }
}

function mediaSource(source: JsonValue | undefined): MediaSource | null {
  if (!isJsonObject(source)) return null;
  if (source["type"] === "url") return { kind: "url", url: stringOf(source["url"]) };
  if (source["type"] !== "base64") return null;
  return { kind: "base64", mediaType: stringOf(source["media_type"]), data: stringOf(source["data"]) };
}

function decodeAssistant(content: JsonValue | undefined): readonly AssistantPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodeAssistantBlock);
}

function decodeAssistantBlock(block: JsonObject): readonly AssistantPart[] {
  switch (block["type"]) {
    case "text":
      return [{ kind: "text", text: stringOf(block["text"]), ...cacheControlOf(block) }];
    case "thinking": {
      const { signature } = block;
      const text = stringOf(block["thinking"]);
      return [{ kind: "reasoning", text, ...(typeof signature === "string" ? { signature } : {}) }];
    }
    case "redacted_thinking":
      return [{ kind: "reasoning", text: "", redacted: stringOf(block["data"]) }];
    case "tool_use":
      return [
        {
          kind: "tool-call",
          id: stringOf(block["id"]),
          name: stringOf(block["name"]),
          argumentsJson: JSON.stringify(block["input"] ?? {}),
          ...(typeof block["signature"] === "string" ? { signature: block["signature"] } : {}),
          ...cacheControlOf(block),
        },
      ];
    default:
      return [];
  }
}
