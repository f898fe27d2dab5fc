import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { tokenCount, type Usage } from "../usage.ts";
import { finishOf } from "./stop-reason.ts";

const NONE: readonly ChatEvent[] = [];
const OPAQUE: readonly ChatEvent[] = [{ kind: "opaque", choice: 0 }];

/** Turns an Anthropic message stream into events. One instance a stream. */
export function createMessagesStreamDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  const usage = new CumulativeUsage();
  /** Anthropic's block index -> our count of tool calls. */
  const tools = new Map<number, number>();
  let calls = 0;
  /** Tool blocks that have had no argument text, and the input they began with: an empty one is sent as none at all. */
  const silent = new Map<number, JsonValue>();

  function startBlock(index: number, block: JsonObject): readonly ChatEvent[] {
    switch (block["type"]) {
      case "text": {
        const { text } = block;
        return typeof text === "string" && text !== "" ? [{ kind: "text", choice: 0, text }] : NONE;
      }
      case "thinking": {
        const { thinking } = block;
        return typeof thinking === "string" && thinking !== ""
          ? [{ kind: "reasoning", choice: 0, text: thinking }]
          : NONE;
      }
      case "redacted_thinking":
        return [{ kind: "reasoning-redacted", choice: 0, data: textOf(block["data"]) }];
      case "tool_use": {
        const tool = calls;
        calls += 1;
        tools.set(index, tool);
        silent.set(index, block["input"] ?? {});
        return [{ kind: "tool-start", choice: 0, tool, id: textOf(block["id"]), name: textOf(block["name"]) }];
      }
      default:
        return OPAQUE; // what Anthropic's own servers do between blocks (server tools) has no place in another format
    }
  }

  function deltaOf(index: number, delta: JsonObject): readonly ChatEvent[] {
    switch (delta["type"]) {
      case "text_delta":
        return [{ kind: "text", choice: 0, text: textOf(delta["text"]) }];
      case "thinking_delta":
        return [{ kind: "reasoning", choice: 0, text: textOf(delta["thinking"]) }];
      case "signature_delta": {
        const signature = textOf(delta["signature"]);
        return signature === "" ? NONE : [{ kind: "reasoning-signature", choice: 0, signature }];
      }
      case "citations_delta":
        return isJsonObject(delta["citation"]) ? [{ kind: "citation", choice: 0, citation: delta["citation"] }] : NONE;
      case "input_json_delta": {
        const tool = tools.get(index);
        const json = textOf(delta["partial_json"]);
        if (tool === undefined) return OPAQUE;
        if (json === "") return NONE;
        silent.delete(index);
        return [{ kind: "tool-arguments", choice: 0, tool, json }];
      }
      default:
        return NONE;
    }
  }

  function stopBlock(index: number): readonly ChatEvent[] {
    const tool = tools.get(index);
    const input = silent.get(index);
    if (tool === undefined || input === undefined) return NONE;
    silent.delete(index);
    return [{ kind: "tool-arguments", choice: 0, tool, json: JSON.stringify(input) }];
  }

  return {
    push({ data }) {
      if (data === null || data === "") return NONE;
      const event = parseJsonObject(data);
      if (event === null) return NONE;
      const index = typeof event["index"] === "number" ? event["index"] : 0;
      switch (event["type"]) {
        case "message_start": {
          const message = isJsonObject(event["message"]) ? event["message"] : {};
          const start: ChatEvent = {
            kind: "start",
            id: textOrNull(message["id"]),
            model: textOrNull(message["model"]),
          };
          return isJsonObject(message["usage"]) ? [start, usage.take(message["usage"])] : [start];
        }
        case "content_block_start":
          return isJsonObject(event["content_block"]) ? startBlock(index, event["content_block"]) : NONE;
        case "content_block_delta":
          return isJsonObject(event["delta"]) ? deltaOf(index, event["delta"]) : NONE;
        case "content_block_stop":
          return stopBlock(index);
        case "message_delta": {
          const events: ChatEvent[] = [];
          if (isJsonObject(event["usage"])) events.push(usage.take(event["usage"]));
          const { delta } = event;
          if (isJsonObject(delta)) events.push(...finishEvents(delta));
          return events;
        }
        case "message_stop":
          return [{ kind: "end" }];
        case "error":
          return [errorEvent(event["error"])];
        default:
          return NONE;
      }
    },
  };
}

/** A message's, or a message_delta's, stop reason; none while it has not stopped. */
export function finishEvents(stop: JsonObject): readonly ChatEvent[] {
  const { stop_reason: reason, stop_sequence: sequence } = stop;
  if (typeof reason !== "string") return NONE;
  return [
    { kind: "finish", choice: 0, reason: finishOf(reason), nativeReason: reason, stopSequence: textOrNull(sequence) },
  ];
}

/** Anthropic reports usage cumulatively and in parts: what is given replaces what was, what is absent stays. */
class CumulativeUsage {
  #parts: Record<string, JsonValue | undefined> = {};

  take(report: JsonObject): ChatEvent {
    for (const [name, value] of Object.entries(report))
      if (value !== null && value !== undefined) this.#parts[name] = value;
    return { kind: "usage", usage: decodeAnthropicUsage(this.#parts) };
  }
}

/** Anthropic's usage in disjoint parts: its input tokens exclude the cache, and its cache writes come by lifetime. */
export function decodeAnthropicUsage(usage: JsonObject): Usage {
  const creation = isJsonObject(usage["cache_creation"]) ? usage["cache_creation"] : {};
  const forOneHour = tokenCount(creation["ephemeral_1h_input_tokens"]);
  const byLifetime = tokenCount(creation["ephemeral_5m_input_tokens"]) + forOneHour;
  const written = tokenCount(usage["cache_creation_input_tokens"] ?? byLifetime);
  const oneHour = Math.min(written, forOneHour);
  const details = isJsonObject(usage["output_tokens_details"]) ? usage["output_tokens_details"] : {};
  const output = tokenCount(usage["output_tokens"]);
  const thinking = Math.min(output, tokenCount(details["thinking_tokens"]));
  return {
    inputUncached: tokenCount(usage["input_tokens"]),
    cacheRead: tokenCount(usage["cache_read_input_tokens"]),
    cacheWrite: written - oneHour,
    cacheWriteOneHour: oneHour,
    output: output - thinking,
    reasoning: thinking,
    source: "provider",
  };
}

/** The status that an error type stands for (docs.anthropic.com/en/api/errors, read 2026-11-23). */
const STATUS_OF_TYPE: ReadonlyMap<string, number> = new Map([
  ["invalid_request_error", 400],
  ["authentication_error", 401],
  ["billing_error", 402],
  ["permission_error", 403],
  ["not_found_error", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["api_error", 500],
  ["timeout_error", 504],
  ["overloaded_error", 529],
]);

export function errorEvent(error: JsonValue | undefined): ChatEvent {
  const details = isJsonObject(error) ? error : {};
  const status = STATUS_OF_TYPE.get(textOf(details["type"])) ?? 502;
  return { kind: "error", status, message: textOf(details["message"]) };
}

export function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

export function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}
