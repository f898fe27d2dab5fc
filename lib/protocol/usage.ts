import type { BillableCounts } from "../money/cost.ts";

/**
 * What one reply consumed, in disjoint parts. Decoders report the running total as they read it: usage is
 * cumulative in every protocol, so the last report wins, and an explicit 0 counts as a report.
 */
export interface Usage extends BillableCounts {
  /** `provider`: reported. `estimated`: metered from the text because the provider reported none (CM-14.2). */
  readonly source: "provider" | "estimated";
}

export const NO_USAGE: Usage = {
  inputUncached: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWriteOneHour: 0,
  output: 0,
  reasoning: 0,
  source: "estimated",
};

/** Input tokens as OpenAI counts them: cached ones included. */
export function totalInputTokens(usage: BillableCounts): number {
  return usage.inputUncached + usage.cacheRead + usage.cacheWrite + usage.cacheWriteOneHour;
}

/** Output tokens as every vendor bills them: reasoning included. */
export function totalOutputTokens(usage: BillableCounts): number {
  return usage.output + usage.reasoning;
}

/**
 * A count as a provider reports it: absent is 0, and what is no non-negative integer is NaN, which no meter believes
 * (security K18).
 */
export function tokenCount(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN;
}
