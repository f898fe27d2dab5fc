import type { AssistantPart, ChatMessage, ContentPart, MediaSource } from "../chat-request.ts";
import { isJsonObject, type JsonObject } from "../json.ts";

export type Body = Record<string, unknown>;

/**
 * Messages as Converse's (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html, read 2026-11-25): turns
 * alternate, so neighbours of one role are merged.
 * @param caches false for a model that refuses `cachePoint`
 */
export function encodeMessages(messages: readonly ChatMessage[], caches: boolean): readonly Body[] {
  const turns: { role: "user" | "assistant"; content: Body[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = encodeMessage(message, caches);
    const last = turns.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content: [...content] });
  }
  for (const { content } of turns) nameLoneDocuments(content);
  return turns;
}

export function encodeSystem(messages: readonly ChatMessage[], caches: boolean): readonly Body[] {
  return messages.flatMap((message) => (message.role === "system" ? encodeParts(message.content, caches) : []));
}

/** What of the messages has no place in Converse, as it is reported. */
export function unplacedKinds(messages: readonly ChatMessage[]): readonly string[] {
  const kinds = messages.flatMap(({ content }) =>
    content.flatMap((part) => {
      if (part.kind === "audio") return ["audio"];
      if (part.kind === "image") return imageBlock(part.source) === null ? ["image_url"] : [];
      return part.kind === "file" && documentBlock(part.source, "") === null ? ["file"] : [];
    }),
  );
  return [...new Set(kinds)];
}

function encodeMessage(message: Exclude<ChatMessage, { role: "system" }>, caches: boolean): readonly Body[] {
  switch (message.role) {
    case "user":
      return encodeParts(message.content, caches);
    case "assistant":
      return message.content.flatMap((part) => encodeAssistantPart(part, caches));
    case "tool": {
      const content = encodeParts(message.content, false);
      const result = {
        toolUseId: toolId(message.toolCallId),
        content: content.length === 0 ? [{ text: "(no output)" }] : content,
        ...(message.isError ? { status: "error" } : {}),
      };
      return [{ toolResult: result }, ...message.content.flatMap((part) => cachePoint(part, caches))];
    }
  }
}

/** Blank texts are refused. */
function encodeParts(parts: readonly ContentPart[], caches: boolean): readonly Body[] {
  return parts.flatMap((part) =>
    part.kind === "text" && part.text.trim() === "" ? [] : [encodePart(part), ...cachePoint(part, caches)],
  );
}

/** A breakpoint is a block of its own, after what it is on. */
export function cachePoint(part: { readonly cacheControl?: JsonObject }, caches: boolean): readonly Body[] {
  if (!caches || part.cacheControl === undefined) return [];
  return [{ cachePoint: { type: "default", ...(part.cacheControl["ttl"] === "1h" ? { ttl: "1h" } : {}) } }];
}

function encodePart(part: ContentPart): Body {
  switch (part.kind) {
    case "text":
      return { text: part.text };
    case "image":
      return imageBlock(part.source) ?? { text: "[image that this model cannot fetch]" };
    case "file":
      return documentBlock(part.source, part.name ?? "") ?? { text: "[file that this model cannot read]" };
    case "audio":
      return { text: "[audio that this model cannot hear]" };
  }
}

const IMAGE_FORMATS: ReadonlyMap<string, string> = new Map([
  ["image/png", "png"],
  ["image/jpeg", "jpeg"],
  ["image/jpg", "jpeg"],
  ["image/gif", "gif"],
  ["image/webp", "webp"],
]);

/** Null for an address, which Bedrock does not fetch, and for a format that it does not know. */
function imageBlock(source: MediaSource): Body | null {
  const format = source.kind === "base64" ? IMAGE_FORMATS.get(source.mediaType) : undefined;
  return source.kind !== "base64" || format === undefined
    ? null
    : { image: { format, source: { bytes: source.data } } };
}

const DOCUMENT_FORMATS: ReadonlyMap<string, string> = new Map([
  ["application/pdf", "pdf"],
  ["text/csv", "csv"],
  ["text/html", "html"],
  ["text/markdown", "md"],
  ["text/plain", "txt"],
  ["application/msword", "doc"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"],
  ["application/vnd.ms-excel", "xls"],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"],
]);

function documentBlock(source: MediaSource, name: string): Body | null {
  const format = source.kind === "base64" ? DOCUMENT_FORMATS.get(source.mediaType) : undefined;
  if (source.kind !== "base64" || format === undefined) return null;
  return { document: { format, name: documentName(name), source: { bytes: source.data } } };
}

/** Letters, digits, single blanks, hyphens, brackets: anything else in a name is refused. */
function documentName(name: string): string {
  const clean = name
    .replace(/[^a-zA-Z0-9\s\-()[\]]+/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
  return clean === "" ? "document" : clean;
}

/** Bedrock refuses a message of documents without a word. */
function nameLoneDocuments(content: Body[]): void {
  const hasDocument = content.some(({ document }) => document !== undefined);
  if (hasDocument && !content.some(({ text }) => text !== undefined)) content.push({ text: "See the document." });
}

/** Thinking without a signature is another vendor's: it would be refused, so it stays behind. */
function encodeAssistantPart(part: AssistantPart, caches: boolean): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text.trim() === "" ? [] : [{ text: part.text }, ...cachePoint(part, caches)];
    case "refusal":
      return part.text.trim() === "" ? [] : [{ text: part.text }];
    case "reasoning": {
      if (part.redacted !== undefined) return [{ reasoningContent: { redactedContent: part.redacted } }];
      const { text, signature = "" } = part;
      // Base64; other vendors' carry a mark of their own ("google:").
      return signature === "" || signature.includes(":")
        ? []
        : [{ reasoningContent: { reasoningText: { text, signature } } }];
    }
    case "tool-call": {
      const toolUse = { toolUseId: toolId(part.id), name: part.name, input: parseInput(part.argumentsJson) };
      return [{ toolUse }, ...cachePoint(part, caches)];
    }
  }
}

/** Letters, digits, `_` and `-`, 64 at the most; the same id always becomes the same. */
function toolId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_").slice(-64);
}

/** Bedrock takes an object; what is none is kept within one. */
function parseInput(json: string): unknown {
  try {
    const input: unknown = json === "" ? {} : JSON.parse(json);
    return isJsonObject(input) ? input : { arguments: input };
  } catch {
    return { arguments: json };
  }
}
