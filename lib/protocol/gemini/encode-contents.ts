import type { AssistantPart, ChatMessage, ContentPart, MediaSource } from "../chat-request.ts";
import { isJsonObject } from "../json.ts";
import { googleSignature, UNSIGNED_CALL } from "./signature.ts";

type Body = Record<string, unknown>;

interface Turn {
  readonly role: "user" | "model";
  readonly parts: Body[];
}

export interface EncodedContents {
  readonly contents: readonly Turn[];
  /** Null where there is none. */
  readonly systemInstruction: { readonly parts: readonly Body[] } | null;
}

/**
 * Messages as Gemini's turns: neighbours of one role are merged, a tool's result names the function that its call named.
 * @param callsNeedSignature Gemini 3 and later refuse a call of theirs in the history that nobody signed
 * @param takesCallIds false where a call's id is an unknown field
 */
export function encodeContents(
  messages: readonly ChatMessage[],
  callsNeedSignature: boolean,
  takesCallIds: boolean,
): EncodedContents {
  const turns: Turn[] = [];
  const names = new Map<string, string>();
  const system: Body[] = [];
  for (const message of messages) {
    if (message.role === "system") {
      system.push(...message.content.flatMap(encodePart));
      continue;
    }
    const parts = encodeMessage(message, names);
    if (parts.length === 0) continue;
    const role = message.role === "assistant" ? "model" : "user";
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else turns.push({ role, parts: [...parts] });
  }
  if (!takesCallIds) for (const turn of turns) for (const part of turn.parts) dropId(part);
  if (callsNeedSignature) for (const turn of turns) signFirstCall(turn.parts);
  // Instructions alone are no conversation to Gemini, though they are one to OpenAI.
  if (turns.length === 0 && system.length > 0)
    return { contents: [{ role: "user", parts: system }], systemInstruction: null };
  return { contents: turns, systemInstruction: system.length === 0 ? null : { parts: system } };
}

function encodeMessage(message: Exclude<ChatMessage, { role: "system" }>, names: Map<string, string>): readonly Body[] {
  switch (message.role) {
    case "user":
      return message.content.flatMap(encodePart);
    case "tool": {
      const name = names.get(message.toolCallId) ?? message.toolCallId;
      const media = message.content.filter((part) => part.kind !== "text").flatMap(encodePart);
      return [{ functionResponse: { id: message.toolCallId, name, response: responseOf(message) } }, ...media];
    }
    case "assistant":
      for (const part of message.content) if (part.kind === "tool-call") names.set(part.id, part.name);
      return message.content.flatMap(encodeAssistantPart);
  }
}

function dropId({ functionCall, functionResponse }: Body): void {
  for (const call of [functionCall, functionResponse]) if (isJsonObject(call)) Reflect.deleteProperty(call, "id");
}

/** Of parallel calls the first carries the signature for all of them. */
function signFirstCall(parts: readonly Body[]): void {
  const first = parts.find((part) => part["functionCall"] !== undefined);
  if (first !== undefined) first["thoughtSignature"] ??= UNSIGNED_CALL;
}

/** Gemini wants an object: a JSON object is given as it is, anything else under the key its documentation uses. */
function responseOf(message: ChatMessage & { readonly role: "tool" }): unknown {
  const text = message.content.map((part) => (part.kind === "text" ? part.text : "")).join("");
  const parsed = parseObject(text);
  if (message.isError) return { error: parsed ?? text };
  return parsed ?? { result: text };
}

function parseObject(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Empty texts are left out: Gemini refuses a part without content. */
function encodePart(part: ContentPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text === "" ? [] : [{ text: part.text }];
    case "image":
    case "file":
      return [encodeMedia(part.source)];
    case "audio":
      return [{ inlineData: { mimeType: `audio/${part.format}`, data: part.data } }];
  }
}

function encodeMedia(source: MediaSource): Body {
  if (source.kind === "base64") return { inlineData: { mimeType: source.mediaType, data: source.data } };
  const mimeType = mimeTypeOf(source.url);
  return { fileData: { fileUri: source.url, ...(mimeType === null ? {} : { mimeType }) } };
}

/** What Google fetches from a URL (ai.google.dev/gemini-api/docs/file-input-methods, read 2026-11-23). */
const MIME_TYPES: Readonly<Record<string, string>> = {
  bmp: "image/bmp",
  csv: "text/csv",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  txt: "text/plain",
  webp: "image/webp",
};

/** By the name's ending; null where that tells nothing, and Google looks for itself. */
function mimeTypeOf(url: string): string | null {
  const path = URL.parse(url)?.pathname ?? "";
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(MIME_TYPES, ending) ? (MIME_TYPES[ending] ?? null) : null;
}

function encodeAssistantPart(part: AssistantPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text === "" ? [] : [{ text: part.text }];
    case "refusal":
      return part.text === "" ? [] : [{ text: part.text }];
    case "reasoning": {
      const thoughtSignature = googleSignature(part.signature);
      if (thoughtSignature === null) return []; // unsigned thoughts, and other vendors', are of no use to Gemini
      return [part.text === "" ? { text: "", thoughtSignature } : { text: part.text, thought: true, thoughtSignature }];
    }
    case "tool-call": {
      const signature = (part.signature ?? "") === "" ? {} : { thoughtSignature: part.signature };
      const args = parseObject(part.argumentsJson) ?? {};
      return [{ functionCall: { id: part.id, name: part.name, args }, ...signature }];
    }
  }
}
