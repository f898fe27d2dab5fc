import { GatewayError } from "../errors/gateway-error.ts";
import { mayServe } from "../providers/failover-chain.ts";
import { type Model, type Offer, vendorOf } from "./model.ts";
import type { NamePreference } from "./model-names.ts";
import { nativeModelOf } from "./native-ids.ts";

/**
 * A model with those of its offers that its name allows.
 * @param suffix of the name, without the colon, when it is one that a locked provider is told
 * @throws GatewayError `model_not_found` (asked for free, and nobody gives it so), `unsupported_suffix`
 */
export function withAllowedOffers(model: Model, preference: NamePreference, suffix: string | null): Model {
  const { onlyFree, lockedProvider, reasoning } = preference;
  if (reasoning === true && !model.capabilities.includes("reasoning")) throw unsupportedSuffix(model.id, "thinking");
  let offers = model.offers;
  if (onlyFree === true) {
    offers = offers.filter(isFree);
    if (offers.length === 0) {
      const message = `Nobody offers ${model.id} for free. Ask for ${model.id} to pay for it.`;
      throw new GatewayError("model_not_found", message, { param: "model" });
    }
  }
  if (lockedProvider !== undefined) {
    offers = offers.filter(({ provider }) => provider === lockedProvider);
    if (offers.length === 0) throw unsupportedSuffix(model.id, suffix ?? lockedProvider);
    if (suffix !== null) offers = offers.map((offer) => ({ ...offer, nativeModel: `${offer.nativeModel}:${suffix}` }));
  }
  return offers === model.offers ? model : { ...model, offers };
}

/**
 * A model with an offer by the provider that its name pins, where the catalog has none: under the id that the provider's
 * convention gives it, without a price of its own (see `effectivePrice`).
 */
export function withPinnedOffer(model: Model, provider: string): Model {
  if (model.offers.some((offer) => offer.provider === provider)) return model;
  if (!mayServe(provider, vendorOf(model.id), model.openWeights)) return model;
  const nativeModel = nativeModelOf(provider, model);
  if (nativeModel === null) return model;
  return { ...model, offers: [...model.offers, { provider, nativeModel, contextLength: null, price: null }] };
}

export function unsupportedSuffix(modelId: string, suffix: string): GatewayError {
  const message = `There is no variant :${suffix} of ${modelId} here. Ask for ${modelId} without it.`;
  return new GatewayError("unsupported_suffix", message, { param: "model" });
}

function isFree({ price }: Offer): boolean {
  return price !== null && price.inputPerMillion === 0n && price.outputPerMillion === 0n && price.perRequest === 0n;
}
