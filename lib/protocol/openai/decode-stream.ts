import type { ChatEvent, FinishReason } from "../chat-event.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  numberOf,
  objectsOf,
  parseJsonObject,
  stringOf,
} from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { decodeUsage } from "./decode-usage.ts";
import { PlainDelta } from "./plain-delta.ts";
import { ToolCalls } from "./tool-calls.ts";

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
      const chunk = parseJsonObject(data);
      if (chunk === null) return NONE; // one broken frame does not end a stream; a missing end will (F30, F32)
      const events: ChatEvent[] = [];
      // Azure's first chunk is a placeholder without id or choices: the one after it knows both.
      if (!started && !isPlaceholder(chunk)) {
        started = true;
        events.push(startEvent(chunk));
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
      const usage = usageOf(chunk, choices);
      if (isJsonObject(usage)) events.push({ kind: "usage", usage: decodeUsage(usage) });
      learn(data, events);
      return events;
    },
  };
}

/** Groq puts its usage under a name of its own, Moonshot into the choice that it ends. */
function usageOf(chunk: JsonObject, choices: JsonValue | undefined): JsonValue | undefined {
  const { usage, x_groq: groq } = chunk;
  if (isJsonObject(usage)) return usage;
  if (isJsonObject(groq) && isJsonObject(groq["usage"])) return groq["usage"];
  return objectsOf(choices).find((choice) => isJsonObject(choice["usage"]))?.["usage"];
}

function isPlaceholder({ id, choices, error }: JsonObject): boolean {
  return id === "" && Array.isArray(choices) && choices.length === 0 && (error === undefined || error === null);
}

export function startEvent({ id, model }: JsonObject): ChatEvent {
  return { kind: "start", id: id === "" ? null : textOrNull(id), model: model === "" ? null : textOrNull(model) };
}

function decodeChoice(choice: JsonObject, calls: ToolCalls, events: ChatEvent[]): void {
  const index = choiceIndex(choice["index"], 0);
  const delta = choice["delta"] ?? choice["message"];
  if (isJsonObject(delta)) decodeMessage(delta, choice["logprobs"], index, calls, events);
  decodeFinish(choice, index, calls, events);
}

/** OpenAI ends a forced tool call with `stop`; clients of the other formats look for the call by its reason. */
export function decodeFinish(choice: JsonObject, index: number, calls: ToolCalls, events: ChatEvent[]): void {
  const reason = choice["finish_reason"];
  if (typeof reason !== "string" || reason === "") return;
  if (reason === "error") {
    events.push({ kind: "error", status: 502, message: "finish_reason error" });
    return;
  }
  const told = finishReasonOf(reason);
  events.push({
    kind: "finish",
    choice: index,
    reason: told === "stop" && calls.count(index) > 0 ? "tool_calls" : told,
    nativeReason: textOrNull(choice["native_finish_reason"]) ?? reason,
    stopSequence: null,
  });
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
  const { content, refusal, function_call: called } = message;
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
  if (isJsonObject(message["audio"])) events.push({ kind: "opaque", choice });
  // The form before tools: one call without an id.
  if (isJsonObject(called)) calls.decode({ index: 0, function: called }, choice, events);
  const annotations = message["annotations"];
  if (Array.isArray(annotations)) {
    for (const citation of annotations) if (isJsonObject(citation)) events.push({ kind: "citation", choice, citation });
  }
}

/** Mistral's reasoning models answer in parts: texts, and thoughts that hold texts of their own. */
function textOfParts(content: JsonValue | undefined): string {
  return objectsOf(content)
    .map((part) => (typeof part["text"] === "string" ? part["text"] : ""))
    .join("");
}

function thoughtsOf(content: JsonValue | undefined): string {
  if (!Array.isArray(content)) return "";
  return objectsOf(content)
    .map((part) => (part["type"] === "thinking" ? textOfParts(part["thinking"]) : ""))
    .join("");
}

function decodeReasoning(message: JsonObject, choice: number, events: ChatEvent[]): void {
  const details = message["reasoning_details"];
  const plain = message["reasoning"] ?? message["reasoning_content"] ?? thoughtsOf(message["content"]);
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
      // OpenRouter opens a block with an empty signature, as Anthropic does.
      if (typeof signature === "string" && signature !== "") {
        events.push({ kind: "reasoning-signature", choice, signature });
      }
      if (detail["type"] === "reasoning.encrypted" && typeof data === "string") {
        events.push({ kind: "reasoning-redacted", choice, data });
      }
    }
  }
  if (!told && typeof plain === "string" && plain !== "") events.push({ kind: "reasoning", choice, text: plain });
}

function finishReasonOf(reason: string): FinishReason {
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
  const details: JsonObject = isJsonObject(error) ? error : { message: error };
  const code = numberOf(details["code"] ?? details["status"]);
  const status = code >= 400 && code <= 599 ? code : statusOfType(stringOf(details["type"] ?? details["code"]));
  return { kind: "error", status, message: stringOf(details["message"]) };
}

function statusOfType(type: string): number {
  if (/rate_limit|too_many/.test(type)) return 429;
  if (/overloaded|unavailable|capacity/.test(type)) return 503;
  if (/invalid_request|context_length/.test(type)) return 400;
  return 502;
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
