const MAX_TRACKED = 2_000;
const SAMPLES_KEPT = 32;
/** Below this many samples the model's default stands in. */
const SAMPLES_NEEDED = 8;
const QUANTILE = 0.95;

/**
 * How long the answers of one key and model have been of late, to hold what a call is expected to cost rather than
 * the worst it could (DESIGN, section 7). Lives in the isolate: a cold one starts from the model's default, and a
 * stream whose answer outgrows the expectation extends its hold.
 */
export class OutputLengths {
  readonly #samples = new Map<string, number[]>();

  note(keyId: string, modelId: string, outputTokens: number): void {
    const name = `${keyId} ${modelId}`;
    const samples = this.#samples.get(name) ?? [];
    samples.push(outputTokens);
    if (samples.length > SAMPLES_KEPT) samples.shift();
    this.#samples.delete(name);
    this.#samples.set(name, samples);
    if (this.#samples.size > MAX_TRACKED) {
      const [oldest] = this.#samples.keys();
      if (oldest !== undefined) this.#samples.delete(oldest);
    }
  }

  /** The 95th percentile of recent answers in tokens, or null while too few are known. */
  expected(keyId: string, modelId: string): number | null {
    const samples = this.#samples.get(`${keyId} ${modelId}`);
    if (samples === undefined || samples.length < SAMPLES_NEEDED) return null;
    const sorted = samples.toSorted((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * QUANTILE) - 1] ?? null;
  }
}
