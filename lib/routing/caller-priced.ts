import { scaledPrice } from "../money/cost.ts";
import type { Candidate } from "./candidate.ts";

/**
 * Puts a caller's own key before the operator's of the same provider, and prices it: the caller pays its provider, and here
 * the operator's fee.
 * @param feePercent of what the call would cost with the operator's key
 */
export function callerPriced(candidates: readonly Candidate[], feePercent: number): readonly Candidate[] {
  if (!candidates.some(isCallers)) return candidates;
  const endpoints: [Candidate, ...Candidate[]][] = [];
  for (const candidate of candidates) {
    const last = endpoints.at(-1);
    const priced = isCallers(candidate)
      ? { ...candidate, price: scaledPrice(candidate.price, BigInt(feePercent)) }
      : candidate;
    if (last !== undefined && sameEndpoint(last[0], candidate)) last.push(priced);
    else endpoints.push([priced]);
  }
  return endpoints.flatMap((keys) => [...keys.filter(isCallers), ...keys.filter((key) => !isCallers(key))]);
}

export function isCallers({ credential }: Pick<Candidate, "credential">): boolean {
  return credential?.ofCaller === true;
}

function sameEndpoint(a: Candidate, b: Candidate): boolean {
  return a.provider.id === b.provider.id && a.nativeModel === b.nativeModel;
}

/** Every candidate at `percent` of its price. */
export function atPercent(candidates: readonly Candidate[], percent: number): readonly Candidate[] {
  if (percent === 100) return candidates;
  return candidates.map((candidate) => ({ ...candidate, price: scaledPrice(candidate.price, BigInt(percent)) }));
}
