/** A name that can be called, cut into what it is compared by. */
interface Known {
  /** What is suggested for it: the id that it leads to. */
  readonly id: string;
  readonly pairs: ReadonlySet<string>;
  readonly pairsWithoutVendor: ReadonlySet<string>;
}

const ENOUGH = 0.4;
const MAX_SUGGESTIONS = 3;
/** A longer name is compared by its beginning: no id is as long. */
const MAX_COMPARED_CHARACTERS = 100;

/** Finds what a mistyped name was meant to be. */
export class NearNames {
  readonly #known: readonly Known[];

  /** @param names lower-case names, ids and aliases alike, each with the id that it leads to */
  constructor(names: Iterable<readonly [string, string]>) {
    this.#known = [...names].map(([name, id]) => ({
      id,
      pairs: pairsOf(name),
      pairsWithoutVendor: pairsOf(name.slice(name.indexOf("/") + 1)),
    }));
  }

  /** Up to three ids, best first; a name without a vendor is held against names without theirs. */
  of(name: string): readonly string[] {
    const wanted = pairsOf(name.toLowerCase().slice(0, MAX_COMPARED_CHARACTERS));
    const withVendor = name.includes("/");
    const best = new Map<string, number>();
    for (const { id, pairs, pairsWithoutVendor } of this.#known) {
      const score = similarity(wanted, withVendor ? pairs : pairsWithoutVendor);
      if (score >= ENOUGH && score > (best.get(id) ?? 0)) best.set(id, score);
    }
    return [...best]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, MAX_SUGGESTIONS)
      .map(([id]) => id);
  }
}

function pairsOf(text: string): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (let index = 0; index + 1 < text.length; index++) pairs.add(text.slice(index, index + 2));
  return pairs;
}

/** Dice's coefficient over letter pairs: 1 for equal, 0 for nothing in common. */
function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size + b.size === 0) return 0;
  let shared = 0;
  for (const pair of a) if (b.has(pair)) shared += 1;
  return (2 * shared) / (a.size + b.size);
}
