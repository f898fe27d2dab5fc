import { vendorOf } from "../catalog/model.ts";
import { chainPosition } from "../providers/failover-chain.ts";
import { drawOf, hashFraction } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import type { ProviderSpeeds } from "./provider-speeds.ts";
import type { PercentileTargets, ProviderSort, RoutingPreferences } from "./routing-preferences.ts";

/** What candidates are ordered by, besides themselves. */
export interface OrderTerms {
  readonly preferences: RoutingPreferences;
  /** The provider that the model's name spoke of, or null. */
  readonly requestedProvider: string | null;
  readonly speeds: ProviderSpeeds;
  /** The operator's, by provider id. */
  readonly weights: Readonly<Record<string, number>>;
  /** The same for all calls of one session; null for a call of none. */
  readonly session: string | null;
  /** In (0, 1). */
  readonly random: () => number;
}

/** Two measured speeds this close are noise: the chain decides, so that a session does not wander between equals. */
const NOISE = Math.log(1.25);

/**
 * The candidates in the order to ask them. What comes first decides, what follows only among equals:
 * `order`; the provider that the model's name spoke of; whether it keeps to `preferred_*`; `sort`; the failover chain
 * (CM-5.1.2) and, outside of it, the price; the operator's weights, by the session's hash or by chance.
 */
export function orderCandidates(candidates: readonly Candidate[], terms: OrderTerms): readonly Candidate[] {
  if (candidates.length <= 1) return candidates;
  const weighted = candidates.filter(({ provider }) => terms.weights[provider.id] !== undefined);
  const shared = weighted.map(placeOf).toSorted(compare)[0];
  const ranked = candidates.map((candidate) => ({ candidate, rank: rankOf(candidate, terms, shared) }));
  return ranked.toSorted((a, b) => compare(a.rank, b.rank)).map(({ candidate }) => candidate);
}

/** @param shared the place of the foremost provider with a weight, which all with one have */
function rankOf(candidate: Candidate, terms: OrderTerms, shared: readonly number[] | undefined): readonly number[] {
  const { preferences, requestedProvider, session, random } = terms;
  const { id } = candidate.provider;
  const position = preferences.order.indexOf(id);
  const weight = terms.weights[id];
  const draw =
    weight === undefined
      ? 0
      : drawOf(session === null ? random() : hashFraction(session, id, candidate.modelId), weight);
  return [
    position < 0 ? preferences.order.length : position,
    id === requestedProvider ? 0 : 1,
    keepsToPreferred(candidate, terms) ? 0 : 1,
    preferences.sort === null ? 0 : sortKey(candidate, preferences.sort, terms.speeds),
    ...((weight === undefined ? null : shared) ?? placeOf(candidate)),
    draw,
  ];
}

/** With `partition: "none"` the candidates of all models are one list, sorted as such; else they stay as they are. */
export function sortAcrossModels(
  candidates: readonly Candidate[],
  { sort, acrossModels }: RoutingPreferences,
  speeds: ProviderSpeeds,
): readonly Candidate[] {
  if (sort === null || !acrossModels) return candidates;
  return candidates.toSorted((a, b) => compare([sortKey(a, sort, speeds)], [sortKey(b, sort, speeds)]));
}

/** Where a candidate stands when nobody says otherwise: in the chain, then by price. */
function placeOf(candidate: Candidate): readonly number[] {
  return [chainPosition(candidate.provider.id, vendorOf(candidate.modelId)), blendedPrice(candidate)];
}

/** A comparison only: three parts input to one part output is what chats come to. */
function blendedPrice({ price }: Candidate): number {
  return Number(price.inputPerMillion * 3n + price.outputPerMillion);
}

/** Lower is better. Who has not been measured is taken for the best, so that he will be. */
function sortKey(candidate: Candidate, sort: ProviderSort, speeds: ProviderSpeeds): number {
  const { provider, modelId } = candidate;
  switch (sort) {
    case "price":
      return blendedPrice(candidate);
    case "latency":
      return coarse(speeds.firstTokenMs(provider.id, modelId, 0.5));
    case "throughput":
      return -coarse(speeds.tokensPerSecond(provider.id, modelId, 0.5), Number.POSITIVE_INFINITY);
  }
}

function coarse(measured: number | null, unmeasured = Number.NEGATIVE_INFINITY): number {
  return measured === null ? unmeasured : Math.round(Math.log(Math.max(measured, 1e-3)) / NOISE);
}

function keepsToPreferred({ provider, modelId }: Candidate, { preferences, speeds }: OrderTerms): boolean {
  const slow = misses(preferences.maxLatency, (share, seconds) => {
    const measuredMs = speeds.firstTokenMs(provider.id, modelId, share);
    return measuredMs !== null && measuredMs > seconds * 1000;
  });
  const thin = misses(preferences.minThroughput, (share, tokensPerSecond) => {
    const measured = speeds.tokensPerSecond(provider.id, modelId, share);
    return measured !== null && measured < tokensPerSecond;
  });
  return !slow && !thin;
}

function misses(targets: PercentileTargets | null, isMissed: (share: number, value: number) => boolean): boolean {
  return targets?.some(([share, value]) => isMissed(share, value)) ?? false;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const [mine = 0, other = 0] = [a[index], b[index]];
    if (mine !== other) return mine < other ? -1 : 1;
  }
  return 0;
}
