import { MODEL_ID_CONVENTIONS, type ModelIdConvention } from "../providers/model-id-conventions.ts";
import { type Model, vendorOf } from "./model.ts";
import pairs from "./seed/native-ids.json" with { type: "json" };

/** Provider -> canonical id -> native id: what is known beside the rows of the catalog. */
export const LISTED_NATIVE_IDS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  Object.entries(pairs).map(([provider, ids]) => [provider, new Map(Object.entries(ids))]),
);

type Offered = Pick<Model, "id"> & {
  readonly offers: readonly Pick<Model["offers"][number], "provider" | "nativeModel">[];
};

/**
 * What `provider` calls a model (CM-3.8, CM-3.9): as the catalog has it, else as the list of native ids has it, else by the
 * provider's convention. Null where none of them says: an id is not guessed at.
 */
export function nativeModelOf(provider: string, model: Offered): string | null {
  const offer = model.offers.find((each) => each.provider === provider);
  const known = offer?.nativeModel ?? LISTED_NATIVE_IDS.get(provider)?.get(model.id);
  if (known !== undefined) return known;
  const convention = Object.hasOwn(MODEL_ID_CONVENTIONS, provider) ? MODEL_ID_CONVENTIONS[provider] : undefined;
  return convention === undefined ? null : byConvention(convention, model);
}

/** A native id without what its provider's convention puts around the canonical id or the bare name. */
export function withoutAffixes(provider: string, native: string): string {
  const { prefix = "", suffix = "" } = MODEL_ID_CONVENTIONS[provider] ?? {};
  const start = native.startsWith(prefix) ? prefix.length : 0;
  const end = native.endsWith(suffix) ? native.length - suffix.length : native.length;
  return native.slice(start, Math.max(start, end));
}

function byConvention({ form, vendors, prefix = "", suffix = "", dot = "." }: ModelIdConvention, model: Offered) {
  const vendor = vendorOf(model.id);
  if (form === "listed" || vendors?.includes(vendor) === false) return null;
  if (form === "hub") return repositoryOf(model);
  const id = form === "name" ? model.id.slice(vendor.length + 1) : model.id;
  return `${prefix}${id.replace(/(?<=\d)\.(?=\d)/g, dot)}${suffix}`;
}

/** Variants of a repository that one provider serves: quantised, faster, shielded. */
const VARIANT = /-(?:turbo|fast|lite|tee|fp8|fp4|nvfp4|int4|int8|awq|bf16|maas)$/i;

/** The repository of a model at Hugging Face: what most of those who go by repositories call it. */
function repositoryOf({ offers }: Offered): string | null {
  const uses = new Map<string, number>();
  for (const { provider, nativeModel } of offers) {
    if (MODEL_ID_CONVENTIONS[provider]?.form !== "hub" || !/^[^/:]+\/[^/:]+$/.test(nativeModel)) continue;
    if (!VARIANT.test(nativeModel)) uses.set(nativeModel, (uses.get(nativeModel) ?? 0) + 1);
  }
  const [mostUsed] = [...uses].toSorted(([, a], [, b]) => b - a);
  return mostUsed?.[0] ?? null;
}
