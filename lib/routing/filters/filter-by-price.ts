import type { CandidateFilter } from "./candidate-filter.ts";

/** `max_price`: each part is held against the candidate's own list price; a part that is not named may cost anything. */
export const filterByPrice: CandidateFilter = ({ price }, { maxPrice }) => {
  if (maxPrice === null) return null;
  const { promptPerMillion, completionPerMillion, perRequest } = maxPrice;
  const dear =
    (promptPerMillion !== null && price.inputPerMillion > promptPerMillion) ||
    (completionPerMillion !== null && price.outputPerMillion > completionPerMillion) ||
    (perRequest !== null && price.perRequest > perRequest);
  return dear ? "provider.max_price" : null;
};
