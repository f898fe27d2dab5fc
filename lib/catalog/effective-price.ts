import { GatewayError } from "../errors/gateway-error.ts";
import type { Price } from "../money/cost.ts";
import type { Offer } from "./model.ts";

/** 0.00002 USD per token, input and output alike (spec facts, section 10), in nano-dollars per million tokens. */
const DEFAULT_PER_MILLION = 20_000_000_000n;

export const DEFAULT_PRICE: Price = {
  version: "default",
  inputPerMillion: DEFAULT_PER_MILLION,
  outputPerMillion: DEFAULT_PER_MILLION,
  cachedInputPerMillion: null,
  cacheWritePerMillion: null,
  cacheWriteOneHourPerMillion: null,
  reasoningPerMillion: null,
  perRequest: 0n,
};

/** What a provider that accepts any model (a local server) costs: nothing. */
export const FREE_PRICE: Price = { ...DEFAULT_PRICE, version: "free", inputPerMillion: 0n, outputPerMillion: 0n };

/** Families too dear to be served at a guess (CM-6.6.1): GPT-4 and up, o-series, Claude, Gemini, and their likes. */
const PREMIUM = /gpt-[4-9]|\bo[134](?:\b|-)|claude|gemini|command-r-plus|mixtral-8x22b/i;

export function isPremium(modelId: string): boolean {
  return PREMIUM.test(modelId);
}

/** The price that an offer is charged at, or null when it must not be served for want of one. */
export function effectivePrice(modelId: string, offer: Offer): Price | null {
  if (offer.price !== null) return offer.price;
  return isPremium(modelId) ? null : DEFAULT_PRICE;
}

/** @returns what a premium model without any price is refused with (CM-6.6.1) */
export function pricingMissing(modelId: string): GatewayError {
  return new GatewayError("model_pricing_missing", `${modelId} has no price yet, so it cannot be served.`, {
    param: "model",
  });
}
