import * as z from "zod";
import { checkPartUrls } from "../media-url.ts";
import { routingFields } from "../routing-fields.ts";

/**
 * The body of POST /v1/chat/completions (platform.openai.com/docs/api-reference/chat/create, read 2026-11-23), with
 * OpenRouter's additions. Loose throughout: a field that is not named here passes through to a provider of the same
 * format. Explicit nulls are accepted where OpenAI's own clients send them.
 */
const MAX_MESSAGES = 10_000;
const MAX_TOOLS = 128;
const MAX_STOP = 16;
const MAX_CHOICES = 128;
const MAX_MODEL_CHARACTERS = 256;
/** Above any model's output; the model's own maximum is checked once it is known. */
const MAX_TOKENS = 100_000_000;

const contentPart = z.looseObject({ type: z.string() }).superRefine(checkPartUrls);
const content = z.union([z.string(), z.array(contentPart)]);

const toolCall = z.looseObject({
  id: z.string(),
  type: z.string().optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }).optional(),
});

const message = z
  .looseObject({
    role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
    content: content.nullish(),
    name: z.string().nullish(),
    tool_calls: z.array(toolCall).nullish(),
    tool_call_id: z.string().nullish(),
    refusal: z.string().nullish(),
  })
  .superRefine((value, context) => {
    const says = value.content !== undefined && value.content !== null;
    const acts =
      value.role === "assistant" &&
      ((value.tool_calls ?? []).length > 0 ||
        typeof value.refusal === "string" ||
        "function_call" in value ||
        "audio" in value);
    if (!says && !acts) {
      const reason = "content is required (null only together with tool_calls).";
      context.addIssue({ code: "custom", path: ["content"], message: reason, params: { code: "missing_field" } });
    }
    if (value.role === "tool" && typeof value.tool_call_id !== "string") {
      const reason = "tool_call_id is required on a tool message.";
      context.addIssue({ code: "custom", path: ["tool_call_id"], message: reason, params: { code: "missing_field" } });
    }
  });

const tool = z.looseObject({ type: z.string(), function: z.looseObject({ name: z.string() }).optional() });
const outputTokens = z.int().min(1).max(MAX_TOKENS).nullish();

export const chatCompletionRequest = z
  .looseObject({
    model: z.string().min(1).max(MAX_MODEL_CHARACTERS),
    messages: z.array(message).min(1).max(MAX_MESSAGES),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: outputTokens,
    max_completion_tokens: outputTokens,
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    frequency_penalty: z.number().min(-2).max(2).nullish(),
    presence_penalty: z.number().min(-2).max(2).nullish(),
    n: z.int().min(1).max(MAX_CHOICES).nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(MAX_STOP)]).nullish(),
    seed: z.int().nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
    user: z.string().max(1024).nullish(),
    tools: z.array(tool).max(MAX_TOOLS).nullish(),
    tool_choice: z.union([z.enum(["none", "auto", "required"]), z.looseObject({ type: z.string() })]).nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    response_format: z.looseObject({ type: z.string() }).nullish(),
    reasoning_effort: z.string().nullish(),
    reasoning: z.looseObject({}).nullish(),
    ...routingFields,
  })
  .superRefine((value, context) => {
    const conflict = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [field], message, params: { code: "conflicting_fields" } });
    const { max_tokens: first, max_completion_tokens: second } = value;
    if (typeof first === "number" && typeof second === "number" && first !== second) {
      conflict("max_tokens", "max_tokens and max_completion_tokens differ; send one of them.");
    }
    if (value.stream !== true && value.stream_options !== undefined && value.stream_options !== null) {
      conflict("stream_options", "stream_options is only allowed together with stream: true.");
    }
    const unknown = firstUnknownToolCall(value.messages);
    if (unknown !== null) {
      const path = ["messages", unknown, "tool_call_id"];
      const reason = "tool_call_id matches no tool call of an earlier assistant message.";
      context.addIssue({ code: "custom", path, message: reason, params: { code: "unknown_tool_call_id" } });
    }
  });

export type ChatCompletionRequest = z.infer<typeof chatCompletionRequest>;

/** The index of the first tool message that answers no call made before it, or null. */
function firstUnknownToolCall(messages: readonly z.infer<typeof message>[]): number | null {
  const called = new Set<string>();
  for (const [index, { role, tool_calls: calls, tool_call_id: id }] of messages.entries()) {
    for (const call of calls ?? []) called.add(call.id);
    if (role === "tool" && typeof id === "string" && !called.has(id)) return index;
  }
  return null;
}
