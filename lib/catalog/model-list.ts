import * as z from "zod";
import type { UnitPrices } from "../money/cost.ts";
import { formatUsd } from "../money/nano-usd.ts";
import { mayServe } from "../providers/failover-chain.ts";
import { type Model, maxOutputOf, type Offer, vendorOf } from "./model.ts";
import { usesOf } from "./model-tasks.ts";

const MILLIONTHS = 1_000_000n;

/** One entry of GET /v1/models: OpenAI's four fields and OpenRouter's (openrouter.ai/docs/api-reference/list-available-models). */
export const openAiModel = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  canonical_slug: z.string(),
  name: z.string(),
  context_length: z.int(),
  architecture: z.object({
    modality: z.string(),
    input_modalities: z.array(z.string()),
    output_modalities: z.array(z.string()),
  }),
  pricing: z.object({
    prompt: z.string(),
    completion: z.string(),
    input_cache_read: z.string().optional(),
    input_cache_write: z.string().optional(),
    image: z.string().optional().describe("USD for one image of 1024 x 1024 in standard quality"),
    audio_minute: z.string().optional().describe("USD for a minute of sound"),
    character: z.string().optional().describe("USD for a character to be spoken"),
    search: z.string().optional().describe("USD for a query over up to 100 documents"),
    image_token: z.string().optional().describe("USD for an image token read"),
    image_output: z.string().optional().describe("USD for an image token drawn"),
    audio: z.string().optional().describe("USD for an audio token heard"),
    audio_output: z.string().optional().describe("USD for an audio token spoken"),
  }),
  top_provider: z.object({
    context_length: z.int(),
    max_completion_tokens: z.int().nullable(),
    is_moderated: z.boolean(),
  }),
  per_request_limits: z.null(),
  supported_parameters: z.array(z.string()),
});
export const openAiModelList = z.object({ object: z.literal("list"), data: z.array(openAiModel) });

/** The same for a client that sends `anthropic-version` (docs.anthropic.com/en/api/models-list). */
export const anthropicModel = z.object({
  type: z.literal("model"),
  id: z.string(),
  display_name: z.string(),
  created_at: z.string(),
});
export const anthropicModelList = z.object({
  data: z.array(anthropicModel),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
});

/** The same for a client of Google's (ai.google.dev/api/models, read 2026-11-25). */
export const googleModel = z.object({
  name: z.string().describe("`models/` and the id"),
  version: z.string(),
  displayName: z.string(),
  inputTokenLimit: z.int(),
  outputTokenLimit: z.int(),
  supportedGenerationMethods: z.array(z.string()),
  thinking: z.boolean(),
});

/** The priced offers of a model by providers that take part and may serve it. */
export function servedOffers(
  model: Model,
  providers: { has(id: string): boolean },
): readonly (Offer & { readonly price: NonNullable<Offer["price"]> })[] {
  return model.offers.flatMap((offer) => {
    const served = providers.has(offer.provider) && mayServe(offer.provider, vendorOf(model.id), model.openWeights);
    return served && offer.price !== null ? [{ ...offer, price: offer.price }] : [];
  });
}

/** A model as OpenAI and OpenRouter list it, at the price of its cheapest offer; null when nobody serves it. */
export function renderOpenAiModel(
  model: Model,
  providers: { has(id: string): boolean },
): z.infer<typeof openAiModel> | null {
  const offers = servedOffers(model, providers).toSorted((a, b) =>
    Number(a.price.outputPerMillion - b.price.outputPerMillion),
  );
  const [best] = offers;
  if (best === undefined) return null;
  const [input = "", output = ""] = model.modality.split("->");
  const { cachedInputPerMillion: cacheRead, cacheWritePerMillion: cacheWrite } = best.price;
  return {
    id: model.id,
    object: "model",
    created: createdSeconds(model),
    owned_by: vendorOf(model.id),
    canonical_slug: model.id,
    name: model.name,
    context_length: model.contextLength,
    architecture: {
      modality: model.modality,
      input_modalities: input.split("+"),
      output_modalities: output.split("+"),
    },
    pricing: {
      prompt: usdPerToken(best.price.inputPerMillion),
      completion: usdPerToken(best.price.outputPerMillion),
      ...(cacheRead === null ? {} : { input_cache_read: usdPerToken(cacheRead) }),
      ...(cacheWrite === null ? {} : { input_cache_write: usdPerToken(cacheWrite) }),
      ...(best.price.units === undefined ? {} : unitPricing(best.price.units)),
    },
    top_provider: {
      context_length: best.contextLength ?? model.contextLength,
      max_completion_tokens: model.maxOutputTokens,
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: supportedParameters(model),
  };
}

/** What the model is priced by, decimal USD. */
function unitPricing(units: UnitPrices): Readonly<Record<string, string>> {
  const each = (name: string, amount: bigint | null) => (amount === null ? [] : [[name, formatUsd(amount)]]);
  const perToken = (name: string, amount: bigint | null) => (amount === null ? [] : [[name, usdPerToken(amount)]]);
  return Object.fromEntries([
    ...each("image", units.perImage),
    ...each("audio_minute", units.perAudioMinute),
    ...perToken("character", units.perMillionCharacters),
    ...each("search", units.perSearch),
    ...perToken("image_token", units.imageInputPerMillion),
    ...perToken("image_output", units.imageOutputPerMillion),
    ...perToken("audio", units.audioInputPerMillion),
    ...perToken("audio_output", units.audioOutputPerMillion),
  ]);
}

export function renderAnthropicModel(model: Model): z.infer<typeof anthropicModel> {
  return {
    type: "model",
    id: model.id,
    display_name: model.name,
    created_at: new Date(createdSeconds(model) * 1000).toISOString(),
  };
}

export function renderGoogleModel(model: Model): z.infer<typeof googleModel> {
  return {
    name: `models/${model.id}`,
    version: model.releaseDate ?? "1",
    displayName: model.name,
    inputTokenLimit: model.contextLength,
    outputTokenLimit: maxOutputOf(model),
    supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
    thinking: model.capabilities.includes("reasoning"),
  };
}

/** Models without a known date sort as the oldest. */
function createdSeconds(model: Model): number {
  const atMs = model.releaseDate === null ? 0 : Date.parse(model.releaseDate);
  return Number.isNaN(atMs) ? 0 : Math.floor(atMs / 1000);
}

/** Nano-dollars per million tokens as a decimal string of dollars per token, without rounding. */
export function usdPerToken(perMillion: bigint): string {
  const whole = perMillion / (1_000_000_000n * MILLIONTHS);
  const fraction = (perMillion % (1_000_000_000n * MILLIONTHS)).toString().padStart(15, "0").replace(/0+$/, "");
  return fraction === "" ? String(whole) : `${whole}.${fraction}`;
}

function supportedParameters(model: Model): string[] {
  if (!usesOf(model.modality).includes("chat")) return [];
  const always = ["max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty"];
  const tools = model.capabilities.includes("tools") ? ["tools", "tool_choice"] : [];
  const json = model.capabilities.includes("json") ? ["response_format", "structured_outputs"] : [];
  const reasoning = model.capabilities.includes("reasoning") ? ["reasoning", "include_reasoning"] : [];
  return [...always, ...tools, ...json, ...reasoning];
}
