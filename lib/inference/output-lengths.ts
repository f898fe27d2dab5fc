const MAX_TRACKED = 2_000;
const SAMPLES_KEPT = 32;
/** Below this many samples the model's default stands in. */
const SAMPLES_NEEDED = 8;
const QUANTILE = 0.95;

interface Lengths {
  /** The latest answers, the oldest first. */
  readonly samples: number[];
  /** Null while too few are known. */
  expected: number | null;
  /** Answers since that was worked out: sorting at every one would cost more than a slightly older figure does. */
  unseen: number;
}

const ANSWERS_PER_SORT = 8;

/**
 * How long the answers of one key and model have been of late, to hold what a call is expected to cost rather than
 * the worst it could (DESIGN, section 7). Lives in the isolate: a cold one starts from the model's default, and a
 * stream whose answer outgrows the expectation extends its hold.
 */
export class OutputLengths {
  readonly #lengths = new Map<string, Lengths>();

  note(keyId: string, modelId: string, outputTokens: number): void {
    const name = `${keyId} ${modelId}`;
    const lengths = this.#lengths.get(name) ?? { samples: [], expected: null, unseen: 0 };
    lengths.samples.push(outputTokens);
    if (lengths.samples.length > SAMPLES_KEPT) lengths.samples.shift();
    lengths.unseen += 1;
    if (lengths.expected === null || outputTokens > lengths.expected || lengths.unseen >= ANSWERS_PER_SORT) {
      lengths.expected = quantileOf(lengths.samples);
      lengths.unseen = 0;
    }
    this.#lengths.delete(name);
    this.#lengths.set(name, lengths);
    if (this.#lengths.size > MAX_TRACKED) {
      const [oldest] = this.#lengths.keys();
      if (oldest !== undefined) this.#lengths.delete(oldest);
    }
  }

  /** The 95th percentile of recent answers in tokens, or null while too few are known. */
  expected(keyId: string, modelId: string): number | null {
    return this.#lengths.get(`${keyId} ${modelId}`)?.expected ?? null;
  }
}

function quantileOf(samples: readonly number[]): number | null {
  if (samples.length < SAMPLES_NEEDED) return null;
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * QUANTILE) - 1] ?? null;
}
