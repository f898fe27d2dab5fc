import type { KeyCoolDowns } from "../health/key-cool-downs.ts";
import type { Candidate } from "./candidate.ts";

/** A model at a provider, with the keys by which it may be asked: candidates that differ in their key only. */
export interface Endpoint {
  readonly provider: string;
  /** At least one, in the order of their turn. */
  readonly keys: readonly [Candidate, ...Candidate[]];
}

/** Ranked candidates as endpoints: those of one model at one provider stand together. */
export function endpointsOf(candidates: readonly Candidate[]): readonly Endpoint[] {
  const endpoints: { readonly provider: string; readonly keys: [Candidate, ...Candidate[]] }[] = [];
  for (const candidate of candidates) {
    const last = endpoints.at(-1);
    const [known] = last?.keys ?? [];
    if (last !== undefined && known !== undefined && sameEndpoint(known, candidate)) last.keys.push(candidate);
    else endpoints.push({ provider: candidate.provider.id, keys: [candidate] });
  }
  return endpoints;
}

function sameEndpoint(a: Candidate, b: Candidate): boolean {
  return a.provider.id === b.provider.id && a.nativeModel === b.nativeModel && a.modelId === b.modelId;
}

/** The keys to try, in their turn: those that are not cooling down; where all are, the one that will be over it first. */
export function usableKeys({ keys }: Endpoint, coolDowns: KeyCoolDowns, nowMs: number): readonly Candidate[] {
  const untilMs = (key: Candidate) => coolDownOf(key, coolDowns, nowMs)?.untilMs ?? 0;
  const usable = keys.filter((key) => untilMs(key) === 0);
  return usable.length > 0 ? usable : keys.toSorted((a, b) => untilMs(a) - untilMs(b)).slice(0, 1);
}

export function coolDownOf({ provider, credential }: Candidate, coolDowns: KeyCoolDowns, nowMs: number) {
  return credential?.pooled === true ? coolDowns.state(provider.id, credential.id, nowMs) : null;
}
