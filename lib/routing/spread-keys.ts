import type { ProviderCredential } from "../providers/authorize.ts";
import { hashFraction } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";

/**
 * Each candidate once for each of its provider's keys, one after the other: a session's own key first, and without a
 * session whichever chance puts there. A key that is cooling down is passed over when the call goes out.
 */
export function spreadKeys(
  candidates: readonly Candidate[],
  keysOf: (candidate: Candidate) => readonly ProviderCredential[],
  session: string | null,
  random: () => number,
): readonly Candidate[] {
  return candidates.flatMap((candidate) => {
    const keys = keysOf(candidate);
    if (keys.length <= 1) return [candidate];
    const drawn = keys.map((credential) => ({
      credential,
      draw: session === null ? random() : hashFraction(session, candidate.provider.id, "#", credential.id),
    }));
    return drawn.toSorted((a, b) => a.draw - b.draw).map(({ credential }) => ({ ...candidate, credential }));
  });
}
