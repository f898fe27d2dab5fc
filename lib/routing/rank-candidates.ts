import { assertCapable } from "../catalog/capabilities.ts";
import { effectivePrice, pricingMissing } from "../catalog/effective-price.ts";
import { type Model, maxOutputOf, vendorOf } from "../catalog/model.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { ClientFormatName, ParsedCall } from "../protocol/client-format.ts";
import { type ConfiguredProvider, endpointFor } from "../providers/configured-providers.ts";
import { mayServe } from "../providers/failover-chain.ts";
import { randomFraction } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import { applyFilters } from "./filters/apply-filters.ts";
import { type OrderTerms, orderCandidates } from "./order-candidates.ts";
import { ProviderSpeeds } from "./provider-speeds.ts";
import { NO_PREFERENCES } from "./routing-preferences.ts";
import { spreadKeys } from "./spread-keys.ts";

/** What a call's route is chosen by, besides the model. What is left out: nothing is preferred, nothing known. */
export interface RankTerms extends Partial<Omit<OrderTerms, "requestedProvider">> {
  /** Told of each provider that offers the model and is not asked, with what speaks against it. */
  readonly onExcluded?: (provider: string, reason: string) => void;
}

/**
 * Who may answer a call, in the order to ask (see `orderCandidates`), a provider's keys one after the other. Pure but for
 * chance; breakers are looked at when the call goes out.
 * @throws GatewayError `no_provider_available` (nobody who serves it is configured), `model_pricing_missing`,
 *   `context_length_exceeded`, `out_of_range` (more output asked for than the model gives), `unsupported_parameter`,
 *   `unsupported_modality`, `no_provider_matches`
 */
export function rankCandidates(
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  requestedProvider: string | null,
  call: ParsedCall,
  terms: RankTerms = {},
): readonly Candidate[] {
  const { preferences = NO_PREFERENCES, session = null, random = randomFraction, onExcluded = () => {} } = terms;
  const { speeds = new ProviderSpeeds(), weights = {} } = terms;
  const offered = offeredCandidates(providers, model, call, onExcluded);
  const left = applyFilters(offered, preferences, call, model.id, onExcluded);
  const ordered = orderCandidates(left, { preferences, requestedProvider, speeds, weights, session, random });
  const asked = preferences.allowFallbacks || preferences.order.length > 0 ? ordered : ordered.slice(0, 1);
  return spreadKeys(asked, ({ provider }) => providers.get(provider.id)?.credentials ?? [], session, random);
}

/** Every provider that could answer, whatever the call prefers: it takes part, has a price, and the prompt fits. */
function offeredCandidates(
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  call: ParsedCall,
  onExcluded: (provider: string, reason: string) => void,
): readonly Candidate[] {
  assertOutputFits(model, call);
  assertCapable(model, call.needs, "input" in call.body ? "input" : "messages");
  const vendor = vendorOf(model.id);
  const offered = model.offers.filter(
    ({ provider }) => providers.has(provider) && mayServe(provider, vendor, model.openWeights),
  );
  if (offered.length === 0) {
    const message = `No configured provider serves ${model.id}. The operator sets a provider's key to add it.`;
    throw new GatewayError("no_provider_available", message, { retryAfterSeconds: 60 });
  }
  const candidates = offered.flatMap((offer): Candidate[] => {
    const provider = providers.get(offer.provider);
    const price = effectivePrice(model.id, offer);
    if (provider === undefined || price === null) {
      onExcluded(offer.provider, "price_unknown");
      return [];
    }
    const { wire, baseUrl } = endpointFor(provider, call.format, offer.nativeModel);
    const contextLength = offer.contextLength ?? model.contextLength;
    return [
      {
        provider: provider.declaration,
        wire,
        baseUrl,
        credential: provider.credentials[0] ?? null,
        modelId: model.id,
        nativeModel: offer.nativeModel,
        contextLength,
        maxOutputTokens: maxOutputOf(model),
        price,
      },
    ];
  });
  if (candidates.length === 0) throw pricingMissing(model.id);
  const fitting = candidates.filter(({ provider, contextLength }) => {
    const fits = longestOf(call) <= contextLength;
    if (!fits) onExcluded(provider.id, "context_length");
    return fits;
  });
  if (fitting.length === 0) throw contextExceeded(model, call);
  return fitting;
}

/** What the formats call the cap on an answer's tokens. */
const CAP_FIELDS: Readonly<Record<ClientFormatName, string>> = {
  openai: "max_tokens",
  anthropic: "max_tokens",
  responses: "max_output_tokens",
  completions: "max_tokens",
  gemini: "generationConfig.maxOutputTokens",
};
/** And the prompt. */
const PROMPT_FIELDS: Readonly<Record<ClientFormatName, string>> = {
  openai: "messages",
  anthropic: "messages",
  responses: "input",
  completions: "prompt",
  gemini: "contents",
};

function assertOutputFits(model: Model, call: ParsedCall): void {
  const max = maxOutputOf(model);
  if (call.maxOutputTokens === null || call.maxOutputTokens <= max) return;
  const newer = "max_completion_tokens";
  const given = typeof call.body[newer] === "number" ? newer : CAP_FIELDS[call.format];
  throw new GatewayError("out_of_range", `${given} may be at most ${max} for ${model.id}.`, { param: given });
}

/** What has to fit into one context. */
function longestOf(call: ParsedCall): number {
  return call.longestInputTokens ?? call.estimatedInputTokens;
}

function contextExceeded(model: Model, call: ParsedCall): GatewayError {
  const message = `The prompt is about ${longestOf(call)} tokens, more than the ${model.contextLength} that ${model.id} takes.`;
  return new GatewayError("context_length_exceeded", message, { param: PROMPT_FIELDS[call.format] });
}
