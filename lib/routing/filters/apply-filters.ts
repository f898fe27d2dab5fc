import { GatewayError } from "../../errors/gateway-error.ts";
import type { ParsedCall } from "../../protocol/client-format.ts";
import type { Candidate } from "../candidate.ts";
import { nobodyLeft } from "../routing-errors.ts";
import type { RoutingPreferences } from "../routing-preferences.ts";
import type { CandidateFilter } from "./candidate-filter.ts";
import { filterByDataPolicy } from "./filter-by-data-policy.ts";
import { filterByParameters, parametersLost } from "./filter-by-parameters.ts";
import { filterByPrice } from "./filter-by-price.ts";
import { filterByProvider } from "./filter-by-provider.ts";
import { filterByQuantization } from "./filter-by-quantization.ts";

/** The cheapest to ask comes first: the first that speaks against a candidate is the one that is named. */
const FILTERS: readonly CandidateFilter[] = [
  filterByProvider,
  filterByDataPolicy,
  filterByPrice,
  filterByQuantization,
  filterByParameters,
];

/**
 * The candidates that no preference of the call speaks against, in the order given.
 * @param onExcluded told of each of the others, with the preference that did
 * @throws GatewayError `no_provider_matches` naming the preferences that left nobody (B87); `unsupported_parameter` where
 *   `require_parameters` did, naming a field that nobody takes (B77)
 */
export function applyFilters(
  candidates: readonly Candidate[],
  preferences: RoutingPreferences,
  call: ParsedCall,
  modelId: string,
  onExcluded: (provider: string, reason: string) => void,
): readonly Candidate[] {
  const reasons = new Set<string>();
  const left = candidates.filter((candidate) => {
    const reason = reasonAgainst(candidate, preferences, call);
    if (reason === null) return true;
    reasons.add(reason);
    onExcluded(candidate.provider.id, reason);
    return false;
  });
  if (left.length > 0) return left;
  const [first = null] = reasons;
  if (first === "provider.require_parameters" && reasons.size === 1) throw unsupported(candidates, call, modelId);
  throw nobodyLeft(modelId, reasons);
}

function reasonAgainst(candidate: Candidate, preferences: RoutingPreferences, call: ParsedCall): string | null {
  for (const filter of FILTERS) {
    const reason = filter(candidate, preferences, call);
    if (reason !== null) return reason;
  }
  return null;
}

function unsupported(candidates: readonly Candidate[], call: ParsedCall, modelId: string): GatewayError {
  const [first] = candidates;
  const [param = "provider.require_parameters"] = first === undefined ? [] : parametersLost(first, call);
  const message = `No configured provider of ${modelId} takes ${param}, and provider.require_parameters is set.`;
  return new GatewayError("unsupported_parameter", message, { param });
}
