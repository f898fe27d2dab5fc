import type { NamePreference } from "./model-names.ts";

/** What a name's suffix asks for. */
interface Suffix {
  readonly preference: NamePreference;
  /**
   * Dynamic: it orders the model's own offers. Static: OpenRouter lists such a variant as a model of its own, which is taken
   * where the catalog has it; where not, `preference` says which of the model's offers stand in for it.
   * Priced: the same, but nothing may stand in, for the variant costs more than its model.
   * (openrouter.ai/docs/guides/routing/model-variants, read 2026-11-25)
   */
  readonly kind: "dynamic" | "static" | "priced";
}

const SUFFIXES: ReadonlyMap<string, Suffix> = new Map<string, Suffix>([
  ["nitro", { kind: "dynamic", preference: { sort: "throughput" } }],
  ["floor", { kind: "dynamic", preference: { sort: "price" } }],
  ["free", { kind: "static", preference: { onlyFree: true } }],
  ["thinking", { kind: "static", preference: { reasoning: true } }],
  // Locked to the provider that curates it, and asked of it by that name.
  ["exacto", { kind: "static", preference: { lockedProvider: "openrouter" } }],
  ["extended", { kind: "priced", preference: {} }],
  ["online", { kind: "priced", preference: {} }],
]);

/** A model that the catalog may have under the name with its suffix. */
export interface NameVariant {
  /** Without the colon. */
  readonly suffix: string;
  /** True when the model without the suffix must not stand in for it. */
  readonly required: boolean;
  /** What is asked of the variant itself: what the other suffixes said. */
  readonly preference: NamePreference;
}

export interface SplitName {
  /** The name without its suffixes. */
  readonly base: string;
  readonly preference: NamePreference;
  readonly variant: NameVariant | null;
}

/** Takes the known suffixes off the end of a name; anything else after a colon is part of it. */
export function splitSuffixes(name: string): SplitName {
  let base = name;
  let preference: NamePreference = {};
  let ofVariant: NamePreference = {};
  let variant: Omit<NameVariant, "preference"> | null = null;
  for (;;) {
    const colon = base.lastIndexOf(":");
    const word = base.slice(colon + 1).toLowerCase();
    const suffix = colon > 0 ? SUFFIXES.get(word) : undefined;
    if (suffix === undefined) break;
    base = base.slice(0, colon);
    preference = { ...suffix.preference, ...preference };
    if (suffix.kind === "dynamic") ofVariant = { ...suffix.preference, ...ofVariant };
    else variant = { suffix: word, required: suffix.kind === "priced" };
  }
  return { base, preference, variant: variant === null ? null : { ...variant, preference: ofVariant } };
}
