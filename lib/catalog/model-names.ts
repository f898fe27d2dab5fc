import type { ModelJson } from "./model-json.ts";
import aliases from "./seed/aliases.json" with { type: "json" };

/** Models that are gone, and what to call instead (B45). */
const RETIRED: Readonly<Record<string, string>> = {
  "anthropic/claude-2": "anthropic/claude-haiku-4.5",
  "anthropic/claude-2.1": "anthropic/claude-haiku-4.5",
  "anthropic/claude-instant-1.2": "anthropic/claude-haiku-4.5",
  "google/gemini-1.5-flash": "google/gemini-2.5-flash",
  "google/gemini-1.5-pro": "google/gemini-2.5-pro",
  "openai/gpt-4-32k": "openai/gpt-4o",
  "openai/text-davinci-003": "openai/gpt-4o-mini",
};

export type ResolvedName =
  | {
      readonly kind: "model";
      readonly id: string;
      /** The provider that the name spoke of, to be asked first; null when it spoke of none. */
      readonly provider: string | null;
    }
  /** A model of a local server, which the catalog does not know. */
  | { readonly kind: "any-model"; readonly provider: string; readonly nativeModel: string }
  | { readonly kind: "retired"; readonly id: string; readonly successor: string }
  /** In no table: it may still be in the database, by exactly this id (an alias' target, else the name as it came). */
  | { readonly kind: "unknown"; readonly name: string };

/** Names longer than this are nobody's. */
const MAX_NAME_CHARACTERS = 256;
/** Ids are printable and have no path tricks in them. */
const PLAUSIBLE_NAME = /^[\w@~][\w.:/@+~-]*$/;

/** False for a name that no model can have: nobody need be asked about it (B43, B44). */
export function isPlausibleName(name: string): boolean {
  return name.length <= MAX_NAME_CHARACTERS && PLAUSIBLE_NAME.test(name) && !name.includes("..");
}

/**
 * Finds the model a name stands for: alias, canonical id, a provider's native id, `provider/…`. Total and pure over
 * its tables; every result's id resolves to itself (CM-3.4).
 */
export class ModelNames {
  readonly #ids = new Map<string, string>();
  /** Lower-case native id -> model and provider; no provider where several use the same native id. */
  readonly #natives = new Map<string, { readonly id: string; readonly provider: string | null }>();
  readonly #anyModelProviders: ReadonlySet<string>;
  readonly #aliases: ReadonlyMap<string, string> = new Map(Object.entries(aliases));
  readonly #retired: ReadonlyMap<string, string> = new Map(Object.entries(RETIRED));

  constructor(models: readonly ModelJson[], anyModelProviders: readonly string[]) {
    this.#anyModelProviders = new Set(anyModelProviders);
    for (const { id } of models) this.#ids.set(id.toLowerCase(), id);
    for (const { id, offers } of models) {
      for (const { provider, nativeModel } of offers) {
        this.#addNative(nativeModel.toLowerCase(), id, provider);
        this.#addNative(`${provider}/${nativeModel.toLowerCase()}`, id, provider);
        this.#addNative(`${provider}/${id.toLowerCase()}`, id, provider);
      }
    }
  }

  resolve(name: string): ResolvedName {
    if (!isPlausibleName(name)) return { kind: "unknown", name };
    const slash = name.indexOf("/");
    const prefix = name.slice(0, Math.max(0, slash)).toLowerCase();
    if (this.#anyModelProviders.has(prefix)) {
      if (slash + 1 === name.length) return { kind: "unknown", name };
      return { kind: "any-model", provider: prefix, nativeModel: name.slice(slash + 1) };
    }
    const lower = name.toLowerCase();
    const target = this.#aliases.get(lower);
    const canonical = target ?? lower;
    const id = this.#ids.get(canonical);
    // An alias may name a provider all the same: `groq/llama-3.3-70b-versatile`.
    const named = target === undefined ? undefined : this.#natives.get(lower);
    if (id !== undefined) return { kind: "model", id, provider: named?.id === id ? named.provider : null };
    const successor = this.#retired.get(canonical) ?? this.#retired.get(`${vendorOfBare(canonical)}/${canonical}`);
    if (successor !== undefined) return { kind: "retired", id: canonical, successor };
    const native = this.#natives.get(canonical);
    return native === undefined ? { kind: "unknown", name: target ?? name } : { kind: "model", ...native };
  }

  /** Up to three ids that look like `name`, best first; a name without a vendor is held against ids without theirs. */
  near(name: string): readonly string[] {
    if (name.length > MAX_NAME_CHARACTERS) return [];
    const wanted = pairsOf(name.toLowerCase());
    const withVendor = name.includes("/");
    const scored: { readonly id: string; readonly score: number }[] = [];
    for (const [lower, id] of this.#ids) {
      const score = similarity(wanted, pairsOf(withVendor ? lower : lower.slice(lower.indexOf("/") + 1)));
      if (score >= 0.4) scored.push({ id, score });
    }
    return scored
      .toSorted((a, b) => b.score - a.score)
      .slice(0, 3)
      .map(({ id }) => id);
  }

  /** The first model of a native id keeps it; canonical ids are looked at before native ones. */
  #addNative(native: string, id: string, provider: string): void {
    const known = this.#natives.get(native);
    if (known === undefined) this.#natives.set(native, { id, provider });
    else if (known.id === id && known.provider !== provider) this.#natives.set(native, { id, provider: null });
  }
}

/** The vendor that a retired bare name belonged to. */
function vendorOfBare(name: string): string {
  if (name.startsWith("claude")) return "anthropic";
  return name.startsWith("gemini") ? "google" : "openai";
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
