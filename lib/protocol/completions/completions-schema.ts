import * as z from "zod";
import { routingFields } from "../routing-fields.ts";

/** The body of POST /v1/completions (openai-node 7.57.0, `CompletionCreateParams`; read 2026-11-25). Loose throughout. */
const MAX_PROMPTS = 2_048;
const MAX_STOP = 16;
const MAX_CHOICES = 128;
/** Above any model's output; the model's own maximum is checked once it is known. */
const MAX_TOKENS = 100_000_000;

export const completionRequest = z
  .looseObject({
    model: z.string().min(1).max(256),
    prompt: z.union([
      z.string(),
      z.array(z.string()).min(1).max(MAX_PROMPTS),
      z.array(z.int()).min(1),
      z.array(z.array(z.int()).min(1)).min(1).max(MAX_PROMPTS),
    ]),
    suffix: z.string().nullish(),
    echo: z.boolean().nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: z.int().min(1).max(MAX_TOKENS).nullish(),
    n: z.int().min(1).max(MAX_CHOICES).nullish(),
    best_of: z.int().min(1).max(MAX_CHOICES).nullish(),
    logprobs: z.int().min(0).max(5).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(MAX_STOP)]).nullish(),
    user: z.string().max(1024).nullish(),
    ...routingFields,
  })
  .superRefine((value, context) => {
    const conflict = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [field], message, params: { code: "conflicting_fields" } });
    if (value.stream !== true && value.stream_options !== undefined && value.stream_options !== null) {
      conflict("stream_options", "stream_options is only allowed together with stream: true.");
    }
    const { best_of: best, n } = value;
    if (typeof best === "number" && best < (n ?? 1)) conflict("best_of", "best_of must be at least n.");
    if (typeof best === "number" && best > 1 && value.stream === true) {
      conflict("best_of", "best_of is not allowed together with stream: true.");
    }
  });

export type CompletionRequest = z.infer<typeof completionRequest>;
