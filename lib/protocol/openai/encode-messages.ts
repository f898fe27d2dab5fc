import type { AssistantPart, ChatMessage, ContentPart, MediaSource, ReasoningPart } from "../chat-request.ts";
import type { JsonValue } from "../json.ts";
import { extraContent } from "./encode-stream.ts";

type Body = Record<string, unknown>;

/**
 * Fields beyond OpenAI's that the provider takes on messages and their parts; a server that does not know one refuses the
 * request. `cache_control` (Anthropic's, on parts and tools), `reasoning_details` (OpenRouter), `reasoning_content` (DeepSeek).
 */
export type Extensions = readonly string[];

type ToolMessage = ChatMessage & { readonly role: "tool" };

/**
 * Messages as OpenAI's. A tool's result may hold text only there: its pictures and files follow in a user message, after
 * all results of the turn, which must stand next to each other.
 */
export function encodeMessages(messages: readonly ChatMessage[], extensions: Extensions): readonly Body[] {
  const encoded: Body[] = [];
  let attachments: JsonValue[] = [];
  const flush = () => {
    if (attachments.length > 0) encoded.push({ role: "user", content: attachments });
    attachments = [];
  };
  for (const message of messages) {
    if (message.role !== "tool") flush();
    else attachments.push(...attachmentsOf(message, extensions));
    encoded.push(encodeMessage(message, extensions));
  }
  flush();
  return encoded;
}

function encodeMessage(message: ChatMessage, extensions: Extensions): Body {
  switch (message.role) {
    case "system":
      return { role: "system", content: encodeContent(message.content, extensions) };
    case "user":
      return {
        role: "user",
        content: encodeContent(message.content, extensions),
        ...(message.name === undefined ? {} : { name: message.name }),
      };
    case "tool": {
      const texts = message.content.filter((part) => part.kind === "text");
      const content = texts.length === 0 && message.content.length > 0 ? SEE_BELOW : encodeContent(texts, extensions);
      return { role: "tool", tool_call_id: message.toolCallId, content };
    }
    case "assistant":
      return encodeAssistant(message.content, extensions);
  }
}

const SEE_BELOW = "The result is attached below.";

function attachmentsOf({ toolCallId, content }: ToolMessage, extensions: Extensions): readonly JsonValue[] {
  const media = content.filter((part) => part.kind !== "text");
  if (media.length === 0) return [];
  const caption = { type: "text", text: `Attached to the result of tool call ${toolCallId}:` };
  return [caption, ...media.map((part) => encodePart(part, extensions))];
}

/** A single text stays a string, which every compatible server understands. */
function encodeContent(parts: readonly ContentPart[], extensions: Extensions): JsonValue {
  const [first, ...more] = parts;
  if (first === undefined) return "";
  const marked = extensions.includes("cache_control") && first.cacheControl !== undefined;
  if (first.kind === "text" && more.length === 0 && !marked) return first.text;
  return parts.map((part) => encodePart(part, extensions));
}

function encodePart(part: ContentPart, extensions: Extensions): { readonly [key: string]: JsonValue } {
  const cached =
    extensions.includes("cache_control") && part.cacheControl !== undefined ? { cache_control: part.cacheControl } : {};
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text, ...cached };
    case "image": {
      const detail = part.detail === undefined ? {} : { detail: part.detail };
      return { type: "image_url", image_url: { url: urlOf(part.source), ...detail }, ...cached };
    }
    case "file": {
      const name = part.name === undefined ? {} : { filename: part.name };
      return { type: "file", file: { file_data: urlOf(part.source), ...name }, ...cached };
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format }, ...cached };
  }
}

function urlOf(source: MediaSource): string {
  return source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
}

function encodeAssistant(parts: readonly AssistantPart[], extensions: Extensions): Body {
  const texts = parts.filter((part) => part.kind === "text");
  const calls = parts.filter((part) => part.kind === "tool-call");
  const reasoning = parts.filter((part) => part.kind === "reasoning");
  const refusal = parts.find((part) => part.kind === "refusal");
  const text = texts.map((part) => part.text).join("");
  const marked = extensions.includes("cache_control") && texts.some((part) => part.cacheControl !== undefined);
  const said = marked ? texts.map((part) => encodePart(part, extensions)) : text;
  const message: Body = { role: "assistant", content: text === "" && calls.length > 0 ? null : said };
  if (refusal?.kind === "refusal") message["refusal"] = refusal.text;
  if (reasoning.length > 0 && extensions.includes("reasoning_details")) {
    message["reasoning_details"] = reasoning.map(reasoningDetail);
  }
  // DeepSeek wants it with calls only, and then even where there was no thought.
  if (extensions.includes("reasoning_content") && calls.length > 0) {
    message["reasoning_content"] = reasoning.map((part) => part.text).join("");
  }
  if (calls.length > 0) {
    message["tool_calls"] = calls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.argumentsJson },
      ...extraContent(call.signature),
    }));
  }
  return message;
}

function reasoningDetail(part: ReasoningPart, index: number): Body {
  if (part.redacted !== undefined) return { type: "reasoning.encrypted", data: part.redacted, index };
  const signed = part.signature === undefined ? {} : { signature: part.signature };
  return { type: "reasoning.text", text: part.text, index, ...signed };
}
