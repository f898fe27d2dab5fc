import type { ChatEvent, FinishReason } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { newToolCallId } from "../tool-call-id.ts";
import { markSignature } from "./signature.ts";

/** What is remembered from one response of a stream to the next. */
export interface DecodeState {
  started: boolean;
  /** Tool calls so far, by choice: every call of a reply has an index of its own. */
  readonly calls: Map<number, number>;
}

export const newState = (): DecodeState => ({ started: false, calls: new Map() });

/** More candidates than anybody can ask for; a larger index is nonsense. */
const MAX_CHOICES = 128;

/** One candidate of a response: its parts in their order, then its sources, then its end. */
export function decodeCandidate(
  candidate: JsonObject,
  position: number,
  state: DecodeState,
  events: ChatEvent[],
): void {
  const choice = choiceOf(candidate["index"], position);
  const content = isJsonObject(candidate["content"]) ? candidate["content"] : {};
  const parts = Array.isArray(content["parts"]) ? content["parts"] : [];
  const first = events.length;
  for (const part of parts) if (isJsonObject(part)) decodePart(part, choice, state, events);
  const logprobs = decodeLogprobs(candidate["logprobsResult"]);
  if (logprobs !== null) attachLogprobs(events, first, choice, logprobs);
  for (const citation of citationsOf(candidate)) events.push({ kind: "citation", choice, citation });
  const native = textOrNull(candidate["finishReason"]);
  if (native === null || native === "FINISH_REASON_UNSPECIFIED") return;
  const called = (state.calls.get(choice) ?? 0) > 0;
  const reason = finishReasonOf(native);
  const ended = reason === "stop" && called ? "tool_calls" : reason;
  events.push({ kind: "finish", choice, reason: ended, nativeReason: native, stopSequence: null });
}

function choiceOf(index: JsonValue | undefined, position: number): number {
  const usable = typeof index === "number" && Number.isInteger(index) && index >= 0 && index < MAX_CHOICES;
  return usable ? index : Math.min(position, MAX_CHOICES - 1);
}

function decodePart(part: JsonObject, choice: number, state: DecodeState, events: ChatEvent[]): void {
  const call = part["functionCall"];
  if (isJsonObject(call)) {
    decodeCall(part, call, choice, state, events);
    return;
  }
  const text = contentOf(part);
  if (text !== "") events.push({ kind: part["thought"] === true ? "reasoning" : "text", choice, text });
  const signature = textOf(part["thoughtSignature"]);
  if (signature !== "") events.push({ kind: "reasoning-signature", choice, signature: markSignature(signature) });
}

/** A Gemini call comes whole: one start and its arguments, with an index that counts on over all chunks. */
function decodeCall(part: JsonObject, call: JsonObject, choice: number, state: DecodeState, events: ChatEvent[]): void {
  const tool = state.calls.get(choice) ?? 0;
  state.calls.set(choice, tool + 1);
  const id = textOf(call["id"]) || newToolCallId();
  // Known as Google's by the field that it travels in, so it needs no mark.
  const signature = textOf(part["thoughtSignature"]);
  const signed = signature === "" ? {} : { signature };
  events.push({ kind: "tool-start", choice, tool, id, name: textOf(call["name"]), ...signed });
  events.push({ kind: "tool-arguments", choice, tool, json: JSON.stringify(call["args"] ?? {}) });
}

/** What a part says, as text: neither client format has a place for code that ran or for a picture in an answer. */
function contentOf(part: JsonObject): string {
  const { executableCode: code, codeExecutionResult: result, inlineData: media } = part;
  if (isJsonObject(code)) return `\n\`\`\`${textOf(code["language"]).toLowerCase()}\n${textOf(code["code"])}\n\`\`\`\n`;
  if (isJsonObject(result)) return `\n\`\`\`\n${textOf(result["output"])}\n\`\`\`\n`;
  if (isJsonObject(media)) return `![image](data:${textOf(media["mimeType"])};base64,${textOf(media["data"])})`;
  return textOf(part["text"]);
}

/** Log probabilities belong to the whole response: they go with its first text, or alone where it has none. */
function attachLogprobs(events: ChatEvent[], from: number, choice: number, logprobs: JsonObject): void {
  const index = events.findIndex((event, at) => at >= from && event.kind === "text");
  const event = events[index];
  if (event?.kind === "text") events[index] = { ...event, logprobs };
  else events.push({ kind: "text", choice, text: "", logprobs });
}

/** Gemini's log probabilities in OpenAI's shape. */
function decodeLogprobs(result: JsonValue | undefined): JsonObject | null {
  if (!isJsonObject(result) || !Array.isArray(result["chosenCandidates"])) return null;
  const top = Array.isArray(result["topCandidates"]) ? result["topCandidates"] : [];
  const content = result["chosenCandidates"].map((chosen, index) => {
    const alternatives = top[index];
    const candidates =
      isJsonObject(alternatives) && Array.isArray(alternatives["candidates"]) ? alternatives["candidates"] : [];
    return { ...tokenLogprob(chosen), top_logprobs: candidates.map(tokenLogprob) };
  });
  return content.length === 0 ? null : { content, refusal: null };
}

function tokenLogprob(candidate: JsonValue): JsonObject {
  const { token, logProbability } = isJsonObject(candidate) ? candidate : {};
  return { token: textOf(token), logprob: typeof logProbability === "number" ? logProbability : 0, bytes: null };
}

/** Sources that a grounded answer names, in OpenAI's annotation shape. */
function citationsOf(candidate: JsonObject): readonly JsonObject[] {
  const grounding = candidate["groundingMetadata"];
  if (!isJsonObject(grounding) || !Array.isArray(grounding["groundingChunks"])) return [];
  return grounding["groundingChunks"].flatMap((chunk) => {
    const web = isJsonObject(chunk) ? chunk["web"] : undefined;
    if (!isJsonObject(web)) return [];
    return [{ type: "url_citation", url_citation: { url: textOf(web["uri"]), title: textOf(web["title"]) } }];
  });
}

/** ai.google.dev/api/generate-content#FinishReason (read 2026-11-23). */
function finishReasonOf(native: string): FinishReason {
  switch (native) {
    case "MAX_TOKENS":
      return "length";
    case "SAFETY":
    case "RECITATION":
    case "LANGUAGE":
    case "BLOCKLIST":
    case "PROHIBITED_CONTENT":
    case "SPII":
    case "IMAGE_SAFETY":
    case "IMAGE_PROHIBITED_CONTENT":
    case "IMAGE_RECITATION":
      return "content_filter";
    case "MALFORMED_FUNCTION_CALL":
    case "MALFORMED_RESPONSE":
    case "MISSING_THOUGHT_SIGNATURE":
    case "TOO_MANY_TOOL_CALLS":
    case "UNEXPECTED_TOOL_CALL":
      return "error";
    default:
      return "stop";
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
