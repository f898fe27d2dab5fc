import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject, stringOf } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { decodeEnd, errorOf, KNOWN_ITEMS, sealOf, toolStart } from "./decode-output.ts";
import { startOf } from "./decode-reply.ts";

const NONE: readonly ChatEvent[] = [];

/** Turns a stream of OpenAI's responses into events (openai-node 7.57.0, `ResponseStreamEvent`). One instance a stream. */
export function createResponsesStreamDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  /** Our count of a call by its place in `output`. */
  const calls = new Map<JsonValue, number>();

  function decode(type: string, event: JsonObject): readonly ChatEvent[] {
    switch (type) {
      case "response.created":
        return isJsonObject(event["response"]) ? [startOf(event["response"])] : NONE;
      case "response.output_text.delta":
        return [textEvent(event)];
      case "response.refusal.delta":
        return [{ kind: "refusal", choice: 0, text: stringOf(event["delta"]) }];
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        return [{ kind: "reasoning", choice: 0, text: stringOf(event["delta"]) }];
      case "response.function_call_arguments.delta": {
        const tool = calls.get(event["output_index"] ?? null);
        return tool === undefined
          ? NONE
          : [{ kind: "tool-arguments", choice: 0, tool, json: stringOf(event["delta"]) }];
      }
      case "response.output_text.annotation.added":
        return isJsonObject(event["annotation"])
          ? [{ kind: "citation", choice: 0, citation: event["annotation"] }]
          : NONE;
      case "response.output_item.added":
        return isJsonObject(event["item"]) ? added(event["item"], event["output_index"] ?? null) : NONE;
      case "response.output_item.done":
        return isJsonObject(event["item"]) ? sealOf(event["item"]) : NONE;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return isJsonObject(event["response"]) ? decodeEnd(event["response"], calls.size > 0) : NONE;
      case "error":
        return [errorOf(isJsonObject(event["error"]) ? event["error"] : event)];
      default:
        // What stands before the endpoint answers with an error of its own, without a type.
        return isJsonObject(event["error"]) ? [errorOf(event["error"])] : NONE;
    }
  }

  function added(item: JsonObject, index: JsonValue): readonly ChatEvent[] {
    if (!KNOWN_ITEMS.includes(stringOf(item["type"]))) return [{ kind: "opaque", choice: 0 }];
    if (item["type"] !== "function_call") return NONE;
    const tool = calls.size;
    calls.set(index, tool);
    return [toolStart(item, tool)];
  }

  return {
    push({ data, event: name }) {
      if (data === null || data === "") return NONE;
      const event = parseJsonObject(data);
      if (event === null) return NONE; // one broken frame does not end a stream; a missing end will (F30, F32)
      return decode(typeof event["type"] === "string" ? event["type"] : name, event);
    },
  };
}

function textEvent(event: JsonObject): ChatEvent {
  const { logprobs } = event;
  const known =
    Array.isArray(logprobs) && logprobs.length > 0 ? { logprobs: { content: logprobs, refusal: null } } : {};
  return { kind: "text", choice: 0, text: stringOf(event["delta"]), ...known };
}
