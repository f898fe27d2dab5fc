import type { NanoUsd } from "./nano-usd.ts";

/**
 * A price as it stood when a request was admitted. Token prices are integers of nano-dollars per million tokens.
 * `null` means that the part has no price of its own: cached input and cache writes then cost the input price,
 * reasoning the output price. Null is never free.
 */
export interface Price {
  /** Identifies the record, so that a charge can be traced to the price it used. */
  readonly version: string;
  readonly inputPerMillion: bigint;
  readonly cachedInputPerMillion: bigint | null;
  readonly cacheWritePerMillion: bigint | null;
  /** Anthropic's one-hour cache writes; null: twice the input price where cacheWrite is priced, else the input price. */
  readonly cacheWriteOneHourPerMillion: bigint | null;
  readonly outputPerMillion: bigint;
  readonly reasoningPerMillion: bigint | null;
  /** Nano-dollars for each request, on top of its tokens. */
  readonly perRequest: NanoUsd;
  /** Prices of what is not text (`task-cost`). Absent: priced by tokens alone. */
  readonly units?: UnitPrices;
}

/** Nano-dollars for what is counted otherwise than in text tokens. Null: the model is not priced by it. */
export interface UnitPrices {
  /** One image of 1024 x 1024 in standard quality. */
  readonly perImage: NanoUsd | null;
  readonly perAudioMinute: NanoUsd | null;
  readonly perMillionCharacters: NanoUsd | null;
  /** One search of a reranker: a query over up to 100 documents. */
  readonly perSearch: NanoUsd | null;
  /** Per million image or audio tokens; null: as a text token. */
  readonly imageInputPerMillion: bigint | null;
  readonly imageOutputPerMillion: bigint | null;
  readonly audioInputPerMillion: bigint | null;
  readonly audioOutputPerMillion: bigint | null;
}

/** Disjoint counts: each token is in exactly one of them. Safe non-negative integers. */
export interface BillableCounts {
  readonly inputUncached: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cacheWriteOneHour: number;
  readonly output: number;
  readonly reasoning: number;
}

/** The price at `percent` of its amounts, each rounded up to what it is counted in. */
export function scaledPrice(price: Price, percent: bigint): Price {
  // The same shape: amounts are its only bigints, and nothing else is changed.
  const scaled = scaledAmounts(price, percent) as Price;
  return { ...scaled, version: `${price.version}*${percent}%` };
}

function scaledAmounts(value: unknown, percent: bigint): unknown {
  if (typeof value === "bigint") return (value * percent + 99n) / 100n;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, amount]) => [name, scaledAmounts(amount, percent)]));
}

const TOKENS_PER_PRICE = 1_000_000n;

/**
 * The cost of `counts` under `price`: the exact sum in BigInt, rounded up once, to the nano-dollar (CM-6.1.1, CM-6.1.4).
 * Zero tokens cost 0 (CM-6.1.2): the per-request price belongs to a request that produced something.
 */
export function costNanoUsd(price: Price, counts: BillableCounts): NanoUsd {
  const input = price.inputPerMillion;
  const cacheWrite = price.cacheWritePerMillion ?? input;
  const cacheWriteOneHour =
    price.cacheWriteOneHourPerMillion ?? (price.cacheWritePerMillion === null ? input : input * 2n);
  const millionths =
    BigInt(counts.inputUncached) * input +
    BigInt(counts.cacheRead) * (price.cachedInputPerMillion ?? input) +
    BigInt(counts.cacheWrite) * cacheWrite +
    BigInt(counts.cacheWriteOneHour) * cacheWriteOneHour +
    BigInt(counts.output) * price.outputPerMillion +
    BigInt(counts.reasoning) * (price.reasoningPerMillion ?? price.outputPerMillion);
  const tokens = (millionths + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE;
  const anyTokens =
    counts.inputUncached +
      counts.cacheRead +
      counts.cacheWrite +
      counts.cacheWriteOneHour +
      counts.output +
      counts.reasoning >
    0;
  return anyTokens ? tokens + price.perRequest : 0n;
}
