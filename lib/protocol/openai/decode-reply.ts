import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import {
  choiceIndex,
  decodeMessage,
  decodeUsage,
  errorEvent,
  finishReasonOf,
  ToolCalls,
  textOrNull,
} from "./decode-stream.ts";

/** A whole chat completion as events. A body that is none becomes one error event. */
export function decodeChatReply(body: JsonObject): readonly ChatEvent[] {
  const { error, choices, usage } = body;
  if (error !== undefined && error !== null) return [errorEvent(error)];
  if (!Array.isArray(choices)) return [{ kind: "error", status: 502, message: "no choices" }];
  const events: ChatEvent[] = [{ kind: "start", id: textOrNull(body["id"]), model: textOrNull(body["model"]) }];
  const calls = new ToolCalls();
  for (const [position, choice] of choices.entries()) {
    if (!isJsonObject(choice)) continue;
    const index = choiceIndex(choice["index"], Math.min(position, 127));
    const { message } = choice;
    if (isJsonObject(message)) decodeMessage(message, choice["logprobs"], index, calls, events);
    const reason = choice["finish_reason"];
    if (typeof reason === "string" && reason !== "") {
      const nativeReason = textOrNull(choice["native_finish_reason"]) ?? reason;
      events.push({ kind: "finish", choice: index, reason: finishReasonOf(reason), nativeReason, stopSequence: null });
    }
  }
  if (isJsonObject(usage)) events.push({ kind: "usage", usage: decodeUsage(usage) });
  events.push({ kind: "end" });
  return events;
}
