import type { AssistantPart, ChatMessage, ContentPart, ReasoningPart } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { mediaSourceOf } from "../media-source.ts";

/** True for a content part that another format can carry; the others (`file_id`, video) are reported, not translated. */
export function isPlaced(part: JsonObject): boolean {
  return part["type"] === "refusal" || decodePart(part).length > 0;
}

/** One message in no vendor's format. It has passed `chatCompletionRequest`. */
export function decodeMessage(message: JsonObject): ChatMessage {
  switch (message["role"]) {
    case "system":
    case "developer":
      return { role: "system", content: decodeContent(message["content"]) };
    case "assistant":
      return { role: "assistant", content: decodeAssistant(message) };
    case "tool":
    case "function":
      return {
        role: "tool",
        toolCallId: stringOf(message["tool_call_id"] ?? message["name"]),
        content: decodeContent(message["content"]),
        isError: false,
      };
    default: {
      const name = message["name"];
      const content = decodeContent(message["content"]);
      return typeof name === "string" ? { role: "user", content, name } : { role: "user", content };
    }
  }
}

function decodeContent(content: JsonValue | undefined): readonly ContentPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodePart);
}

function decodePart(part: JsonObject): readonly ContentPart[] {
  const cacheControl = isJsonObject(part["cache_control"]) ? { cacheControl: part["cache_control"] } : {};
  const inner = part[String(part["type"])];
  switch (part["type"]) {
    case "text":
      return [{ kind: "text", text: stringOf(part["text"]), ...cacheControl }];
    case "image_url": {
      const url = isJsonObject(inner) ? stringOf(inner["url"]) : stringOf(inner);
      const detail = isJsonObject(inner) && typeof inner["detail"] === "string" ? { detail: inner["detail"] } : {};
      return [{ kind: "image", source: mediaSourceOf(url), ...detail, ...cacheControl }];
    }
    case "file": {
      if (!isJsonObject(inner) || typeof inner["file_data"] !== "string") return [];
      const name = typeof inner["filename"] === "string" ? { name: inner["filename"] } : {};
      return [{ kind: "file", source: mediaSourceOf(inner["file_data"]), ...name, ...cacheControl }];
    }
    case "input_audio":
      if (!isJsonObject(inner)) return [];
      return [{ kind: "audio", data: stringOf(inner["data"]), format: stringOf(inner["format"]), ...cacheControl }];
    default:
      return [];
  }
}

function decodeAssistant(message: JsonObject): readonly AssistantPart[] {
  const parts: AssistantPart[] = [...decodeReasoning(message)];
  for (const part of decodeContent(message["content"])) if (part.kind === "text") parts.push(part);
  const refusals = objectsOf(message["content"]).map((part) => (part["type"] === "refusal" ? part["refusal"] : ""));
  for (const refusal of [message["refusal"], ...refusals]) {
    if (typeof refusal === "string" && refusal !== "") parts.push({ kind: "refusal", text: refusal });
  }
  for (const call of objectsOf(message["tool_calls"])) {
    const called = call["function"];
    if (isJsonObject(called)) parts.push(toolCall(stringOf(call["id"]), called, signatureOfCall(call)));
  }
  // The form before tools has no ids: its result is known by the function's name.
  const called = message["function_call"];
  if (isJsonObject(called)) parts.push(toolCall(stringOf(called["name"]), called, {}));
  return parts;
}

function toolCall(id: string, called: JsonObject, signature: { readonly signature?: string }): AssistantPart {
  return {
    kind: "tool-call",
    id,
    name: stringOf(called["name"]),
    argumentsJson: stringOf(called["arguments"]),
    ...signature,
  };
}

/** Gemini's thought signature travels in `extra_content.google`, as Google's own OpenAI-compatible endpoint has it. */
function signatureOfCall(call: JsonObject): { signature?: string } {
  const google = isJsonObject(call["extra_content"]) ? call["extra_content"]["google"] : undefined;
  const signature = isJsonObject(google) ? google["thought_signature"] : undefined;
  return typeof signature === "string" ? { signature } : {};
}

/** `reasoning_details` (OpenRouter) carries signatures; without it `reasoning` or `reasoning_content` is plain text. */
function decodeReasoning(message: JsonObject): readonly ReasoningPart[] {
  const details = objectsOf(message["reasoning_details"]);
  if (details.length === 0) {
    const text = stringOf(message["reasoning"] ?? message["reasoning_content"]);
    return text === "" ? [] : [{ kind: "reasoning", text }];
  }
  const parts: ReasoningPart[] = [];
  let openIndex: JsonValue | undefined;
  for (const detail of details) {
    const part = reasoningPart(detail);
    const last = parts.at(-1);
    // A client that only collected a stream's pieces sends them back one by one; a block's have the same index.
    const goesOn = typeof detail["index"] === "number" && detail["index"] === openIndex;
    if (goesOn && last !== undefined && last.signature === undefined && isText(last) && isText(part)) {
      parts[parts.length - 1] = { ...last, ...part, text: last.text + part.text };
    } else parts.push(part);
    openIndex = detail["index"];
  }
  return parts;
}

function isText(part: ReasoningPart): boolean {
  return part.redacted === undefined;
}

function reasoningPart(detail: JsonObject): ReasoningPart {
  if (detail["type"] === "reasoning.encrypted") {
    return { kind: "reasoning", text: "", redacted: stringOf(detail["data"]) };
  }
  const text = stringOf(detail["text"] ?? detail["summary"]);
  const signature = stringOf(detail["signature"]);
  return signature === "" ? { kind: "reasoning", text } : { kind: "reasoning", text, signature };
}
