import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, numberOf, objectsOf, stringOf } from "../json.ts";
import { decodeResponsesUsage } from "./decode-usage.ts";

/** Item types whose content the event algebra has a place for. */
export const KNOWN_ITEMS = ["message", "reasoning", "function_call"];

/** The end of a response: its usage, why it ended, and the end marker; or the failure that it tells. */
export function decodeEnd(response: JsonObject, called: boolean): readonly ChatEvent[] {
  if (response["status"] === "failed" || response["status"] === "cancelled") {
    return [...usageOf(response), errorOf(isJsonObject(response["error"]) ? response["error"] : {})];
  }
  const native = isJsonObject(response["incomplete_details"]) ? response["incomplete_details"]["reason"] : null;
  const finish = (reason: "stop" | "length" | "tool_calls" | "content_filter"): ChatEvent => ({
    kind: "finish",
    choice: 0,
    reason,
    nativeReason: typeof native === "string" ? native : stringOf(response["status"]),
    stopSequence: null,
  });
  const incomplete = native === "content_filter" ? "content_filter" : "length";
  const completed = called ? "tool_calls" : "stop";
  const end = finish(response["status"] === "incomplete" ? incomplete : completed);
  return [...usageOf(response), end, { kind: "end" }];
}

function usageOf({ usage }: JsonObject): readonly ChatEvent[] {
  return isJsonObject(usage) ? [{ kind: "usage", usage: decodeResponsesUsage(usage) }] : [];
}

/** What a failure inside a 200 would have been as a status. */
export function errorOf(error: JsonObject): ChatEvent {
  const code = numberOf(error["status"]);
  const status = code >= 400 && code <= 599 ? code : statusOf(stringOf(error["code"] ?? error["type"]));
  return { kind: "error", status, message: stringOf(error["message"]) };
}

function statusOf(code: string): number {
  if (/rate_limit/.test(code)) return 429;
  if (/overloaded|unavailable/.test(code)) return 503;
  return /invalid_|context_length|_policy/.test(code) ? 400 : 502;
}

/** All events of a whole response but its start. */
export function decodeOutput(output: JsonValue | undefined): readonly ChatEvent[] {
  const events: ChatEvent[] = [];
  let tool = 0;
  for (const item of objectsOf(output)) {
    switch (item["type"]) {
      case "message":
        for (const part of objectsOf(item["content"])) events.push(...decodePart(part));
        break;
      case "reasoning":
        events.push(...decodeReasoningItem(item));
        break;
      case "function_call":
        events.push(toolStart(item, tool));
        events.push({ kind: "tool-arguments", choice: 0, tool, json: stringOf(item["arguments"]) });
        tool += 1;
        break;
      default:
        events.push({ kind: "opaque", choice: 0 });
    }
  }
  return events;
}

export function toolStart(item: JsonObject, tool: number): ChatEvent {
  const id = stringOf(item["call_id"] ?? item["id"]);
  return { kind: "tool-start", choice: 0, tool, id, name: stringOf(item["name"]) };
}

function decodePart(part: JsonObject): readonly ChatEvent[] {
  if (part["type"] === "refusal") return [{ kind: "refusal", choice: 0, text: stringOf(part["refusal"]) }];
  const logprobs = Array.isArray(part["logprobs"]) && part["logprobs"].length > 0 ? part["logprobs"] : null;
  const text: ChatEvent = {
    kind: "text",
    choice: 0,
    text: stringOf(part["text"]),
    ...(logprobs === null ? {} : { logprobs: { content: logprobs, refusal: null } }),
  };
  const citations = objectsOf(part["annotations"]).map(
    (citation): ChatEvent => ({ kind: "citation", choice: 0, citation }),
  );
  return [text, ...citations];
}

function decodeReasoningItem(item: JsonObject): readonly ChatEvent[] {
  const parts = [...objectsOf(item["summary"]), ...objectsOf(item["content"])];
  const texts = parts.map((part): ChatEvent => ({ kind: "reasoning", choice: 0, text: stringOf(part["text"]) }));
  return [...texts, ...sealOf(item)];
}

/** OpenAI's seal is marked as its own: no other vendor could read it (the colon is what tells, as with Google's). */
export function sealOf(item: JsonObject): readonly ChatEvent[] {
  const sealed = stringOf(item["encrypted_content"]);
  return sealed === "" ? [] : [{ kind: "reasoning-signature", choice: 0, signature: `openai:${sealed}` }];
}
