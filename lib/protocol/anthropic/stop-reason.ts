import type { ChatEvent, FinishReason } from "../chat-event.ts";

type Finish = ChatEvent & { readonly kind: "finish" };

/** Our finish as Anthropic's `stop_reason`. */
export function stopReason(finish: Finish | null): string {
  if (finish === null) return "end_turn";
  if (finish.stopSequence !== null) return "stop_sequence";
  switch (finish.reason) {
    case "length":
      return "max_tokens";
    case "tool_calls":
      return "tool_use";
    case "content_filter":
      return "refusal";
    case "pause":
      return "pause_turn";
    case "stop":
    case "error":
      return "end_turn";
  }
}

/** Anthropic's `stop_reason` as our finish. */
export function finishOf(reason: string): FinishReason {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length";
    case "tool_use":
      return "tool_calls";
    case "refusal":
      return "content_filter";
    case "pause_turn":
      return "pause";
    default:
      return "stop";
  }
}
