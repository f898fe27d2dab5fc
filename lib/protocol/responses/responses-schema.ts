import * as z from "zod";
import { checkPartUrls } from "../media-url.ts";
import { routingFields } from "../routing-fields.ts";

/**
 * The body of POST /v1/responses (platform.openai.com/docs/api-reference/responses/create, and openai-node 7.57.0,
 * `ResponseCreateParams`; read 2026-11-25). Loose throughout: what is not named here passes to a provider that speaks it.
 */
const MAX_ITEMS = 10_000;
const MAX_TOOLS = 128;
const MAX_MODEL_CHARACTERS = 256;
/** Above any model's output; the model's own maximum is checked once it is known. */
const MAX_TOKENS = 100_000_000;
const MAX_METADATA_PAIRS = 16;
const MAX_METADATA_KEY = 64;
const MAX_METADATA_VALUE = 512;

const part = z.looseObject({ type: z.string() }).superRefine(checkPartUrls);
const content = z.union([z.string(), z.array(part)]);

const inputItem = z
  .looseObject({
    type: z.string().optional(),
    role: z.enum(["user", "assistant", "system", "developer"]).optional(),
    content: content.nullish(),
    id: z.string().nullish(),
    call_id: z.string().nullish(),
    name: z.string().nullish(),
    arguments: z.string().nullish(),
    output: z.union([z.string(), z.array(part), z.looseObject({}).superRefine(checkPartUrls)]).nullish(),
    encrypted_content: z.string().nullish(),
  })
  .superRefine((item, context) => {
    const missing = (field: string) =>
      context.addIssue({
        code: "custom",
        path: [field],
        message: `${field} is required.`,
        params: { code: "missing_field" },
      });
    const type = item.type ?? "message";
    if (type === "message" && item.role === undefined) missing("role");
    if (type === "message" && (item.content === undefined || item.content === null)) missing("content");
    if ((type === "function_call" || type === "function_call_output") && typeof item.call_id !== "string")
      missing("call_id");
    if (type === "function_call" && typeof item.name !== "string") missing("name");
    if (type === "function_call_output" && (item.output === undefined || item.output === null)) missing("output");
  });

const metadata = z
  .record(z.string().max(MAX_METADATA_KEY), z.string().max(MAX_METADATA_VALUE))
  .superRefine((pairs, context) => {
    if (Object.keys(pairs).length <= MAX_METADATA_PAIRS) return;
    const message = `metadata may have at most ${MAX_METADATA_PAIRS} pairs.`;
    context.addIssue({ code: "custom", path: [], message, params: { code: "out_of_range" } });
  });

export const responsesRequest = z.looseObject({
  model: z.string().min(1).max(MAX_MODEL_CHARACTERS),
  input: z.union([z.string(), z.array(inputItem).min(1).max(MAX_ITEMS)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
  max_output_tokens: z.int().min(1).max(MAX_TOKENS).nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string(), name: z.string().optional() }))
    .max(MAX_TOOLS)
    .nullish(),
  tool_choice: z.union([z.enum(["none", "auto", "required"]), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z
    .looseObject({
      format: z.looseObject({ type: z.enum(["text", "json_object", "json_schema"]) }).nullish(),
      verbosity: z.string().nullish(),
    })
    .nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
  include: z.array(z.string()).nullish(),
  metadata: metadata.nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
  store: z.boolean().nullish(),
  previous_response_id: z.string().min(1).max(256).nullish(),
  background: z.boolean().nullish(),
  prompt_cache_key: z.string().max(1024).nullish(),
  safety_identifier: z.string().max(1024).nullish(),
  user: z.string().max(1024).nullish(),
  ...routingFields,
});

export type ResponsesRequest = z.infer<typeof responsesRequest>;
