import type { Simulator } from "../support/simulator/start-simulator.ts";
import type { WireName } from "../support/simulator/vendor-errors.ts";

/** What an SDK suite talks to: the bare simulator, or a gateway in front of it. */
export interface SdkTarget {
  /** As the SDK takes it: with `/v1` for OpenAI's, without for Anthropic's. */
  readonly baseUrl: string;
  readonly key: string;
  readonly simulator: Simulator;
  /** Asks for something that this key may not have: a 403. */
  readonly forbidden: () => ForbiddenCall;
  /** Whether the client's leaving ends the provider's stream: not seen by a workerd that a Node `fetch` talks to. */
  readonly seesAborts: boolean;
}

/** A path for which the key is refused, or null when a script does it for any path. */
type ForbiddenCall = { readonly path: string | null };

/** One model, and the provider of the simulator that serves it. */
export interface SdkModel {
  readonly model: string;
  readonly provider: string;
  readonly wire: WireName;
  /** As the provider calls it. */
  readonly nativeModel: string;
  /** What the model or its wire cannot do; absent: what the wire's first vendor cannot. */
  readonly lacks?: readonly SdkTrait[];
}

/** `choices`: several at once, with log probabilities. `reasoning-tokens`: it counts its thoughts apart. */
type SdkTrait = "reasoning-tokens" | "choices" | "caching";

export const OPENAI_MODEL: SdkModel = {
  model: "openai/gpt-4o-mini",
  provider: "openai",
  wire: "openai",
  nativeModel: "gpt-4o-mini",
};
export const ANTHROPIC_MODEL: SdkModel = {
  model: "anthropic/claude-sonnet-4.6",
  provider: "anthropic",
  wire: "anthropic",
  nativeModel: "claude-sonnet-4-6",
};
export const GEMINI_MODEL: SdkModel = {
  model: "google/gemini-2.5-flash",
  provider: "google-ai-studio",
  wire: "gemini",
  nativeModel: "gemini-2.5-flash",
};

/** The models by which every suite is run: one of each wire. */
export const MODELS_OF_ALL_WIRES: readonly SdkModel[] = [OPENAI_MODEL, ANTHROPIC_MODEL, GEMINI_MODEL];
