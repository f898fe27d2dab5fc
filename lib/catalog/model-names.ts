import { providerOfSlug } from "../providers/provider-slugs.ts";
import { latestModels } from "./latest-models.ts";
import { vendorOf } from "./model.ts";
import type { ModelJson } from "./model-json.ts";
import { formatOf, looseName, looseNames, providerOfOrganisation } from "./name-formats.ts";
import { type NameVariant, splitSuffixes } from "./name-suffixes.ts";
import { LISTED_NATIVE_IDS, withoutAffixes } from "./native-ids.ts";
import { NearNames } from "./near-names.ts";
import { successorOf } from "./retired-models.ts";
import aliases from "./seed/aliases.json" with { type: "json" };
import overrides from "./seed/provider-overrides.json" with { type: "json" };

/** What a name asks for beside its model: `:floor`, `:nitro`, `:free`, `:thinking`, `:exacto`. Absent: as usual. */
export interface NamePreference {
  readonly sort?: "price" | "throughput" | "latency";
  /** Only offers that cost nothing. */
  readonly onlyFree?: boolean;
  /** The model is to think where the request says nothing of it. */
  readonly reasoning?: boolean;
  /** Nobody else is asked. */
  readonly lockedProvider?: string;
}

interface Wish {
  /** The provider that the name spoke of, or that it is known to belong to: asked first. Null: none. */
  readonly provider: string | null;
  /** True when the name itself says so, as in `groq/llama-3.3-70b-versatile`. */
  readonly pinned: boolean;
  readonly preference: NamePreference;
  /** A model of its own that may be known by the name with its suffix, and comes before this one. */
  readonly variant: NameVariant | null;
}

export type ResolvedName =
  | (Wish & { readonly kind: "model"; readonly id: string })
  /** A model of a local server, which the catalog does not know. */
  | { readonly kind: "any-model"; readonly provider: string; readonly nativeModel: string }
  | { readonly kind: "retired"; readonly id: string; readonly successor: string }
  /**
   * In no table: it may still be in the database, by exactly this id: an alias' target, else the name as it came, in its own
   * case (CM-3.10), without its suffixes.
   */
  | (Wish & { readonly kind: "unknown"; readonly name: string });

type Found =
  | { readonly kind: "model"; readonly id: string; readonly provider: string | null; readonly pinned: boolean }
  | Retired;
type Retired = ResolvedName & { readonly kind: "retired" };

/** Names longer than this are nobody's. */
const MAX_NAME_CHARACTERS = 256;
/** Ids are printable and have no path tricks in them. */
const PLAUSIBLE_NAME = /^[\w@~][\w.:/@+~-]*$/;

/** False for a name that no model can have: nobody need be asked about it (B43, B44). */
export function isPlausibleName(name: string): boolean {
  return name.length <= MAX_NAME_CHARACTERS && PLAUSIBLE_NAME.test(name) && !name.includes("..");
}

const ALIASES: ReadonlyMap<string, string> = new Map(Object.entries(aliases));
const OVERRIDES: ReadonlyMap<string, string> = new Map(Object.entries(overrides));

/**
 * Finds the model a name stands for, and who is to serve it. In this order: alias, a provider set for the id, the format of a
 * provider's own ids, providers' native ids and `provider/…`, the organisation. Total and pure over its tables; every
 * result's id resolves to itself (CM-3.4).
 */
export class ModelNames {
  readonly #ids = new Map<string, string>();
  readonly #vendors = new Set<string>();
  /** Lower-case native id -> model and provider; no provider where several use the same native id. */
  readonly #natives = new Map<string, { readonly id: string; readonly provider: string | null }>();
  readonly #anyModelProviders: ReadonlySet<string>;
  readonly #models: readonly ModelJson[];
  // Made when they are first needed, for most isolates never need them.
  #loose: ReadonlyMap<string, string | null> | null = null;
  #latest: ReadonlyMap<string, string> | null = null;
  #near: NearNames | null = null;

  constructor(models: readonly ModelJson[], anyModelProviders: readonly string[]) {
    this.#anyModelProviders = new Set(anyModelProviders);
    this.#models = models;
    for (const { id } of models) {
      this.#ids.set(id.toLowerCase(), id);
      this.#vendors.add(vendorOf(id));
    }
    for (const { id, offers } of models) {
      for (const { provider, nativeModel } of offers) {
        this.#addNative(nativeModel.toLowerCase(), id, provider);
        this.#addNative(`${provider}/${nativeModel.toLowerCase()}`, id, provider);
      }
    }
    for (const [provider, ids] of LISTED_NATIVE_IDS) {
      for (const [id, native] of ids) {
        if (this.#ids.has(id)) this.#addNative(`${provider}/${native.toLowerCase()}`, id, provider);
      }
    }
  }

  resolve(name: string): ResolvedName {
    const none = { provider: null, pinned: false, preference: {}, variant: null };
    if (!isPlausibleName(name)) return { kind: "unknown", name, ...none };
    const slash = name.indexOf("/");
    const prefix = name.slice(0, Math.max(0, slash)).toLowerCase();
    if (this.#anyModelProviders.has(prefix)) {
      if (slash + 1 === name.length) return { kind: "unknown", name, ...none };
      return { kind: "any-model", provider: prefix, nativeModel: name.slice(slash + 1) };
    }
    const whole = this.#find(name.toLowerCase());
    if (whole !== null) return whole.kind === "retired" ? whole : { ...whole, preference: {}, variant: null };
    const { base, ...wish } = splitSuffixes(name);
    const lower = base.toLowerCase();
    const found = base === name ? null : this.#find(lower);
    if (found === null) {
      return {
        kind: "unknown",
        name: this.#aliasOf(lower) ?? base,
        provider: this.#homeOf(lower),
        pinned: false,
        ...wish,
      };
    }
    if (found.kind === "retired") return found;
    const own = wish.variant === null ? undefined : this.#ids.get(`${found.id}:${wish.variant.suffix}`);
    if (own === undefined) return { ...found, ...wish };
    return { ...found, id: own, preference: wish.variant?.preference ?? {}, variant: null };
  }

  /** Up to three ids that look like `name`, or have an alias that does, best first. */
  near(name: string): readonly string[] {
    if (name.length > MAX_NAME_CHARACTERS) return [];
    this.#near ??= this.#nearNames();
    return this.#near.of(name);
  }

  #find(lower: string): Found | null {
    const target = this.#aliasOf(lower);
    const canonical = target ?? lower;
    const found = this.#known(canonical) ?? this.#byFormat(lower) ?? this.#pinned(lower) ?? this.#natively(canonical);
    if (found === null || found.kind === "retired") return found;
    const set = OVERRIDES.get(lower) ?? OVERRIDES.get(canonical);
    if (set !== undefined) return { ...found, provider: set, pinned: false };
    if (target === undefined || found.provider !== null) return found;
    // An alias may name a provider all the same: `xai/grok-4`, `llama-3.3-70b-versatile`.
    const named = this.#natives.get(lower);
    return { ...found, provider: named?.id === found.id ? named.provider : (formatOf(lower)?.provider ?? null) };
  }

  /** A canonical id, or what became of it. */
  #known(canonical: string): Found | null {
    const id = this.#ids.get(canonical);
    if (id !== undefined) return { kind: "model", id, provider: null, pinned: false };
    const successor = successorOf(canonical);
    return successor === undefined ? null : { kind: "retired", id: canonical, successor };
  }

  /** An id in one provider's format is that provider's, unless the tables know another who uses the very same. */
  #byFormat(lower: string): Found | null {
    const format = formatOf(lower);
    if (format === null) return null;
    const native = this.#natives.get(lower);
    if (native !== undefined) return { kind: "model", id: native.id, provider: native.provider, pinned: false };
    const id = this.#loosely(format.name);
    return id === null ? null : { kind: "model", id, provider: format.provider, pinned: false };
  }

  #natively(canonical: string): Found | null {
    const native = this.#natives.get(canonical);
    return native === undefined ? null : { kind: "model", pinned: false, ...native };
  }

  /** `provider/model`, `provider/vendor/model` and `provider/native id`. */
  #pinned(lower: string): Found | null {
    const slash = lower.indexOf("/");
    const prefix = lower.slice(0, Math.max(0, slash));
    const provider = providerOfSlug(prefix);
    // Somebody's own id may begin with a vendor's name, as most canonical ones do.
    if (provider === null || (this.#vendors.has(prefix) && this.#natives.has(lower))) return null;
    const rest = lower.slice(slash + 1);
    const native = this.#natives.get(`${provider}/${rest}`);
    if (native !== undefined) return { kind: "model", id: native.id, provider, pinned: true };
    const bare = withoutAffixes(provider, rest);
    const canonical = this.#aliasOf(bare) ?? bare;
    const found = this.#known(canonical) ?? this.#byFormat(rest) ?? this.#natively(canonical);
    if (found?.kind === "retired") return found;
    // After a vendor's name only its own ids count: `openai/gpt-5-turbo` is not another spelling of anything.
    const id = found?.id ?? (this.#vendors.has(prefix) ? null : this.#loosely(rest.slice(rest.lastIndexOf("/") + 1)));
    return id === null ? null : { kind: "model", id, provider, pinned: true };
  }

  #loosely(name: string): string | null {
    this.#loose ??= looseNames(this.#models);
    return this.#loose.get(looseName(name)) ?? null;
  }

  #aliasOf(lower: string): string | undefined {
    if (!lower.startsWith("~")) return ALIASES.get(lower);
    this.#latest ??= latestModels(this.#models);
    return this.#latest.get(lower);
  }

  #nearNames(): NearNames {
    const aliases = [...latestModels(this.#models), ...ALIASES].flatMap(([alias, target]) => {
      const id = this.#ids.get(target);
      return id === undefined ? [] : [[alias, id] as const];
    });
    return new NearNames([...aliases, ...this.#ids]);
  }

  /** Who is most likely to have a model that no table knows. */
  #homeOf(lower: string): string | null {
    const prefix = lower.slice(0, Math.max(0, lower.indexOf("/")));
    const set = OVERRIDES.get(lower) ?? formatOf(lower)?.provider ?? providerOfSlug(prefix);
    return set ?? providerOfOrganisation(lower);
  }

  /** The first model of a native id keeps it; canonical ids are looked at before native ones. */
  #addNative(native: string, id: string, provider: string): void {
    const known = this.#natives.get(native);
    if (known === undefined) this.#natives.set(native, { id, provider });
    else if (known.id === id && known.provider !== provider) this.#natives.set(native, { id, provider: null });
  }
}
