import type { PreferenceFilter } from "./candidate-filter.ts";

/**
 * `data_collection: "deny"` and `zdr`. Both fail closed: a provider that does not say that it is safe is not. One that
 * keeps nothing has nothing to train on.
 */
export const filterByDataPolicy: PreferenceFilter = ({ provider }, { denyDataCollection, zeroDataRetention }) => {
  const keepsNothing = provider.zeroDataRetention === true;
  if (zeroDataRetention && !keepsNothing) return "provider.zdr";
  return denyDataCollection && !keepsNothing && provider.trainsOnPrompts !== false ? "provider.data_collection" : null;
};
