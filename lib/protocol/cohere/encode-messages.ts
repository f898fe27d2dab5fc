import type { AssistantPart, ChatMessage, ContentPart } from "../chat-request.ts";

type Body = Record<string, unknown>;

/** Messages as Cohere's (docs.cohere.com/reference/chat, read 2026-11-25), one for one. */
export function encodeMessages(messages: readonly ChatMessage[]): readonly Body[] {
  return messages.map(encodeMessage);
}

/** Kinds of content that Cohere has no place for, as they are reported. */
export function unplacedKinds(messages: readonly ChatMessage[]): readonly string[] {
  const kinds = messages.flatMap(({ content }) => content.map(({ kind }) => kind));
  return [...new Set(kinds.filter((kind) => kind === "file" || kind === "audio"))];
}

function encodeMessage(message: ChatMessage): Body {
  switch (message.role) {
    case "system":
      return { role: "system", content: textOf(message.content) };
    case "user":
      return { role: "user", content: encodeContent(message.content) };
    case "tool":
      return { role: "tool", tool_call_id: message.toolCallId, content: textOf(message.content) };
    case "assistant":
      return encodeAssistant(message.content);
  }
}

/** A single text stays a string, which every model takes; only those that see take parts. */
function encodeContent(parts: readonly ContentPart[]): unknown {
  return parts.some(({ kind }) => kind === "image") ? parts.map(encodePart) : textOf(parts);
}

function encodePart(part: ContentPart): Body {
  if (part.kind !== "image") return { type: "text", text: textOf([part]) };
  const { source, detail } = part;
  const url = source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
  return { type: "image_url", image_url: { url, ...(detail === undefined ? {} : { detail }) } };
}

function textOf(parts: readonly ContentPart[]): string {
  return parts.map(describe).join("");
}

/** What the model is told in place of what it cannot take, so that it does not answer as if nothing were there. */
function describe(part: ContentPart): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "image":
      return "[image]";
    case "file":
      return "[file that this model cannot read]";
    case "audio":
      return "[audio that this model cannot hear]";
  }
}

/** What was said before a call is Cohere's `tool_plan`. Thoughts are another vendor's, or not asked for back. */
function encodeAssistant(parts: readonly AssistantPart[]): Body {
  const text = parts.map((part) => (part.kind === "text" || part.kind === "refusal" ? part.text : "")).join("");
  const calls = parts.filter((part) => part.kind === "tool-call");
  if (calls.length === 0) return { role: "assistant", content: text };
  return {
    role: "assistant",
    ...(text === "" ? {} : { tool_plan: text }),
    tool_calls: calls.map(({ id, name, argumentsJson }) => ({
      id,
      type: "function",
      function: { name, arguments: argumentsJson },
    })),
  };
}
