import type { ChatEvent, FinishReason } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { newToolCallId } from "../tool-call-id.ts";
import { tokenCount, type Usage } from "../usage.ts";

/** A whole chat reply of Cohere's as events. A body that is none becomes one error event. */
export function decodeCohereReply(body: JsonObject): readonly ChatEvent[] {
  const { message } = body;
  if (!isJsonObject(message)) return [{ kind: "error", status: 502, message: stringOf(message) || "no message" }];
  const events: ChatEvent[] = [startEvent(body)];
  const text = (kind: "text" | "reasoning", value: JsonValue | undefined) => {
    if (stringOf(value) !== "") events.push({ kind, choice: 0, text: stringOf(value) });
  };
  for (const part of objectsOf(message["content"])) {
    text("reasoning", part["thinking"]);
    text("text", part["text"]);
  }
  text("text", message["tool_plan"]);
  for (const citation of objectsOf(message["citations"])) events.push(...citationEvents(citation));
  for (const [tool, call] of objectsOf(message["tool_calls"]).entries()) {
    const { name, json } = functionOf(call);
    events.push({ kind: "tool-start", choice: 0, tool, id: callIdOf(call), name });
    events.push({ kind: "tool-arguments", choice: 0, tool, json: json || "{}" });
  }
  events.push(...endEvents(body["finish_reason"], body["usage"]));
  return events;
}

/** Cohere does not name the model in its replies. */
export function startEvent({ id }: JsonObject): ChatEvent {
  return { kind: "start", id: typeof id === "string" ? id : null, model: null };
}

export function callIdOf(call: JsonObject): string {
  return stringOf(call["id"]) || newToolCallId();
}

export function functionOf(call: JsonObject): { readonly name: string; readonly json: string } {
  const called = isJsonObject(call["function"]) ? call["function"] : {};
  return { name: stringOf(called["name"]), json: stringOf(called["arguments"]) };
}

/** In OpenAI's annotation shape, which needs an address: a source without one has no place in either client format. */
export function citationEvents({ start, end, sources }: JsonObject): readonly ChatEvent[] {
  return objectsOf(sources).flatMap((source): ChatEvent[] => {
    const document = isJsonObject(source["document"]) ? source["document"] : source["tool_output"];
    const url = isJsonObject(document) ? stringOf(document["url"]) : "";
    if (!isJsonObject(document) || url === "") return [];
    const place = { start_index: start, end_index: end };
    const citation = { type: "url_citation", url_citation: { url, title: stringOf(document["title"]), ...place } };
    return [{ kind: "citation", choice: 0, citation }];
  });
}

/** How a reply ended: what it used, and why it stopped. */
export function endEvents(reason: JsonValue | undefined, usage: JsonValue | undefined): readonly ChatEvent[] {
  const events: ChatEvent[] = [];
  const counted = isJsonObject(usage) ? decodeUsage(usage) : null;
  if (counted !== null) events.push({ kind: "usage", usage: counted });
  const nativeReason = stringOf(reason);
  if (nativeReason === "ERROR") return [...events, { kind: "error", status: 502, message: "finish_reason ERROR" }];
  if (nativeReason === "TIMEOUT") return [...events, { kind: "error", status: 504, message: "finish_reason TIMEOUT" }];
  const finish = { reason: finishReasonOf(nativeReason), nativeReason, stopSequence: null };
  return [...events, { kind: "finish", choice: 0, ...finish }, { kind: "end" }];
}

function finishReasonOf(reason: string): FinishReason {
  switch (reason) {
    case "MAX_TOKENS":
    case "ERROR_LIMIT":
      return "length";
    case "TOOL_CALL":
      return "tool_calls";
    case "ERROR_TOXIC":
      return "content_filter";
    default:
      return "stop";
  }
}

/**
 * What Cohere bills, `billed_units`, is less than the tokens of the prompt: its own instructions around it are free, and
 * what it counts as cached is part of the tokens, not of these. Null for a report without either.
 */
function decodeUsage({ billed_units: billed, tokens, cached_tokens: cached }: JsonObject): Usage | null {
  const isBilled = isJsonObject(billed) && billed["input_tokens"] !== undefined;
  const counts = isBilled ? billed : tokens;
  if (!isJsonObject(counts)) return null;
  const input = tokenCount(counts["input_tokens"]);
  const cacheRead = isBilled ? 0 : Math.min(input, tokenCount(cached));
  return {
    inputUncached: input - cacheRead,
    cacheRead,
    cacheWrite: 0,
    cacheWriteOneHour: 0,
    output: tokenCount(counts["output_tokens"]),
    reasoning: 0,
    source: "provider",
  };
}
