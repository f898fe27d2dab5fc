import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, objectsOf, parseJsonObject, stringOf } from "../json.ts";
import { choiceIndex, errorEvent, startEvent } from "../openai/decode-stream.ts";
import { decodeUsage } from "../openai/decode-usage.ts";
import type { SseFrame } from "../sse/sse-parser.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns a stream of completions into events. One instance a stream. */
export function createCompletionDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  let started = false;
  return {
    push({ data }) {
      if (data === null || data === "") return NONE;
      if (data === "[DONE]") return [{ kind: "end" }];
      const chunk = parseJsonObject(data);
      if (chunk === null) return NONE; // one broken frame does not end a stream (F32)
      const events: ChatEvent[] = started ? [] : [startEvent(chunk)];
      started = true;
      return [...events, ...decodeBody(chunk)];
    },
  };
}

/** A whole completion as events. A body that is none becomes one error event. */
export function decodeCompletion(body: JsonObject): readonly ChatEvent[] {
  if (body["error"] !== undefined && body["error"] !== null) return [errorEvent(body["error"])];
  if (!Array.isArray(body["choices"])) return [{ kind: "error", status: 502, message: "no choices" }];
  return [startEvent(body), ...decodeBody(body), { kind: "end" }];
}

function decodeBody(body: JsonObject): readonly ChatEvent[] {
  if (body["error"] !== undefined && body["error"] !== null) return [errorEvent(body["error"])];
  const events = objectsOf(body["choices"]).flatMap((choice, position): readonly ChatEvent[] => {
    const index = choiceIndex(choice["index"], Math.min(position, 127));
    const text = stringOf(choice["text"]);
    const said: readonly ChatEvent[] = text === "" ? [] : [{ kind: "text", choice: index, text }];
    const reason = choice["finish_reason"];
    if (typeof reason !== "string" || reason === "") return said;
    const known = reason === "length" || reason === "content_filter" ? reason : "stop";
    return [...said, { kind: "finish", choice: index, reason: known, nativeReason: reason, stopSequence: null }];
  });
  const { usage } = body;
  return isJsonObject(usage) ? [...events, { kind: "usage", usage: decodeUsage(usage) }] : events;
}
