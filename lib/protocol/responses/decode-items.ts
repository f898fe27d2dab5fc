import type { AssistantPart, ChatMessage, ContentPart } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { mediaSourceOf } from "../media-source.ts";
import { itemType } from "./input-items.ts";
import { openSeal } from "./signature.ts";

/** Items that every wire can carry. The others are a built-in tool's, or name something that OpenAI keeps. */
export const PORTABLE_ITEMS: ReadonlySet<string> = new Set([
  "message",
  "function_call",
  "function_call_output",
  "reasoning",
]);

/**
 * A conversation's items as messages: what the model said, thought and called in one turn, item by item, is one message.
 * Items that no other format has are left out; `onlyNative` has refused them before.
 */
export function decodeItems(items: readonly JsonObject[]): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  let turn: AssistantPart[] | null = null;
  const say = (parts: readonly AssistantPart[]) => {
    if (turn === null) {
      turn = [];
      messages.push({ role: "assistant", content: turn });
    }
    turn.push(...parts);
  };
  for (const item of items) {
    const type = itemType(item);
    if (type === "reasoning") say(decodeReasoning(item));
    else if (type === "function_call") say([decodeCall(item)]);
    else if (type === "message" && item["role"] === "assistant") say(decodeSaid(item["content"]));
    else {
      const message = decodeInput(type, item);
      if (message === null) continue;
      turn = null;
      messages.push(message);
    }
  }
  return messages;
}

function decodeInput(type: string, item: JsonObject): ChatMessage | null {
  if (type === "function_call_output") {
    return {
      role: "tool",
      toolCallId: stringOf(item["call_id"]),
      content: decodeContent(item["output"]),
      isError: false,
    };
  }
  if (type !== "message") return null;
  const role = item["role"] === "system" || item["role"] === "developer" ? "system" : "user";
  return { role, content: decodeContent(item["content"]) };
}

/** True for a content part that another format can carry. */
export function isPlaced(part: JsonObject): boolean {
  return part["type"] === "refusal" || decodePart(part).length > 0;
}

function decodeContent(content: JsonValue | undefined): readonly ContentPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodePart);
}

function decodePart(part: JsonObject): readonly ContentPart[] {
  switch (part["type"]) {
    case "input_text":
    case "output_text":
    case "text":
      return [{ kind: "text", text: stringOf(part["text"]) }];
    case "input_image": {
      const url = isJsonObject(part["image_url"]) ? stringOf(part["image_url"]["url"]) : stringOf(part["image_url"]);
      if (url === "") return [];
      const detail = typeof part["detail"] === "string" ? { detail: part["detail"] } : {};
      return [{ kind: "image", source: mediaSourceOf(url), ...detail }];
    }
    case "input_file": {
      const given = stringOf(part["file_data"] ?? part["file_url"]);
      if (given === "") return [];
      const name = typeof part["filename"] === "string" ? { name: part["filename"] } : {};
      return [{ kind: "file", source: mediaSourceOf(given), ...name }];
    }
    case "input_audio": {
      const audio = part["input_audio"];
      if (!isJsonObject(audio)) return [];
      return [{ kind: "audio", data: stringOf(audio["data"]), format: stringOf(audio["format"]) }];
    }
    default:
      return [];
  }
}

function decodeSaid(content: JsonValue | undefined): readonly AssistantPart[] {
  const parts: AssistantPart[] = [];
  for (const part of decodeContent(content)) if (part.kind === "text") parts.push(part);
  for (const part of objectsOf(content)) {
    if (part["type"] === "refusal") parts.push({ kind: "refusal", text: stringOf(part["refusal"]) });
  }
  return parts;
}

function decodeReasoning(item: JsonObject): readonly AssistantPart[] {
  const texts = [...objectsOf(item["summary"]), ...objectsOf(item["content"])].map((part) => stringOf(part["text"]));
  const text = texts.join("\n");
  const seal = openSeal(stringOf(item["encrypted_content"]));
  if (text === "" && Object.keys(seal).length === 0) return [];
  return [{ kind: "reasoning", text, ...seal }];
}

/** Gemini's thought signature stays with its call, in the field that Google's own OpenAI-compatible endpoint has. */
function decodeCall(item: JsonObject): AssistantPart {
  const google = isJsonObject(item["extra_content"]) ? item["extra_content"]["google"] : undefined;
  const signature = isJsonObject(google) ? google["thought_signature"] : undefined;
  return {
    kind: "tool-call",
    id: stringOf(item["call_id"]),
    name: stringOf(item["name"]),
    argumentsJson: stringOf(item["arguments"]),
    ...(typeof signature === "string" ? { signature } : {}),
  };
}
