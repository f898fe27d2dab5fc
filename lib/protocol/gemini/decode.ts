import type { ChatEvent, FinishReason } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { tokenCount, type Usage } from "../usage.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns streamed generateContent responses into events. One instance a stream. */
export function createGenerateContentDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  const state = newState();
  return {
    push({ data }) {
      if (data === null || data === "") return NONE;
      const body = parseObject(data);
      return body === null ? NONE : decodeResponse(body, state);
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

interface DecodeState {
  started: boolean;
  /** Tool calls so far, by choice: every call of a reply has an index of its own. */
  readonly calls: Map<number, number>;
}

const newState = (): DecodeState => ({ started: false, calls: new Map() });

function parseObject(data: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(data);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function decodeResponse(body: JsonObject, state: DecodeState): readonly ChatEvent[] {
  const events: ChatEvent[] = [];
  if (!state.started) {
    state.started = true;
    events.push({ kind: "start", id: textOrNull(body["responseId"]), model: textOrNull(body["modelVersion"]) });
  }
  if (isJsonObject(body["error"])) {
    const code = Number(body["error"]["code"]);
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
  const feedback = body["promptFeedback"];
  const blocked = isJsonObject(feedback) ? textOrNull(feedback["blockReason"]) : null;
  if (blocked !== null) {
    events.push({ kind: "finish", choice: 0, reason: "content_filter", nativeReason: blocked, stopSequence: null });
  }
  if (isJsonObject(body["usageMetadata"])) events.push({ kind: "usage", usage: decodeUsage(body["usageMetadata"]) });
  return events;
}

function decodeCandidate(candidate: JsonObject, position: number, state: DecodeState, events: ChatEvent[]): void {
  const choice = typeof candidate["index"] === "number" ? candidate["index"] : position;
  const content = isJsonObject(candidate["content"]) ? candidate["content"] : {};
  const parts = Array.isArray(content["parts"]) ? content["parts"] : [];
  const logprobs = decodeLogprobs(candidate["logprobsResult"]);
  for (const part of parts) if (isJsonObject(part)) decodePart(part, choice, logprobs, state, events);
  for (const citation of citationsOf(candidate)) events.push({ kind: "citation", choice, citation });
  const native = textOrNull(candidate["finishReason"]);
  if (native === null || native === "FINISH_REASON_UNSPECIFIED") return;
  const called = (state.calls.get(choice) ?? 0) > 0;
  const reason = finishReasonOf(native);
  const ended = reason === "stop" && called ? "tool_calls" : reason;
  events.push({ kind: "finish", choice, reason: ended, nativeReason: native, stopSequence: null });
}

function decodePart(
  part: JsonObject,
  choice: number,
  logprobs: JsonObject | null,
  state: DecodeState,
  events: ChatEvent[],
): void {
  const signature = textOrNull(part["thoughtSignature"]);
  const call = part["functionCall"];
  if (isJsonObject(call)) {
    // A Gemini call comes whole: one start and its arguments, with an index that counts on over all chunks.
    const tool = state.calls.get(choice) ?? 0;
    state.calls.set(choice, tool + 1);
    const id = textOrNull(call["id"]) ?? `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
    events.push({
      kind: "tool-start",
      choice,
      tool,
      id,
      name: textOf(call["name"]),
      ...(signature === null ? {} : { signature }),
    });
    events.push({ kind: "tool-arguments", choice, tool, json: JSON.stringify(call["args"] ?? {}) });
    return;
  }
  const text = textOf(part["text"]);
  if (part["thought"] === true) {
    if (text !== "") events.push({ kind: "reasoning", choice, text });
  } else if (text !== "") {
    events.push({ kind: "text", choice, text, ...(logprobs === null ? {} : { logprobs }) });
  } else if (isJsonObject(part["executableCode"])) {
    events.push({ kind: "text", choice, text: textOf(part["executableCode"]["code"]) });
  } else if (isJsonObject(part["codeExecutionResult"])) {
    events.push({ kind: "text", choice, text: textOf(part["codeExecutionResult"]["output"]) });
  } else if (isJsonObject(part["inlineData"])) {
    const { mimeType, data } = part["inlineData"];
    events.push({ kind: "text", choice, text: `![image](data:${textOf(mimeType)};base64,${textOf(data)})` });
  }
  if (signature !== null) events.push({ kind: "reasoning-signature", choice, signature });
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
  return { content, refusal: null };
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
      return "content_filter";
    case "MALFORMED_FUNCTION_CALL":
    case "UNEXPECTED_TOOL_CALL":
      return "error";
    default:
      return "stop";
  }
}

/** Gemini's usage in disjoint parts: the prompt includes the cached part, thoughts come on top of the answer. */
export function decodeUsage(usage: JsonObject): Usage {
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
