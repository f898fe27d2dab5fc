const MAX_TRACKED = 2_000;
const SAMPLES_KEPT = 64;
/** Below this many samples a percentile of theirs says nothing. */
const SAMPLES_NEEDED = 5;

interface Samples {
  readonly firstTokenMs: number[];
  readonly tokensPerSecond: number[];
}

/**
 * How fast providers have been of late, by provider and model, as this isolate has seen it: the view that `sort`,
 * `preferred_*` and hedging go by. Bounded, in memory only; what an isolate has not seen it does not know.
 */
export class ProviderSpeeds {
  readonly #samples = new Map<string, Samples>();

  /** From the call's start to the first content of its stream. */
  noteFirstToken(provider: string, modelId: string, firstTokenMs: number): void {
    keep(this.#of(provider, modelId).firstTokenMs, firstTokenMs);
  }

  /** Nothing is learnt from an answer that was too short to time. */
  noteThroughput(provider: string, modelId: string, outputTokens: number, durationMs: number): void {
    if (outputTokens <= 0 || durationMs <= 0) return;
    keep(this.#of(provider, modelId).tokensPerSecond, (outputTokens * 1000) / durationMs);
  }

  /** Milliseconds to the first token that this share of calls kept within; null: too little is known. */
  firstTokenMs(provider: string, modelId: string, share: number): number | null {
    return quantile(this.#samples.get(nameOf(provider, modelId))?.firstTokenMs, share);
  }

  /** Tokens a second that this share of calls reached at least; null: too little is known. */
  tokensPerSecond(provider: string, modelId: string, share: number): number | null {
    return quantile(this.#samples.get(nameOf(provider, modelId))?.tokensPerSecond, 1 - share);
  }

  #of(provider: string, modelId: string): Samples {
    const name = nameOf(provider, modelId);
    const samples = this.#samples.get(name) ?? { firstTokenMs: [], tokensPerSecond: [] };
    this.#samples.delete(name);
    this.#samples.set(name, samples);
    if (this.#samples.size > MAX_TRACKED) {
      const [oldest] = this.#samples.keys();
      if (oldest !== undefined) this.#samples.delete(oldest);
    }
    return samples;
  }
}

function nameOf(provider: string, modelId: string): string {
  return `${provider} ${modelId}`;
}

function keep(samples: number[], sample: number): void {
  samples.push(sample);
  if (samples.length > SAMPLES_KEPT) samples.shift();
}

function quantile(samples: readonly number[] | undefined, share: number): number | null {
  if (samples === undefined || samples.length < SAMPLES_NEEDED) return null;
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? null;
}
