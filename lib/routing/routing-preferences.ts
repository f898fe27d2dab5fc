/** What a call wants of its route, whoever said it: its body, its model's name, a key's own rules. */
export interface RoutingPreferences {
  /** Provider ids, asked before all others. */
  readonly order: readonly string[];
  /** Null: everybody. */
  readonly only: readonly string[] | null;
  readonly ignore: readonly string[];
  readonly sort: ProviderSort | null;
  /** With `sort`: providers of all the call's models are sorted as one list (OpenRouter's `partition: "none"`). */
  readonly acrossModels: boolean;
  readonly maxPrice: MaxPrice | null;
  readonly requireParameters: boolean;
  readonly allowFallbacks: boolean;
  readonly denyDataCollection: boolean;
  readonly zeroDataRetention: boolean;
  /** Null: any. */
  readonly quantizations: readonly string[] | null;
  /** Tokens a second at each percentile. */
  readonly minThroughput: PercentileTargets | null;
  /** Seconds to the first token at each percentile. */
  readonly maxLatency: PercentileTargets | null;
  readonly failoverOnRateLimit: boolean;
}

export type ProviderSort = "price" | "throughput" | "latency";

/** Nano-dollars: per million tokens, and per request. Null: any price. */
export interface MaxPrice {
  readonly promptPerMillion: bigint | null;
  readonly completionPerMillion: bigint | null;
  readonly perRequest: bigint | null;
}

/** Share of the samples -> value: `[[0.5, 2], [0.99, 10]]`. */
export type PercentileTargets = readonly (readonly [share: number, value: number])[];

export const NO_PREFERENCES: RoutingPreferences = {
  order: [],
  only: null,
  ignore: [],
  sort: null,
  acrossModels: false,
  maxPrice: null,
  requireParameters: false,
  allowFallbacks: true,
  denyDataCollection: false,
  zeroDataRetention: false,
  quantizations: null,
  minThroughput: null,
  maxLatency: null,
  failoverOnRateLimit: false,
};
