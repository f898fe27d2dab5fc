import type { ChatEvent, FinishReason } from "../chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { tokenCount, type Usage } from "../usage.ts";

/** A whole Converse reply as events. A body that is none becomes one error event. */
export function decodeConverseReply(body: JsonObject): readonly ChatEvent[] {
  const message = objectAt(objectAt(body["output"])["message"]);
  if (!Array.isArray(message["content"])) return [{ kind: "error", status: 502, message: "no content" }];
  const events: ChatEvent[] = [{ kind: "start", id: null, model: null }];
  let tool = 0;
  for (const block of objectsOf(message["content"])) {
    const { text, toolUse, reasoningContent } = block;
    if (typeof text === "string") {
      if (text !== "") events.push({ kind: "text", choice: 0, text });
    } else if (isJsonObject(toolUse)) {
      const { toolUseId, name, input } = toolUse;
      events.push({ kind: "tool-start", choice: 0, tool, id: stringOf(toolUseId), name: stringOf(name) });
      events.push({ kind: "tool-arguments", choice: 0, tool, json: JSON.stringify(input ?? {}) });
      tool += 1;
    } else if (isJsonObject(reasoningContent)) {
      const { reasoningText, redactedContent } = reasoningContent;
      events.push(...reasoningEvents({ ...objectAt(reasoningText), redactedContent }));
    } else events.push({ kind: "opaque", choice: 0 });
  }
  if (isJsonObject(body["usage"])) events.push({ kind: "usage", usage: decodeConverseUsage(body["usage"]) });
  return [...events, finishEvent(body), { kind: "end" }];
}

/** Thoughts, their seal, or a block that only their maker can read: whatever of these is there. */
export function reasoningEvents({ text, signature, redactedContent }: JsonObject): readonly ChatEvent[] {
  const events: ChatEvent[] = [];
  if (stringOf(text) !== "") events.push({ kind: "reasoning", choice: 0, text: stringOf(text) });
  if (stringOf(signature) !== "") {
    events.push({ kind: "reasoning-signature", choice: 0, signature: stringOf(signature) });
  }
  if (stringOf(redactedContent) !== "") {
    events.push({ kind: "reasoning-redacted", choice: 0, data: stringOf(redactedContent) });
  }
  return events;
}

/** Of a whole reply, or of a stream's `messageStop`: both hold the same members. */
export function finishEvent({ stopReason, additionalModelResponseFields: fields }: JsonObject): ChatEvent {
  const nativeReason = stringOf(stopReason);
  const sequence = objectAt(fields)["stop_sequence"];
  const stopSequence = nativeReason === "stop_sequence" && typeof sequence === "string" ? sequence : null;
  return { kind: "finish", choice: 0, reason: finishReasonOf(nativeReason), nativeReason, stopSequence };
}

function finishReasonOf(reason: string): FinishReason {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length";
    case "tool_use":
      return "tool_calls";
    case "guardrail_intervened":
    case "content_filtered":
    case "refusal":
      return "content_filter";
    case "malformed_model_output":
    case "malformed_tool_use":
      return "error";
    default:
      return "stop";
  }
}

/**
 * Converse's usage in disjoint parts: `inputTokens` are those that no cache had to do with
 * (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, read 2026-11-25); `cacheDetails` tells lifetimes.
 */
export function decodeConverseUsage(usage: JsonObject): Usage {
  const written = tokenCount(usage["cacheWriteInputTokens"]);
  const details = objectsOf(usage["cacheDetails"]).filter(({ ttl }) => ttl === "1h");
  const forOneHour = details.reduce((sum, { inputTokens }) => sum + tokenCount(inputTokens), 0);
  const oneHour = Math.min(written, forOneHour);
  return {
    inputUncached: tokenCount(usage["inputTokens"]),
    cacheRead: tokenCount(usage["cacheReadInputTokens"]),
    cacheWrite: written - oneHour,
    cacheWriteOneHour: oneHour,
    output: tokenCount(usage["outputTokens"]),
    reasoning: 0,
    source: "provider",
  };
}

export function objectAt(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
