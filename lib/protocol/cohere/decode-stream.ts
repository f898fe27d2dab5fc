import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, parseJsonObject, stringOf } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { callIdOf, citationEvents, endEvents, functionOf, startEvent } from "./decode-reply.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns Cohere's stream into events (docs.cohere.com/v2/docs/streaming, read 2026-11-25). One instance a stream. */
export function createCohereStreamDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  /** Cohere's index of a call -> our count of them. */
  const tools = new Map<number, number>();
  let calls = 0;
  /** Calls that have had no arguments yet: one that takes none is ended without. */
  const silent = new Set<number>();

  function startCall(index: number, call: JsonObject): readonly ChatEvent[] {
    const tool = calls;
    calls += 1;
    tools.set(index, tool);
    const { name, json } = functionOf(call);
    const start: ChatEvent = { kind: "tool-start", choice: 0, tool, id: callIdOf(call), name };
    if (json !== "") return [start, { kind: "tool-arguments", choice: 0, tool, json }];
    silent.add(tool);
    return [start];
  }

  function continueCall(index: number, call: JsonObject): readonly ChatEvent[] {
    const tool = tools.get(index);
    const { json } = functionOf(call);
    if (tool === undefined || json === "") return NONE;
    silent.delete(tool);
    return [{ kind: "tool-arguments", choice: 0, tool, json }];
  }

  function endCall(index: number): readonly ChatEvent[] {
    const tool = tools.get(index);
    return tool !== undefined && silent.delete(tool) ? [{ kind: "tool-arguments", choice: 0, tool, json: "{}" }] : NONE;
  }

  return {
    push({ data }) {
      const event = data === null ? null : parseJsonObject(data);
      if (event === null) return NONE;
      const index = typeof event["index"] === "number" ? event["index"] : 0;
      const delta = objectAt(event["delta"]);
      const message = objectAt(delta["message"]);
      switch (event["type"]) {
        case "message-start":
          return [startEvent(event)];
        case "content-start":
        case "content-delta":
          return contentEvents(objectAt(message["content"]));
        case "tool-plan-delta":
          return textEvents("text", message["tool_plan"]);
        case "tool-call-start":
          return startCall(index, objectAt(message["tool_calls"]));
        case "tool-call-delta":
          return continueCall(index, objectAt(message["tool_calls"]));
        case "tool-call-end":
          return endCall(index);
        case "citation-start": {
          const { citations } = message;
          return (isJsonObject(citations) ? [citations] : objectsOf(citations)).flatMap(citationEvents);
        }
        case "message-end":
          return endEvents(delta["finish_reason"], delta["usage"]);
        default:
          return NONE;
      }
    },
  };
}

function contentEvents(content: JsonObject): readonly ChatEvent[] {
  return [...textEvents("reasoning", content["thinking"]), ...textEvents("text", content["text"])];
}

function textEvents(kind: "text" | "reasoning", value: JsonValue | undefined): readonly ChatEvent[] {
  const text = stringOf(value);
  return text === "" ? NONE : [{ kind, choice: 0, text }];
}

function objectAt(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
