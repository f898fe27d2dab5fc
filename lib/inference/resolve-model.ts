import { unsupportedSuffix, withAllowedOffers, withPinnedOffer } from "../catalog/allowed-offers.ts";
import { FREE_PRICE } from "../catalog/effective-price.ts";
import { usualOutputTokens } from "../catalog/expected-output.ts";
import { type Model, maxOutputOf } from "../catalog/model.ts";
import type { NamePreference, ResolvedName } from "../catalog/model-names.ts";
import { echo, GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import type { Gateway } from "./gateway.ts";

/** A model that a call named, found. */
export interface ResolvedModel {
  /** With the offers that the name allows. */
  readonly model: Model;
  /** The provider that the name spoke of: asked first. */
  readonly requestedProvider: string | null;
  /** True when the name itself says so, and no table of ours. */
  readonly pinned: boolean;
  /** What else the name asks for: `:nitro`, `:floor`, `:thinking`. */
  readonly preference: NamePreference;
  /** What one answer usually comes to, tokens. */
  readonly usualOutputTokens: number;
}

/** A local server does not tell its models' windows; nothing is refused on their account. */
const UNKNOWN_CONTEXT = 1_000_000;

/**
 * @throws GatewayError `model_not_found` with near names, `model_retired` with the successor, `unsupported_suffix`,
 *   `catalog_unavailable`
 */
export async function resolveModel(gateway: Gateway, ports: Ports, name: string): Promise<ResolvedModel> {
  const named = gateway.catalog.resolve(name);
  switch (named.kind) {
    case "retired":
      throw new GatewayError("model_retired", `${named.id} is retired. Use ${named.successor} instead.`, {
        param: "model",
      });
    case "any-model":
      if (!gateway.providers.has(named.provider)) throw modelNotFound(gateway, name);
      return {
        model: localModel(named.provider, named.nativeModel),
        requestedProvider: named.provider,
        pinned: true,
        preference: {},
        usualOutputTokens: 4096,
      };
    case "model":
    case "unknown": {
      const { model, preference } = await findModel(gateway, ports, named, name);
      const { provider, pinned } = named;
      return {
        model:
          pinned && provider !== null && gateway.providers.has(provider) ? withPinnedOffer(model, provider) : model,
        requestedProvider: provider,
        pinned,
        preference,
        usualOutputTokens: usualOutputTokens(model.id, maxOutputOf(model)),
      };
    }
  }
}

export function modelNotFound(gateway: Gateway, name: string): GatewayError {
  const near = gateway.catalog.near(name);
  const hint = near.length === 0 ? "GET /v1/models lists them." : `Did you mean ${near.join(", ")}?`;
  return new GatewayError("model_not_found", `There is no model ${echo(name)}. ${hint}`, { param: "model" });
}

/** The variant that the name's suffix speaks of, where the catalog has it; else the model, as the suffix wants it served. */
async function findModel(
  gateway: Gateway,
  ports: Ports,
  named: ResolvedName & { readonly kind: "model" | "unknown" },
  name: string,
): Promise<{ readonly model: Model; readonly preference: NamePreference }> {
  const id = named.kind === "model" ? named.id : named.name;
  const { variant } = named;
  if (variant !== null) {
    const own = await findVariant(gateway, ports, `${id}:${variant.suffix}`, variant.required);
    if (own !== null) return { model: own, preference: variant.preference };
  }
  const model = await load(gateway, ports, id);
  if (model === null) throw modelNotFound(gateway, name);
  if (variant?.required === true) throw unsupportedSuffix(model.id, variant.suffix);
  const { preference } = named;
  return { model: withAllowedOffers(model, preference, variant?.suffix ?? null), preference };
}

/** Null: there is none, or nobody knows at the moment and the model itself will do. */
async function findVariant(gateway: Gateway, ports: Ports, id: string, required: boolean): Promise<Model | null> {
  try {
    return await load(gateway, ports, id);
  } catch (error) {
    if (required || !(error instanceof GatewayError)) throw error;
    return null;
  }
}

/** At once where the model is in memory. */
function load(gateway: Gateway, ports: Ports, id: string): Model | null | Promise<Model | null> {
  const known = gateway.catalog.fromMemory(ports, id);
  return known === undefined ? gateway.catalog.load(ports, id) : known;
}

/** A model that a provider takes by any name. */
export function localModel(provider: string, nativeModel: string): Model {
  return {
    id: `${provider}/${nativeModel}`,
    name: nativeModel,
    releaseDate: null,
    contextLength: UNKNOWN_CONTEXT,
    maxOutputTokens: null,
    modality: "text->text",
    capabilities: ["tools", "vision", "json"],
    openWeights: true,
    offers: [{ provider, nativeModel, contextLength: null, price: FREE_PRICE }],
  };
}
