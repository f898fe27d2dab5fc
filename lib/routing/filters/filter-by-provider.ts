import type { PreferenceFilter } from "./candidate-filter.ts";

/** `only`, `ignore`, and `order` where it is all there is (`allow_fallbacks: false`). */
export const filterByProvider: PreferenceFilter = ({ provider: { id } }, { only, ignore, order, allowFallbacks }) => {
  if (only !== null && !only.includes(id)) return "provider.only";
  if (ignore.includes(id)) return "provider.ignore";
  return !allowFallbacks && order.length > 0 && !order.includes(id) ? "provider.order" : null;
};
