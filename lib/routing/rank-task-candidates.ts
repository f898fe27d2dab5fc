import { pricingMissing } from "../catalog/effective-price.ts";
import { type Model, maxOutputOf, vendorOf } from "../catalog/model.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { taskCostNanoUsd } from "../money/task-cost.ts";
import type { ParsedTask } from "../protocol/tasks/task.ts";
import { type ConfiguredProvider, endpointFor } from "../providers/configured-providers.ts";
import { chainPosition, mayServe } from "../providers/failover-chain.ts";
import { taskWireFor } from "../providers/tasks/task-wires.ts";
import { randomFraction } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import { applyTaskFilters } from "./filters/apply-task-filters.ts";
import type { RoutingPreferences } from "./routing-preferences.ts";
import { spreadKeys } from "./spread-keys.ts";

/** What a task's route is chosen by, besides the model. */
export interface RankTaskTerms {
  /** The provider that the model's name spoke of, or null. */
  readonly requestedProvider: string | null;
  readonly preferences: RoutingPreferences;
  /** The same for all calls of one session; null for a call of none. */
  readonly session: string | null;
}

/**
 * Who may do a task, in the order to ask: `order`, the provider that was named, the cheapest where `sort` says so, the
 * vendor's own, the failover chain, then the others by what this very call would cost; a provider's keys one after the
 * other. Pure but for chance. A model without a price is not served: there is none to guess by.
 * @throws GatewayError `no_provider_available`, `model_pricing_missing`, `context_length_exceeded`, `no_provider_matches`,
 *   and a wire's own reason where nobody is left who can do what is asked
 */
export function rankTaskCandidates(
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  call: ParsedTask,
  { requestedProvider, preferences, session }: RankTaskTerms,
): readonly Candidate[] {
  const task = call.format.name;
  const vendor = vendorOf(model.id);
  const offered = model.offers.flatMap((offer) => {
    const provider = providers.get(offer.provider);
    const wire = provider === undefined ? null : taskWireFor(provider.declaration, task);
    const serves = mayServe(offer.provider, vendor, model.openWeights);
    return provider === undefined || wire === null || !serves ? [] : [{ offer, provider, wire }];
  });
  if (offered.length === 0) {
    const message = `No configured provider serves ${model.id} here. The operator sets a provider's key to add it.`;
    throw new GatewayError("no_provider_available", message, { retryAfterSeconds: 60 });
  }
  const able = offered.filter(({ offer, wire }) => wire.refusal(call, offer.nativeModel) === null);
  const [first] = offered;
  if (able.length === 0) throw first?.wire.refusal(call, first.offer.nativeModel) ?? pricingMissing(model.id);
  const candidates = able.flatMap(({ offer, provider }): Candidate[] => {
    const { nativeModel, price } = offer;
    if (price === null) return [];
    const { wire, baseUrl } = endpointFor(provider, null, nativeModel);
    return [
      {
        provider: provider.declaration,
        wire,
        baseUrl,
        credential: provider.credentials[0] ?? null,
        modelId: model.id,
        nativeModel,
        contextLength: offer.contextLength ?? model.contextLength,
        maxOutputTokens: maxOutputOf(model),
        price,
      },
    ];
  });
  if (candidates.length === 0) throw pricingMissing(model.id);
  const fitting = candidates.filter(({ contextLength }) => call.longestInputTokens <= contextLength);
  if (fitting.length === 0) {
    const message = `An input is about ${call.longestInputTokens} tokens, more than ${model.id} takes.`;
    throw new GatewayError("context_length_exceeded", message, { param: "input" });
  }
  const left = applyTaskFilters(fitting, preferences, model.id);
  const { order, sort, allowFallbacks } = preferences;
  const named = ({ provider }: Candidate) => (order.includes(provider.id) ? order.indexOf(provider.id) : order.length);
  const requested = ({ provider }: Candidate) => (provider.id === requestedProvider ? 0 : 1);
  const position = ({ provider }: Candidate) => (sort === "price" ? 0 : chainPosition(provider.id, vendor));
  const cost = ({ price }: Candidate) => Number(taskCostNanoUsd(price, call.estimate));
  const ordered = left.toSorted(
    (a, b) => named(a) - named(b) || requested(a) - requested(b) || position(a) - position(b) || cost(a) - cost(b),
  );
  const asked = allowFallbacks || order.length > 0 ? ordered : ordered.slice(0, 1);
  return spreadKeys(asked, ({ provider }) => providers.get(provider.id)?.credentials ?? [], session, randomFraction);
}
