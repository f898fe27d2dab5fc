import { costNanoUsd } from "../money/cost.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import { NO_USAGE } from "../protocol/usage.ts";
import type { Candidate } from "../routing/candidate.ts";

/**
 * What to hold for a call: its prompt at the input price plus its output at the output price (CM-6.3.2), at the
 * dearest candidate, so that a failover stays within the same hold. The output is the asked maximum, or else what
 * this key's answers from this model usually come to, never more than the model can write.
 * @param usualOutputTokens the expectation for one choice when the client asked for no maximum
 */
export function expectedCost(call: ParsedCall, candidates: readonly Candidate[], usualOutputTokens: number): NanoUsd {
  let dearest = 0n;
  for (const { price, maxOutputTokens } of candidates) {
    const perChoice = Math.min(call.maxOutputTokens ?? usualOutputTokens, maxOutputTokens);
    const counts = { ...NO_USAGE, inputUncached: call.estimatedInputTokens, output: perChoice * call.choices };
    const cost = costNanoUsd(price, counts);
    if (cost > dearest) dearest = cost;
  }
  return dearest;
}
