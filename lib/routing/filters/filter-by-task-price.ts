import type { PreferenceFilter } from "./candidate-filter.ts";

/**
 * `max_price` of a task: tokens of images and of sound count as prompt and completion too, so the dearest token on either
 * side must keep to it. A part that is not named may cost anything.
 */
export const filterByTaskPrice: PreferenceFilter = ({ price }, { maxPrice }) => {
  if (maxPrice === null) return null;
  const { units } = price;
  const exceeds = (most: bigint | null, ...asked: readonly (bigint | null | undefined)[]) =>
    most !== null && asked.some((each) => each !== null && each !== undefined && each > most);
  const dear =
    exceeds(
      maxPrice.promptPerMillion,
      price.inputPerMillion,
      units?.imageInputPerMillion,
      units?.audioInputPerMillion,
    ) ||
    exceeds(
      maxPrice.completionPerMillion,
      price.outputPerMillion,
      units?.imageOutputPerMillion,
      units?.audioOutputPerMillion,
    ) ||
    exceeds(maxPrice.perRequest, price.perRequest);
  return dear ? "provider.max_price" : null;
};
