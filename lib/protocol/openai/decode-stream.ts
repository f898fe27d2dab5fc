import type { ChatEvent, FinishReason } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { tokenCount, type Usage } from "../usage.ts";
import { PlainDelta } from "./plain-delta.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns chat completion chunks into events, tolerant of what providers make of them. One instance a stream. */
export function createChatStreamDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  let started = false;
  /** The last chunk that brought text and nothing else: most of a stream looks like it. */
  let plain: { readonly shape: PlainDelta; readonly choice: number } | null = null;
  const calls = new ToolCalls();

  function learn(data: string, events: readonly ChatEvent[]): void {
    const [only] = events;
    if (only?.kind !== "text" || only.logprobs !== undefined || events.length > 1) return;
    const shape = PlainDelta.of(data);
    plain = shape === null ? null : { shape, choice: only.choice };
  }

  return {
    push({ data }) {
      if (data === null || data === "") return NONE;
      const text = plain?.shape.textOf(data) ?? null;
      if (plain !== null && text !== null) return text === "" ? NONE : [{ kind: "text", choice: plain.choice, text }];
      if (data === "[DONE]") return [{ kind: "end" }];
      const chunk = parseObject(data);
      if (chunk === null) return NONE; // one broken frame does not end a stream; a missing end will (F30, F32)
      const events: ChatEvent[] = [];
      if (!started) {
        started = true;
        events.push({ kind: "start", id: textOrNull(chunk["id"]), model: textOrNull(chunk["model"]) });
      }
      const error = chunk["error"];
      if (error !== undefined && error !== null) {
        events.push(errorEvent(error));
        return events;
      }
      const choices = chunk["choices"];
      if (Array.isArray(choices)) {
        for (const choice of choices) if (isJsonObject(choice)) decodeChoice(choice, calls, events);
      }
      // Groq puts its usage under a name of its own.
      const usage = chunk["usage"] ?? (isJsonObject(chunk["x_groq"]) ? chunk["x_groq"]["usage"] : undefined);
      if (isJsonObject(usage)) events.push({ kind: "usage", usage: decodeUsage(usage) });
      learn(data, events);
      return events;
    },
  };
}

function parseObject(data: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(data);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function decodeChoice(choice: JsonObject, calls: ToolCalls, events: ChatEvent[]): void {
  const index = choiceIndex(choice["index"], 0);
  const delta = choice["delta"] ?? choice["message"];
  if (isJsonObject(delta)) decodeMessage(delta, choice["logprobs"], index, calls, events);
  const reason = choice["finish_reason"];
  if (typeof reason !== "string" || reason === "") return;
  if (reason === "error") events.push({ kind: "error", status: 502, message: "finish_reason error" });
  else {
    const nativeReason = textOrNull(choice["native_finish_reason"]) ?? reason;
    events.push({ kind: "finish", choice: index, reason: finishReasonOf(reason), nativeReason, stopSequence: null });
  }
}

/** OpenAI's most (`n`); what is beyond it is no index. */
const MAX_CHOICES = 128;

export function choiceIndex(index: JsonValue | undefined, otherwise: number): number {
  return typeof index === "number" && Number.isInteger(index) && index >= 0 && index < MAX_CHOICES ? index : otherwise;
}

/** A delta or a whole message: both hold the same members. */
export function decodeMessage(
  message: JsonObject,
  logprobs: JsonValue | undefined,
  choice: number,
  calls: ToolCalls,
  events: ChatEvent[],
): void {
  decodeReasoning(message, choice, events);
  const { content, refusal } = message;
  const text = typeof content === "string" ? content : textOfParts(content);
  if (text !== "") {
    const probabilities = isJsonObject(logprobs) ? { logprobs } : {};
    events.push({ kind: "text", choice, text, ...probabilities });
  }
  if (typeof refusal === "string" && refusal !== "") events.push({ kind: "refusal", choice, text: refusal });
  const toolCalls = message["tool_calls"];
  if (Array.isArray(toolCalls)) {
    for (const call of toolCalls) if (isJsonObject(call)) calls.decode(call, choice, events);
  }
  const annotations = message["annotations"];
  if (Array.isArray(annotations)) {
    for (const citation of annotations) if (isJsonObject(citation)) events.push({ kind: "citation", choice, citation });
  }
}

/** Mistral's reasoning models answer in parts; the text ones count here. */
function textOfParts(content: JsonValue | undefined): string {
  if (!Array.isArray(content)) return "";
  return content.map((part) => (isJsonObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("");
}

function decodeReasoning(message: JsonObject, choice: number, events: ChatEvent[]): void {
  const details = message["reasoning_details"];
  const plain = message["reasoning"] ?? message["reasoning_content"];
  let told = false;
  if (Array.isArray(details)) {
    for (const detail of details) {
      if (!isJsonObject(detail)) continue;
      const text = detail["text"] ?? detail["summary"];
      if (typeof text === "string" && text !== "") {
        events.push({ kind: "reasoning", choice, text });
        told = true;
      }
      const { signature, data } = detail;
      if (typeof signature === "string") events.push({ kind: "reasoning-signature", choice, signature });
      if (detail["type"] === "reasoning.encrypted" && typeof data === "string") {
        events.push({ kind: "reasoning-redacted", choice, data });
      }
    }
  }
  if (!told && typeof plain === "string" && plain !== "") events.push({ kind: "reasoning", choice, text: plain });
}

/** Tool calls of one reply: providers leave out indices and ids, or send a call in one piece. */
export class ToolCalls {
  readonly #tools = new Map<string, number>();
  readonly #counts = new Map<number, number>();

  decode(call: JsonObject, choice: number, events: ChatEvent[]): void {
    const called = isJsonObject(call["function"]) ? call["function"] : {};
    const { name, arguments: json } = called;
    const id = textOrNull(call["id"]);
    const index = call["index"];
    const key = `${choice} ${typeof index === "number" ? index : (id ?? "")}`;
    let tool = this.#tools.get(key) ?? (typeof index !== "number" && id === null ? this.#latest(choice) : undefined);
    const startsAnew =
      typeof name === "string" &&
      name !== "" &&
      (tool === undefined || (typeof index !== "number" && id !== null && !this.#tools.has(key)));
    if (tool === undefined || startsAnew) {
      tool = this.#counts.get(choice) ?? 0;
      this.#counts.set(choice, tool + 1);
      this.#tools.set(key, tool);
      const signature = signatureOf(call);
      events.push({
        kind: "tool-start",
        choice,
        tool,
        id: id ?? `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`,
        name: typeof name === "string" ? name : "",
        ...(signature === null ? {} : { signature }),
      });
    }
    const text = typeof json === "string" ? json : isJsonObject(json) ? JSON.stringify(json) : "";
    if (text !== "") events.push({ kind: "tool-arguments", choice, tool, json: text });
  }

  /** The call that a fragment without index and id belongs to: the one begun last. */
  #latest(choice: number): number | undefined {
    const count = this.#counts.get(choice);
    return count === undefined ? undefined : count - 1;
  }
}

function signatureOf(call: JsonObject): string | null {
  const google = isJsonObject(call["extra_content"]) ? call["extra_content"]["google"] : undefined;
  return isJsonObject(google) ? textOrNull(google["thought_signature"]) : null;
}

export function finishReasonOf(reason: string): FinishReason {
  switch (reason) {
    case "length":
    case "max_tokens":
    case "model_length":
      return "length";
    case "tool_calls":
    case "function_call":
      return "tool_calls";
    case "content_filter":
      return "content_filter";
    default:
      return "stop";
  }
}

/** What an error inside a 200 would have been as a status: its own code where it is one, else a bad gateway. */
export function errorEvent(error: JsonValue): ChatEvent {
  const details: JsonObject = isJsonObject(error) ? error : { message: String(error) };
  const code = Number(details["code"] ?? details["status"] ?? Number.NaN);
  const status = code >= 400 && code <= 599 ? code : statusOfType(String(details["type"] ?? details["code"] ?? ""));
  return { kind: "error", status, message: textOrNull(details["message"]) ?? "" };
}

function statusOfType(type: string): number {
  if (/rate_limit|too_many/.test(type)) return 429;
  if (/overloaded|unavailable|capacity/.test(type)) return 503;
  if (/invalid_request|context_length/.test(type)) return 400;
  return 502;
}

/**
 * OpenAI's usage in disjoint parts. Completion tokens include reasoning, except at providers (xAI) whose total shows
 * that reasoning comes on top. An explicit 0 is a report like any other.
 */
export function decodeUsage(usage: JsonObject): Usage {
  const prompt = tokenCount(usage["prompt_tokens"]);
  const completion = tokenCount(usage["completion_tokens"]);
  const inputDetails = isJsonObject(usage["prompt_tokens_details"]) ? usage["prompt_tokens_details"] : {};
  const outputDetails = isJsonObject(usage["completion_tokens_details"]) ? usage["completion_tokens_details"] : {};
  // DeepSeek reports cache hits beside the details: prompt_cache_hit_tokens.
  const cacheRead = Math.min(prompt, tokenCount(inputDetails["cached_tokens"] ?? usage["prompt_cache_hit_tokens"]));
  const cacheWrite = Math.min(prompt - cacheRead, tokenCount(inputDetails["cache_write_tokens"]));
  const reasoning = tokenCount(outputDetails["reasoning_tokens"]);
  const onTop = reasoning > 0 && tokenCount(usage["total_tokens"]) === prompt + completion + reasoning;
  return {
    inputUncached: prompt - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWriteOneHour: 0,
    output: onTop ? completion : completion - Math.min(completion, reasoning),
    reasoning: onTop ? reasoning : Math.min(completion, reasoning),
    source: "provider",
  };
}

export function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
