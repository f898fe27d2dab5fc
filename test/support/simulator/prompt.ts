import type { JsonObject } from "../../../lib/protocol/json.ts";

/** A tool as a request declares it, whatever the wire. */
interface PromptTool {
  readonly name: string;
  readonly schema: JsonObject;
}

/** What a request asks for, freed of its wire. */
export interface Prompt {
  readonly model: string;
  readonly stream: boolean;
  /** All text of the request in order: what is counted as prompt tokens. */
  readonly text: string;
  /** The last user message: what the answer is made from. */
  readonly lastUserText: string;
  readonly images: number;
  readonly tools: readonly PromptTool[];
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string };
  readonly parallelToolCalls: boolean;
  /** Results of tools, when the conversation ends with them. */
  readonly toolResults: readonly string[];
  /** A JSON schema that the answer must fit, `object` for any JSON object, null for prose. */
  readonly json: JsonObject | "object" | null;
  readonly reasoning: boolean;
  /** Null: no log-probabilities; a number: that many alternatives a token. */
  readonly topLogprobs: number | null;
  readonly choices: number;
  readonly maxTokens: number | null;
  readonly stop: readonly string[];
  /** Prompt tokens that a cache serves, and that are written to one. */
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
}

/** A token is up to six characters with the space before it: coarse, but the same everywhere. */
export function tokensOf(text: string): readonly string[] {
  return text.match(/\s*\S{1,6}|\s+/gu) ?? [];
}

const TOKENS_PER_IMAGE = 85;

export function promptTokens(prompt: Pick<Prompt, "text" | "images">): number {
  return tokensOf(prompt.text).length + prompt.images * TOKENS_PER_IMAGE + 3;
}
