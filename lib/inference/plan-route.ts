import type { Identity } from "../accounts/identity.ts";
import { assertUsableFor } from "../catalog/model-tasks.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import type { JsonObject, JsonValue } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { routingFields, routingRequest } from "../protocol/routing-fields.ts";
import { validate } from "../protocol/schema-error.ts";
import { atPercent, callerPriced } from "../routing/caller-priced.ts";
import type { Candidate } from "../routing/candidate.ts";
import { nativeWhereNeeded } from "../routing/native-where-needed.ts";
import { sortAcrossModels } from "../routing/order-candidates.ts";
import { rankCandidates } from "../routing/rank-candidates.ts";
import { readPreferences } from "../routing/read-preferences.ts";
import { NO_PREFERENCES, type RoutingPreferences } from "../routing/routing-preferences.ts";
import { ROUTING_HEADER, RoutingReport } from "../routing/routing-report.ts";
import { enableReasoning } from "./enable-reasoning.ts";
import { expectedCost } from "./expected-cost.ts";
import type { Gateway } from "./gateway.ts";
import { type InferenceCall, NO_ROUTING_HEADERS } from "./inference-call.ts";
import { type ResolvedModel, resolveModel } from "./resolve-model.ts";
import { sessionOf } from "./session-of.ts";

/** Where a call may go, decided before anything is held or sent. */
export interface RoutePlan {
  /** At least one, in the order to ask; those of one model before those of the next that the client named. */
  readonly candidates: readonly [Candidate, ...Candidate[]];
  readonly preferences: RoutingPreferences;
  /** The call as a model is asked: a name may ask for more than its body (`:thinking`). */
  callFor(modelId: string): ParsedCall;
  /** What to hold: the dearest of all of them, so that a failover stays within the same hold. */
  readonly expectedCostNanoUsd: NanoUsd;
  readonly report: RoutingReport;
}

/**
 * Resolves the models that a call names and ranks who offers them. A model that nobody can be asked for is passed over while
 * another is left. No store is asked for models that are in memory; several that are not are read together.
 * @param asked the call as its body has it
 * @throws GatewayError what the routing fields are refused with (`provider.sort` and the like), what `resolveModel` throws,
 *   and what `rankCandidates` throws of the first model when none is left
 */
export async function planRoute(
  gateway: Gateway,
  ports: Ports,
  identity: Identity,
  call: Pick<InferenceCall, "format" | "routing" | "onBehalf">,
  asked: ParsedCall,
): Promise<RoutePlan> {
  const { format, routing = NO_ROUTING_HEADERS, onBehalf = null } = call;
  const { preferences, fallbackModels } = readRouting(asked.body);
  const models = await resolveModels(gateway, ports, asked.model, fallbackModels);
  const session = sessionOf(asked.body, routing.session);
  const providers = await gateway.callerKeys.providersFor(gateway, ports, identity);
  const report = new RoutingReport();
  const calls = new Map<string, ParsedCall>();
  const ranked: Candidate[] = [];
  let expectedCostNanoUsd = 0n;
  let refusal: unknown = null;
  for (const resolved of models) {
    const { model, usualOutputTokens } = resolved;
    try {
      assertUsableFor("chat", model);
      const parsed = resolved.preference.reasoning === true ? enableReasoning(format, asked, model.id) : asked;
      const wished = withNamePreference(preferences, resolved);
      const offered = rankCandidates(providers, model, wished.requestedProvider, parsed, {
        preferences: wished.preferences,
        speeds: gateway.speeds,
        weights: gateway.configuration.providerWeights,
        // Another account's session of the same name is another session.
        session: session === null ? null : `${identity.accountId} ${session}`,
        onExcluded: (provider, reason) => report.exclude(model.id, provider, reason),
      });
      const native = nativeWhereNeeded(offered, parsed, model.id);
      const ownPriced = callerPriced(native, gateway.configuration.byokFeePercent);
      const candidates = atPercent(ownPriced, onBehalf?.pricePercent ?? 100);
      calls.set(model.id, parsed);
      ranked.push(...candidates);
      const usualOutput = gateway.outputLengths.expected(identity.keyId, model.id) ?? usualOutputTokens;
      const cost = expectedCost(parsed, candidates, usualOutput);
      if (cost > expectedCostNanoUsd) expectedCostNanoUsd = cost;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      refusal ??= error;
    }
  }
  const [first, ...others] = sortAcrossModels(ranked, preferences, gateway.speeds);
  if (first === undefined) throw routing.reported ? withReport(refusal, report) : refusal;
  const candidates: RoutePlan["candidates"] = [first, ...others];
  report.rank(candidates);
  const callFor = (modelId: string) => calls.get(modelId) ?? asked;
  return { candidates, preferences, callFor, expectedCostNanoUsd, report };
}

/** The refusal of a client that wants to know why, with why. */
function withReport(refusal: unknown, report: RoutingReport): unknown {
  return refusal instanceof GatewayError ? refusal.withHeaders({ [ROUTING_HEADER]: report.header() }) : refusal;
}

/**
 * The body's preferences, with the name's where the body is silent. A provider that our tables know a name to belong to goes
 * first as long as nobody asks for another order.
 */
function withNamePreference(
  preferences: RoutingPreferences,
  { requestedProvider, pinned, preference }: ResolvedModel,
): { readonly preferences: RoutingPreferences; readonly requestedProvider: string | null } {
  const sort = preferences.sort ?? preference.sort ?? null;
  return {
    preferences: { ...preferences, sort },
    requestedProvider: pinned || sort === null ? requestedProvider : null,
  };
}

interface Routing {
  readonly preferences: RoutingPreferences;
  readonly fallbackModels: readonly string[];
}

const NO_ROUTING: Routing = { preferences: NO_PREFERENCES, fallbackModels: [] };
const FIELDS = Object.keys(routingFields);

/** What a body says of its own routing; nearly every body says nothing. */
function readRouting(body: JsonObject): Routing {
  if (!FIELDS.some((field) => field in body)) return NO_ROUTING;
  const { provider, models } = validate(routingRequest, body);
  return { preferences: readPreferences(provider), fallbackModels: models ?? [] };
}

/**
 * The models of a call in the order to ask, each once.
 * @throws GatewayError what `resolveModel` throws, with the place in `models` as its `param`
 */
async function resolveModels(
  gateway: Gateway,
  ports: Ports,
  name: string,
  fallbackModels: readonly string[],
): Promise<readonly ResolvedModel[]> {
  if (fallbackModels.length === 0) return [await resolveModel(gateway, ports, name)];
  await gateway.catalog.prefetch(ports, [name, ...fallbackModels]);
  const resolved = await Promise.all([
    resolveModel(gateway, ports, name),
    ...fallbackModels.map((fallback, index) =>
      resolveModel(gateway, ports, fallback).catch((error: unknown) => {
        throw error instanceof GatewayError ? error.at(`models[${index}]`) : error;
      }),
    ),
  ]);
  const seen = new Set<string>();
  return resolved.filter(({ model }) => !seen.has(model.id) && seen.add(model.id));
}

/** The models that a body names, as it names them: what a cold isolate reads together with the caller's identity. */
export function modelNamesIn(body: JsonObject): readonly (JsonValue | undefined)[] {
  const { model, models } = body;
  return [model, ...(Array.isArray(models) ? models.slice(0, MAX_NAMES_READ) : [])];
}

const MAX_NAMES_READ = 8;

/** A body that names its models in `models` alone asks for the first of them (OpenRouter). */
export function withFirstModel({
  body,
  text,
}: Pick<InferenceCall, "body" | "text">): Pick<InferenceCall, "body" | "text"> {
  const { model, models } = body;
  if (model !== undefined || !Array.isArray(models) || typeof models[0] !== "string") return { body, text };
  return { body: { ...body, model: models[0] }, text: spliceJson(text, { model: JSON.stringify(models[0]) }) };
}
