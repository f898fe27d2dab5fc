import type { JsonObject, JsonValue } from "./json.ts";
import type { Usage } from "./usage.ts";

/** Why a choice ended, in OpenAI's words; Anthropic's and Gemini's are mapped to and from these. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "pause" | "error";

/**
 * The event algebra between wire formats: decoders turn a provider's bytes into these, encoders turn these into a
 * client's format. No format knows another one. `choice` counts from 0 (OpenAI's `n`); `tool` counts tool calls
 * within a choice from 0, in the order in which they start.
 */
export type ChatEvent =
  /** The provider's own reply id and model name; null when it gives none. Has no content. */
  | { readonly kind: "start"; readonly id: string | null; readonly model: string | null }
  | { readonly kind: "text"; readonly choice: number; readonly text: string; readonly logprobs?: JsonValue }
  | { readonly kind: "refusal"; readonly choice: number; readonly text: string }
  | { readonly kind: "reasoning"; readonly choice: number; readonly text: string }
  /** Opaque provider data that belongs to the reasoning before it and must come back unchanged on the next turn. */
  | { readonly kind: "reasoning-signature"; readonly choice: number; readonly signature: string }
  /** A whole block of reasoning that only its provider can read (Anthropic `redacted_thinking`). */
  | { readonly kind: "reasoning-redacted"; readonly choice: number; readonly data: string }
  | {
      readonly kind: "tool-start";
      readonly choice: number;
      readonly tool: number;
      readonly id: string;
      readonly name: string;
      /** Gemini's thoughtSignature, carried with the call. */
      readonly signature?: string;
    }
  | { readonly kind: "tool-arguments"; readonly choice: number; readonly tool: number; readonly json: string }
  | { readonly kind: "citation"; readonly choice: number; readonly citation: JsonObject }
  /** Content that other formats have no place for: a server tool at work, sound. A sign of life all the same. */
  | { readonly kind: "opaque"; readonly choice: number }
  | { readonly kind: "usage"; readonly usage: Usage }
  | {
      readonly kind: "finish";
      readonly choice: number;
      readonly reason: FinishReason;
      /** The provider's own word. */
      readonly nativeReason: string | null;
      readonly stopSequence: string | null;
    }
  /** The protocol's own end marker: OpenAI's `[DONE]`, Anthropic's `message_stop`, the end of a Gemini stream. */
  | { readonly kind: "end" }
  /** The provider said, inside a 200, that it failed. `status` is the HTTP status it would have had. */
  | { readonly kind: "error"; readonly status: number; readonly message: string };

/** True when an event carries content a client would miss; the first one commits the request to its provider. */
export function isSemantic(event: ChatEvent): boolean {
  switch (event.kind) {
    case "text":
    case "refusal":
    case "reasoning":
      return event.text !== "";
    case "reasoning-redacted":
    case "tool-start":
    case "tool-arguments":
    case "citation":
    case "opaque":
      return true;
    case "start":
    case "reasoning-signature":
    case "usage":
    case "finish":
    case "end":
    case "error":
      return false;
  }
}
