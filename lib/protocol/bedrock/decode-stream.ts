import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, parseJsonObject, stringOf } from "../json.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { decodeConverseUsage, finishEvent, objectAt, reasoningEvents } from "./decode-reply.ts";

const NONE: readonly ChatEvent[] = [];
const OPAQUE: readonly ChatEvent[] = [{ kind: "opaque", choice: 0 }];

/**
 * The status that an exception inside a stream would have had
 * (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read 2026-11-25); a model that failed
 * or did not answer in time is a failure of the provider's.
 */
const STATUS_OF_EXCEPTION: ReadonlyMap<string, number> = new Map([
  ["validationException", 400],
  ["throttlingException", 429],
  ["internalServerException", 500],
  ["modelStreamErrorException", 502],
  ["serviceUnavailableException", 503],
  ["modelTimeoutException", 504],
]);

/** Turns a ConverseStream into events. One instance a stream. */
export function createConverseStreamDecoder(): { push(frame: SseFrame): readonly ChatEvent[] } {
  /** Bedrock's index of a block -> our count of tool calls. */
  const tools = new Map<number, number>();
  let calls = 0;
  /** Calls without arguments so far: one that takes none is ended without. */
  const silent = new Set<number>();

  function startBlock(index: number, start: JsonObject): readonly ChatEvent[] {
    const { toolUse } = start;
    if (!isJsonObject(toolUse)) return Object.keys(start).length === 0 ? NONE : OPAQUE;
    const tool = calls;
    calls += 1;
    tools.set(index, tool);
    silent.add(tool);
    const { toolUseId, name } = toolUse;
    return [{ kind: "tool-start", choice: 0, tool, id: stringOf(toolUseId), name: stringOf(name) }];
  }

  function deltaOf(index: number, delta: JsonObject): readonly ChatEvent[] {
    const { text, toolUse, reasoningContent } = delta;
    if (typeof text === "string") return text === "" ? NONE : [{ kind: "text", choice: 0, text }];
    if (isJsonObject(reasoningContent)) return reasoningEvents(reasoningContent);
    if (!isJsonObject(toolUse)) return OPAQUE;
    const tool = tools.get(index);
    const json = stringOf(toolUse["input"]);
    if (tool === undefined || json === "") return NONE;
    silent.delete(tool);
    return [{ kind: "tool-arguments", choice: 0, tool, json }];
  }

  function stopBlock(index: number): readonly ChatEvent[] {
    const tool = tools.get(index);
    return tool !== undefined && silent.delete(tool) ? [{ kind: "tool-arguments", choice: 0, tool, json: "{}" }] : NONE;
  }

  return {
    push({ event, data }) {
      const status = STATUS_OF_EXCEPTION.get(event) ?? (/(?:Exception|Error)$/.test(event) ? 502 : null);
      const body = parseJsonObject(data ?? "");
      if (status !== null) return [{ kind: "error", status, message: stringOf(body?.["message"]) }];
      if (body === null) return NONE; // one broken event does not end a stream (F32)
      const index = typeof body["contentBlockIndex"] === "number" ? body["contentBlockIndex"] : 0;
      switch (event) {
        case "messageStart":
          return [{ kind: "start", id: null, model: null }];
        case "contentBlockStart":
          return startBlock(index, objectAt(body["start"]));
        case "contentBlockDelta":
          return deltaOf(index, objectAt(body["delta"]));
        case "contentBlockStop":
          return stopBlock(index);
        case "messageStop":
          return [finishEvent(body)];
        case "metadata": {
          const { usage } = body;
          const told: readonly ChatEvent[] = isJsonObject(usage)
            ? [{ kind: "usage", usage: decodeConverseUsage(usage) }]
            : NONE;
          return [...told, { kind: "end" }];
        }
        default:
          return NONE;
      }
    },
  };
}
