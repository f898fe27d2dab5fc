import * as z from "zod";

/** What the reference says of the replies of tasks. Providers write most of them; nothing is validated against these. */
const usage = z.looseObject({ cost: z.number().optional().describe("Charged for this call, in USD") });

export const embeddingsReply = z.looseObject({
  object: z.literal("list"),
  data: z.array(
    z.looseObject({
      object: z.literal("embedding"),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]).describe("Numbers, or base64 of 32-bit floats"),
    }),
  ),
  model: z.string(),
  usage: usage.extend({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

export const moderationsReply = z.looseObject({
  id: z.string(),
  model: z.string(),
  results: z.array(
    z.looseObject({
      flagged: z.boolean(),
      categories: z.record(z.string(), z.boolean()),
      category_scores: z.record(z.string(), z.number()),
    }),
  ),
});

export const rerankReply = z.looseObject({
  results: z.array(
    z.looseObject({ index: z.int(), relevance_score: z.number(), document: z.looseObject({}).optional() }),
  ),
});

export const imagesReply = z.looseObject({
  created: z.int(),
  data: z.array(z.looseObject({ b64_json: z.string().optional(), url: z.string().optional() })),
  usage: usage.optional(),
});

export const transcriptionReply = z
  .looseObject({ text: z.string(), usage: usage.optional() })
  .describe("With `response_format` text, srt or vtt the reply is that text itself");
