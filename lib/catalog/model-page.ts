import * as z from "zod";

/** Which part of the list of models is asked for (docs.anthropic.com/en/api/models-list, read 2026-11-25). */
export const modelPageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).optional().describe("Anthropic's shape only; without it, all"),
  after_id: z.string().max(200).optional().describe("Anthropic's shape only: the page that follows this model"),
  before_id: z.string().max(200).optional().describe("Anthropic's shape only: the page that ends before this model"),
});

interface ModelPage<Item> {
  readonly data: readonly Item[];
  /** Whether there is more in the direction that was asked for. */
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** A page of `items`. A cursor that is not in the list (its model has gone) is as if none was given. */
export function pageOf<Item extends { readonly id: string }>(
  items: readonly Item[],
  { limit, after_id: afterId, before_id: beforeId }: z.infer<typeof modelPageQuery>,
): ModelPage<Item> {
  const end = beforeId === undefined ? -1 : items.findIndex(({ id }) => id === beforeId);
  const backwards = end >= 0;
  const start = backwards || afterId === undefined ? 0 : items.findIndex(({ id }) => id === afterId) + 1;
  const asked = backwards ? items.slice(0, end) : items.slice(start);
  const size = limit ?? asked.length;
  const data = backwards ? asked.slice(Math.max(0, asked.length - size)) : asked.slice(0, size);
  return {
    data,
    has_more: asked.length > data.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
