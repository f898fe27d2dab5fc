import type { ModelJson } from "./model-json.ts";

type Released = Pick<ModelJson, "id" | "releaseDate" | "modality">;

/** A version, a date, a size or a stage; `4o`, `k2.5`, `v3`, `0905`, `120b`, `a22b`, `preview`. */
const NO_FAMILY = /^(?:[a-z]?\d+(?:\.\d+)*[a-z]?|\d+x\d+b|preview|exp|instruct|it|chat|latest)$/;

/**
 * The names `~vendor/family-latest`, each with the newest release of its family; a family is a name without its versions,
 * dates, sizes and stages: `~anthropic/claude-sonnet-latest`, `~openai/gpt-latest`. Of two of a day the higher version.
 */
export function latestModels(models: readonly Released[]): ReadonlyMap<string, string> {
  const newest = new Map<string, Released>();
  for (const model of models) {
    if (model.releaseDate === null || model.id.includes(":") || !/->text$/.test(model.modality)) continue;
    const alias = latestName(model.id);
    const known = newest.get(alias);
    if (known === undefined || isNewer(model, known)) newest.set(alias, model);
  }
  return new Map([...newest].map(([alias, { id }]) => [alias, id]));
}

function latestName(id: string): string {
  const slash = id.indexOf("/");
  const [first = "", ...rest] = id.slice(slash + 1).split("-");
  const words = rest.filter((word) => !NO_FAMILY.test(word));
  // `qwen3` and `o4` carry their version with them.
  return `~${id.slice(0, slash)}/${[first.replace(/\d[\d.]*$/, ""), ...words].join("-")}-latest`;
}

function isNewer(model: Released, known: Released): boolean {
  const byDate = (model.releaseDate ?? "").localeCompare(known.releaseDate ?? "");
  return byDate > 0 || (byDate === 0 && model.id.localeCompare(known.id, "en", { numeric: true }) > 0);
}
