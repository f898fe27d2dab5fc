import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { choiceIndex, decodeFinish, decodeMessage, errorEvent, startEvent } from "./decode-stream.ts";
import { decodeUsage } from "./decode-usage.ts";
import { ToolCalls } from "./tool-calls.ts";

/** A whole chat completion as events. A body that is none becomes one error event. */
export function decodeChatReply(body: JsonObject): readonly ChatEvent[] {
  const { error, choices, usage } = body;
  if (error !== undefined && error !== null) return [errorEvent(error)];
  if (!Array.isArray(choices)) return [{ kind: "error", status: 502, message: "no choices" }];
  const events: ChatEvent[] = [startEvent(body)];
  const calls = new ToolCalls();
  for (const [position, choice] of choices.entries()) {
    if (!isJsonObject(choice)) continue;
    const index = choiceIndex(choice["index"], Math.min(position, 127));
    const { message } = choice;
    if (isJsonObject(message)) decodeMessage(message, choice["logprobs"], index, calls, events);
    decodeFinish(choice, index, calls, events);
  }
  if (isJsonObject(usage)) events.push({ kind: "usage", usage: decodeUsage(usage) });
  events.push({ kind: "end" });
  return events;
}
