import type { AssistantPart, ChatMessage, ContentPart, MediaSource } from "../chat-request.ts";
import { isJsonObject, type JsonObject } from "../json.ts";

type Body = Record<string, unknown>;

/** Anthropic wants turns to alternate: neighbours of one role are merged, tool results first, in order. */
export function encodeMessages(messages: readonly ChatMessage[]): readonly Body[] {
  const turns: { role: "user" | "assistant"; content: Body[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = message.role === "assistant" ? encodeAssistant(message.content) : encodeUser(message);
    if (content.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content: [...content] });
  }
  return turns;
}

function encodeUser(message: ChatMessage & { readonly role: "user" | "tool" }): readonly Body[] {
  const content = encodeParts(message.content);
  if (message.role === "user") return content;
  return [
    {
      type: "tool_result",
      tool_use_id: toolId(message.toolCallId),
      ...(content.length === 0 ? {} : { content }),
      ...(message.isError ? { is_error: true } : {}),
    },
  ];
}

export function cacheControl(part: { readonly cacheControl?: JsonObject }): Body {
  return part.cacheControl === undefined ? {} : { cache_control: part.cacheControl };
}

/** Texts without a word are left out: Anthropic refuses them. */
export function encodeParts(parts: readonly ContentPart[]): Body[] {
  return parts.filter((part) => part.kind !== "text" || part.text.trim() !== "").map(encodePart);
}

function encodePart(part: ContentPart): Body {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text, ...cacheControl(part) };
    case "image":
      return { type: "image", source: encodeSource(part.source), ...cacheControl(part) };
    case "file": {
      const title = part.name === undefined ? {} : { title: part.name };
      return { type: "document", source: encodeDocument(part.source), ...title, ...cacheControl(part) };
    }
    case "audio":
      return { type: "text", text: "[audio that this model cannot hear]" };
  }
}

function encodeSource(source: MediaSource): Body {
  return source.kind === "url"
    ? { type: "url", url: source.url }
    : { type: "base64", media_type: source.mediaType, data: source.data };
}

/** Anthropic takes PDFs as base64, and texts as text. */
function encodeDocument(source: MediaSource): Body {
  if (source.kind === "url" || !source.mediaType.startsWith("text/")) return encodeSource(source);
  const data = textOfBase64(source.data);
  return data === null ? encodeSource(source) : { type: "text", media_type: "text/plain", data };
}

function textOfBase64(base64: string): string | null {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return null; // no base64: Anthropic says so to the client
  }
}

function encodeAssistant(parts: readonly AssistantPart[]): readonly Body[] {
  return parts.flatMap(encodeAssistantPart);
}

/** Thinking without a signature is another vendor's: Anthropic would refuse it, so it stays behind. */
function encodeAssistantPart(part: AssistantPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text.trim() === "" ? [] : [{ type: "text", text: part.text, ...cacheControl(part) }];
    case "refusal":
      return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
    case "reasoning":
      if (part.redacted !== undefined) return [{ type: "redacted_thinking", data: part.redacted }];
      // Base64, as Anthropic's are; another vendor's carry a mark of their own ("google:").
      return part.signature === undefined || part.signature === "" || part.signature.includes(":")
        ? []
        : [{ type: "thinking", thinking: part.text, signature: part.signature }];
    case "tool-call": {
      const input = parseInput(part.argumentsJson);
      return [{ type: "tool_use", id: toolId(part.id), name: part.name, input, ...cacheControl(part) }];
    }
  }
}

/** Anthropic accepts letters, digits, `_` and `-` in a tool call's id; the same id always becomes the same. */
function toolId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_");
}

/** Anthropic takes an object; what is none is kept within one. */
function parseInput(json: string): unknown {
  try {
    const input: unknown = json === "" ? {} : JSON.parse(json);
    return isJsonObject(input) ? input : { arguments: input };
  } catch {
    return { arguments: json };
  }
}

/** True when the last calls were made without a thought that Anthropic could verify. */
export function lastCallsAreUnthought(messages: readonly ChatMessage[]): boolean {
  const last = messages.findLast((message) => message.role === "assistant");
  if (last?.role !== "assistant" || !last.content.some(({ kind }) => kind === "tool-call")) return false;
  const blocks = encodeAssistant(last.content);
  return !blocks.some(({ type }) => type === "thinking" || type === "redacted_thinking");
}
