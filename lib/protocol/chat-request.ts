import type { JsonObject } from "./json.ts";

/**
 * A chat request in no vendor's format: what one client format is translated through on its way to another wire format.
 * A request that stays within its own format never becomes one (it is passed through). An absent field was not given.
 */
export interface ChatRequest {
  /** In order, system and developer messages included, wherever they stood. */
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  /** OpenAI's `n`. */
  readonly choices?: number;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
  readonly responseFormat?: ResponseFormat;
  readonly reasoning?: ReasoningRequest;
  /** OpenAI `user`, Anthropic `metadata.user_id`. */
  readonly endUser?: string;
  /** Top-level fields that have no place above, by the client's own names: a translation reports them as ignored. */
  readonly other: JsonObject;
}

export type ChatMessage =
  | { readonly role: "system"; readonly content: readonly ContentPart[] }
  | { readonly role: "user"; readonly content: readonly ContentPart[]; readonly name?: string }
  | { readonly role: "assistant"; readonly content: readonly AssistantPart[] }
  | {
      readonly role: "tool";
      readonly toolCallId: string;
      readonly content: readonly ContentPart[];
      readonly isError: boolean;
    };

/** Anthropic's `cache_control`, kept on the part it was set on. */
interface Cacheable {
  readonly cacheControl?: JsonObject;
}

export type ContentPart = TextPart | ImagePart | FilePart | AudioPart;
interface TextPart extends Cacheable {
  readonly kind: "text";
  readonly text: string;
}
interface ImagePart extends Cacheable {
  readonly kind: "image";
  readonly source: MediaSource;
  readonly detail?: string;
}
interface FilePart extends Cacheable {
  readonly kind: "file";
  readonly source: MediaSource;
  readonly name?: string;
}
interface AudioPart extends Cacheable {
  readonly kind: "audio";
  /** Base64. */
  readonly data: string;
  readonly format: string;
}
export type MediaSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "base64"; readonly mediaType: string; readonly data: string };

export type AssistantPart = TextPart | ReasoningPart | ToolCallPart | RefusalPart;
export interface ReasoningPart {
  readonly kind: "reasoning";
  readonly text: string;
  readonly signature?: string;
  /** Set for a block that only its provider can read; `text` is then empty. */
  readonly redacted?: string;
}
interface ToolCallPart extends Cacheable {
  readonly kind: "tool-call";
  readonly id: string;
  readonly name: string;
  /** The arguments' JSON text as the client sent it. */
  readonly argumentsJson: string;
  /** Gemini's thoughtSignature. */
  readonly signature?: string;
}
interface RefusalPart {
  readonly kind: "refusal";
  readonly text: string;
}

export interface ToolDefinition extends Cacheable {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema; absent: the tool takes no arguments. */
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
}

export type ToolChoice =
  | { readonly kind: "auto" }
  | { readonly kind: "none" }
  | { readonly kind: "required" }
  | { readonly kind: "tool"; readonly name: string };

export type ResponseFormat =
  | { readonly kind: "text" }
  | { readonly kind: "json-object" }
  | {
      readonly kind: "json-schema";
      readonly name: string;
      readonly schema: JsonObject;
      readonly description?: string;
      readonly strict?: boolean;
    };

export interface ReasoningRequest {
  /** OpenAI's and OpenRouter's words: none, minimal, low, medium, high, xhigh, max. */
  readonly effort?: string;
  /** Anthropic `thinking.budget_tokens`, OpenRouter `reasoning.max_tokens`, Gemini `thinkingBudget`. */
  readonly budgetTokens?: number;
  /** False switches reasoning off where a model allows that. */
  readonly enabled?: boolean;
}
