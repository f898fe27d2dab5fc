import * as z from "zod";

/**
 * What a body says of its own routing, in OpenRouter's words (openrouter.ai/docs/guides/routing/provider-selection,
 * /docs/guides/routing/model-fallbacks and /docs/guides/features/prompt-caching, read 2026-11-25). The same on every
 * client format. Loose: a field that is not named here says nothing to us.
 */
const MAX_PROVIDERS = 64;
const MAX_PROVIDER_CHARACTERS = 100;
const MAX_MODEL_CHARACTERS = 256;
/** The model itself and those to fall back to are priced, ranked and held for together: there is an end to it. */
const MAX_FALLBACK_MODELS = 8;
/** As at OpenRouter. */
const MAX_SESSION_CHARACTERS = 256;
/** USD; above any price that is asked, and exact as a number of nano-dollars. */
const MAX_USD = 1_000_000;

const providers = z.array(z.string().min(1).max(MAX_PROVIDER_CHARACTERS)).max(MAX_PROVIDERS).nullish();
const SORTS = ["price", "throughput", "latency"] as const;
const sortObject = z.looseObject({ by: z.enum(SORTS), partition: z.enum(["model", "none"]).nullish() });

/** A number as such or, as OpenRouter's own clients send prices, in a string. */
const usd = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,9}(?:\.\d{1,18})?$/)
      .transform(Number),
  ])
  .pipe(z.number().min(0).max(MAX_USD))
  .nullish();

const positive = z.number().positive();
/** A number alone is the median's. */
const percentiles = z.union([
  positive,
  z.looseObject({ p50: positive.nullish(), p75: positive.nullish(), p90: positive.nullish(), p99: positive.nullish() }),
]);

const providerPreferences = z.looseObject({
  order: providers.describe("Asked in this order, before all others"),
  only: providers.describe("Nobody else is asked"),
  ignore: providers.describe("Not asked"),
  sort: z
    .union([z.enum(SORTS), sortObject])
    .nullish()
    .describe("Instead of the default order"),
  max_price: z
    .looseObject({ prompt: usd, completion: usd, request: usd, image: usd })
    .nullish()
    .describe("USD: a million tokens of prompt and of completion, a request, an image"),
  require_parameters: z.boolean().nullish().describe("Only providers that take every parameter of this call"),
  allow_fallbacks: z.boolean().nullish().describe("False: only those of `order`, or only the first"),
  data_collection: z.enum(["allow", "deny"]).nullish().describe("deny: only providers that do not train on prompts"),
  zdr: z.boolean().nullish().describe("Only providers that keep nothing"),
  quantizations: z
    .array(z.enum(["int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown"]))
    .max(9)
    .nullish(),
  preferred_min_throughput: percentiles.nullish().describe("Tokens a second; slower ones are asked last"),
  preferred_max_latency: percentiles.nullish().describe("Seconds to the first token; slower ones are asked last"),
  failover_on_rate_limit: z.boolean().nullish().describe("Rather another provider than waiting for this one's 429"),
});

export type ProviderFields = z.infer<typeof providerPreferences>;
export type PercentileFields = z.infer<typeof percentiles>;

/** For a request's schema: `z.looseObject({ ...routingFields, … })`. */
export const routingFields = {
  provider: providerPreferences.nullish(),
  models: z
    .array(z.string().min(1).max(MAX_MODEL_CHARACTERS))
    .max(MAX_FALLBACK_MODELS)
    .nullish()
    .describe("Asked in this order once every provider of `model` has failed"),
  route: z.literal("fallback").nullish(),
  session_id: z
    .string()
    .min(1)
    .max(MAX_SESSION_CHARACTERS)
    .nullish()
    .describe("Calls of one session go to one provider and key, for the sake of its prompt cache"),
};

/** The fields alone, for a body whose format has been validated by itself. */
export const routingRequest = z.looseObject(routingFields);
