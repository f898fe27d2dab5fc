import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, numberOf, parseJsonObject } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { tokenCount, type Usage } from "../usage.ts";
import { type DecodeState, decodeCandidate, newState } from "./decode-candidate.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns streamed generateContent responses into events. One instance a stream. */
export function createGenerateContentDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  const state = newState();
  return {
    push({ data }) {
      if (data === null || data === "") return NONE;
      const body = parseJsonObject(data);
      return body === null ? NONE : decodeResponse(body, state); // one broken frame does not end a stream (F32)
    },
  };
}

/** A whole generateContent response as events. */
export function decodeGenerateContentReply(body: JsonObject): readonly ChatEvent[] {
  if (body["error"] === undefined && !Array.isArray(body["candidates"]) && body["promptFeedback"] === undefined) {
    return [{ kind: "error", status: 502, message: "no candidates" }];
  }
  return [...decodeResponse(body, newState()), { kind: "end" }];
}

function decodeResponse(body: JsonObject, state: DecodeState): readonly ChatEvent[] {
  const events: ChatEvent[] = [];
  if (!state.started) {
    state.started = true;
    events.push({ kind: "start", id: textOrNull(body["responseId"]), model: textOrNull(body["modelVersion"]) });
  }
  if (isJsonObject(body["error"])) {
    const code = numberOf(body["error"]["code"]);
    events.push({
      kind: "error",
      status: code >= 400 && code <= 599 ? code : 502,
      message: textOf(body["error"]["message"]),
    });
    return events;
  }
  const candidates = Array.isArray(body["candidates"]) ? body["candidates"] : [];
  for (const [position, candidate] of candidates.entries()) {
    if (isJsonObject(candidate)) decodeCandidate(candidate, position, state, events);
  }
  // An end, not a failure: other providers of the model block it too, and a caller must not be able to open a breaker.
  const feedback = body["promptFeedback"];
  const blocked = isJsonObject(feedback) ? textOrNull(feedback["blockReason"]) : null;
  if (blocked !== null) {
    events.push({ kind: "finish", choice: 0, reason: "content_filter", nativeReason: blocked, stopSequence: null });
  }
  if (isJsonObject(body["usageMetadata"])) events.push({ kind: "usage", usage: decodeUsage(body["usageMetadata"]) });
  return events;
}

/** Gemini's usage in disjoint parts: the prompt includes the cached part, thoughts come on top of the answer. */
function decodeUsage(usage: JsonObject): Usage {
  const prompt = tokenCount(usage["promptTokenCount"]) + tokenCount(usage["toolUsePromptTokenCount"]);
  const cacheRead = Math.min(prompt, tokenCount(usage["cachedContentTokenCount"]));
  return {
    inputUncached: prompt - cacheRead,
    cacheRead,
    cacheWrite: 0,
    cacheWriteOneHour: 0,
    output: tokenCount(usage["candidatesTokenCount"]),
    reasoning: tokenCount(usage["thoughtsTokenCount"]),
    source: "provider",
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
