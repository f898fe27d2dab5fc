import type { ChatEvent } from "../protocol/chat-event.ts";
import { totalInputTokens, totalOutputTokens, type Usage } from "../protocol/usage.ts";

/** Without a tokenizer a token is four characters (CM-14.1). */
const CHARACTERS_PER_TOKEN = 4;
/** A reported count above the model's own bounds by more than this factor is not believed (security K18). */
const BELIEVABLE_EXCESS = 1.1;

export interface MeterBounds {
  readonly estimatedInputTokens: number;
  readonly contextLength: number;
  readonly maxOutputTokens: number;
  readonly choices: number;
  /** How many there are, each of which may fill the context. Absent: one. */
  readonly prompts?: number;
}

/**
 * Counts what a reply delivers while it passes, and weighs it against what the provider reports. The provider's
 * figures win when they came and can be true; the metered text stands in where they did not (CM-14.2, CM-14.3).
 */
export class UsageMeter {
  readonly #bounds: MeterBounds;
  #textCharacters = 0;
  #reasoningCharacters = 0;
  #reported: Usage | null = null;
  #producedOutput = false;
  #disbelieved = false;

  constructor(bounds: MeterBounds) {
    this.#bounds = bounds;
  }

  observe(event: ChatEvent): void {
    switch (event.kind) {
      case "text":
      case "refusal":
        this.#textCharacters += event.text.length;
        if (event.text !== "") this.#producedOutput = true;
        return;
      case "reasoning":
        this.#reasoningCharacters += event.text.length;
        if (event.text !== "") this.#producedOutput = true;
        return;
      case "reasoning-redacted":
        this.#reasoningCharacters += event.data.length;
        this.#producedOutput = true;
        return;
      case "tool-start":
        this.#textCharacters += event.name.length;
        this.#producedOutput = true;
        return;
      case "tool-arguments":
        this.#textCharacters += event.json.length;
        return;
      case "usage":
        this.#take(event.usage);
        return;
      case "finish":
      case "start":
      case "reasoning-signature":
      case "citation":
      case "opaque":
      case "end":
      case "error":
        return;
    }
  }

  /** True when the provider reported figures that cannot be true; they were not used. */
  get disbelieved(): boolean {
    return this.#disbelieved;
  }

  /** An answer of nothing costs nothing, whatever reason was given for its end (CM-6.5.3; ledger, section 8). */
  get isEmpty(): boolean {
    return !this.#producedOutput && (this.#reported === null || totalOutputTokens(this.#reported) === 0);
  }

  /** Output tokens by the text delivered so far: what the hold's ceiling is measured against while streaming. */
  get meteredOutputTokens(): number {
    return (this.#textCharacters + this.#reasoningCharacters) / CHARACTERS_PER_TOKEN;
  }

  /** What to charge for a reply that ended well. */
  final(): Usage {
    return this.#reported ?? this.#metered();
  }

  /** What to charge for a reply that was cut off: the larger of what was delivered and what was reported so far. */
  interrupted(): Usage {
    const metered = this.#metered();
    const reported = this.#reported;
    if (reported === null) return metered;
    return totalOutputTokens(reported) >= totalOutputTokens(metered)
      ? reported
      : { ...reported, output: metered.output, reasoning: metered.reasoning };
  }

  /** False for figures that cannot be true of this model: beyond its bounds, or no counts at all. */
  believes(usage: Usage): boolean {
    const { contextLength, maxOutputTokens, choices, prompts = 1 } = this.#bounds;
    // NaN stands for a figure that is no count: every comparison with it is false.
    return (
      totalInputTokens(usage) <= contextLength * prompts * BELIEVABLE_EXCESS &&
      totalOutputTokens(usage) <= Math.max(maxOutputTokens, contextLength) * choices * BELIEVABLE_EXCESS
    );
  }

  #take(usage: Usage): void {
    if (this.believes(usage)) this.#reported = usage;
    else this.#disbelieved = true;
  }

  #metered(): Usage {
    return {
      inputUncached: this.#bounds.estimatedInputTokens,
      cacheRead: 0,
      cacheWrite: 0,
      cacheWriteOneHour: 0,
      output: Math.ceil(this.#textCharacters / CHARACTERS_PER_TOKEN),
      reasoning: Math.ceil(this.#reasoningCharacters / CHARACTERS_PER_TOKEN),
      source: "estimated",
    };
  }
}
