import { echo, GatewayError } from "../errors/gateway-error.ts";
import type { PercentileFields, ProviderFields } from "../protocol/routing-fields.ts";
import { findProvider } from "../providers/provider-list.ts";
import {
  type MaxPrice,
  NO_PREFERENCES,
  type PercentileTargets,
  type RoutingPreferences,
} from "./routing-preferences.ts";

/**
 * The `provider` object of a body, its provider names turned into ids.
 * @throws GatewayError `unknown_provider` for a name in `order`, `only` or `ignore` that is nobody's (B86)
 */
export function readPreferences(fields: ProviderFields | null | undefined): RoutingPreferences {
  if (fields === null || fields === undefined) return NO_PREFERENCES;
  const { sort = null, only } = fields;
  return {
    order: providerIds(fields.order ?? [], "order"),
    only: only === null || only === undefined ? null : providerIds(only, "only"),
    ignore: providerIds(fields.ignore ?? [], "ignore"),
    sort: typeof sort === "object" ? (sort?.by ?? null) : sort,
    acrossModels: typeof sort === "object" && sort?.partition === "none",
    maxPrice: maxPriceOf(fields.max_price),
    requireParameters: fields.require_parameters === true,
    allowFallbacks: fields.allow_fallbacks !== false,
    denyDataCollection: fields.data_collection === "deny",
    zeroDataRetention: fields.zdr === true,
    quantizations: fields.quantizations ?? null,
    minThroughput: percentilesOf(fields.preferred_min_throughput),
    maxLatency: percentilesOf(fields.preferred_max_latency),
    failoverOnRateLimit: fields.failover_on_rate_limit === true,
  };
}

function providerIds(names: readonly string[], field: string): readonly string[] {
  return names.map((name, index) => {
    const provider = findProvider(name);
    if (provider !== null) return provider.id;
    const message = `There is no provider ${echo(name)}. Providers go by their slugs, such as openai or groq.`;
    throw new GatewayError("unknown_provider", message, { param: `provider.${field}[${index}]` });
  });
}

function maxPriceOf(fields: ProviderFields["max_price"]): MaxPrice | null {
  if (fields === null || fields === undefined) return null;
  // A maximum for images has nothing to be held against: no price of a chat has a part for them.
  return {
    promptPerMillion: nanoUsd(fields.prompt),
    completionPerMillion: nanoUsd(fields.completion),
    perRequest: nanoUsd(fields.request),
  };
}

/** USD as a client writes it, to the nearest nano-dollar: 0.07 is not quite 0.07 as a binary fraction. */
function nanoUsd(usd: number | null | undefined): bigint | null {
  return usd === null || usd === undefined ? null : BigInt(Math.round(usd * 1e9));
}

function percentilesOf(fields: PercentileFields | null | undefined): PercentileTargets | null {
  if (fields === null || fields === undefined) return null;
  if (typeof fields === "number") return [[0.5, fields]];
  const shares = [
    [0.5, fields.p50],
    [0.75, fields.p75],
    [0.9, fields.p90],
    [0.99, fields.p99],
  ] as const;
  return shares.flatMap(([share, value]) => (typeof value === "number" ? [[share, value] as const] : []));
}
