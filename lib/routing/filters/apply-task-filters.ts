import type { Candidate } from "../candidate.ts";
import { nobodyLeft } from "../routing-errors.ts";
import type { RoutingPreferences } from "../routing-preferences.ts";
import type { PreferenceFilter } from "./candidate-filter.ts";
import { filterByDataPolicy } from "./filter-by-data-policy.ts";
import { filterByProvider } from "./filter-by-provider.ts";
import { filterByQuantization } from "./filter-by-quantization.ts";
import { filterByTaskPrice } from "./filter-by-task-price.ts";

const FILTERS: readonly PreferenceFilter[] = [
  filterByProvider,
  filterByDataPolicy,
  filterByTaskPrice,
  filterByQuantization,
];

/**
 * The candidates for a task that no preference speaks against, in the order given.
 * @throws GatewayError `no_provider_matches` naming the preferences that left nobody (B87)
 */
export function applyTaskFilters(
  candidates: readonly Candidate[],
  preferences: RoutingPreferences,
  modelId: string,
): readonly Candidate[] {
  const reasons = new Set<string>();
  const left = candidates.filter((candidate) => {
    const against = FILTERS.map((filter) => filter(candidate, preferences)).find((reason) => reason !== null);
    if (against !== undefined) reasons.add(against);
    return against === undefined;
  });
  if (left.length > 0) return left;
  throw nobodyLeft(modelId, reasons);
}
