import { effectivePrice, pricingMissing } from "../catalog/effective-price.ts";
import { type Model, maxOutputOf, vendorOf } from "../catalog/model.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { ClientFormatName, ParsedCall } from "../protocol/client-format.ts";
import type { ProviderCredential } from "../providers/authorize.ts";
import { type ConfiguredProvider, endpointFor } from "../providers/configured-providers.ts";
import { chainPosition, mayServe } from "../providers/failover-chain.ts";
import type { Candidate } from "./candidate.ts";

/**
 * Who may answer a call, in the order to ask: the provider that was named, the vendor's own, the failover chain, then
 * the others by price. Pure; breakers are looked at when the call goes out.
 * @throws GatewayError `no_provider_available` (nobody who serves it is configured), `model_pricing_missing`,
 *   `context_length_exceeded`, `out_of_range` (more output asked for than the model gives)
 */
export function rankCandidates(
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  requestedProvider: string | null,
  call: ParsedCall,
): readonly Candidate[] {
  assertOutputFits(model, call);
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
    if (provider === undefined || price === null) return [];
    const { wire, baseUrl } = endpointFor(provider, call.format, offer.nativeModel);
    const contextLength = offer.contextLength ?? model.contextLength;
    return keysOf(provider).map((credential) => ({
      provider: provider.declaration,
      wire,
      baseUrl,
      credential,
      nativeModel: offer.nativeModel,
      contextLength,
      maxOutputTokens: maxOutputOf(model),
      price,
    }));
  });
  if (candidates.length === 0) throw pricingMissing(model.id);
  const fitting = candidates.filter(({ contextLength }) => call.estimatedInputTokens <= contextLength);
  if (fitting.length === 0) throw contextExceeded(model, call);
  const position = ({ provider }: Candidate) =>
    provider.id === requestedProvider ? -2 : chainPosition(provider.id, vendor);
  return fitting.toSorted((a, b) => position(a) - position(b) || priceOf(a) - priceOf(b));
}

/** The caller's own key, then one of the operator's. */
export function keysOf({ credentials }: ConfiguredProvider): readonly (ProviderCredential | null)[] {
  const own = credentials.filter(({ ofCaller }) => ofCaller === true);
  const operators = credentials.find(({ ofCaller }) => ofCaller !== true);
  return credentials.length === 0 ? [null] : [...own, ...(operators === undefined ? [] : [operators])];
}

/** A comparison only: three parts input to one part output is what chats come to. */
function priceOf({ price }: Candidate): number {
  return Number(price.inputPerMillion * 3n + price.outputPerMillion);
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

function contextExceeded(model: Model, call: ParsedCall): GatewayError {
  const message = `The prompt is about ${call.estimatedInputTokens} tokens, more than the ${model.contextLength} that ${model.id} takes.`;
  return new GatewayError("context_length_exceeded", message, { param: PROMPT_FIELDS[call.format] });
}
