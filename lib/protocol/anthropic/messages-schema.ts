import * as z from "zod";
import { isJsonObject } from "../json.ts";
import { checkMediaUrl } from "../media-url.ts";
import { routingFields } from "../routing-fields.ts";

/**
 * The body of POST /v1/messages (docs.anthropic.com/en/api/messages, read 2026-11-23). Loose throughout: unknown fields
 * and block types pass through to a provider of the same format.
 */
const MAX_MESSAGES = 10_000;
/** Agents with many servers of tools send hundreds (platform.claude.com/docs, "Tool search", read 2026-11-25). */
const MAX_TOOLS = 10_000;
const MAX_STOP = 16;
const MAX_MODEL_CHARACTERS = 256;
const MAX_TOKENS = 100_000_000;
const MIN_THINKING_TOKENS = 1_024;

/** The URLs of images and documents in a block, and in the blocks of a tool's result or of a document made of them. */
function checkSources({ source, content }: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  if (isJsonObject(source)) {
    checkMediaUrl(source["url"], context);
    checkSources(source, context);
  }
  const inner: readonly unknown[] = Array.isArray(content) ? content : [];
  for (const one of inner) if (isJsonObject(one)) checkSources(one, context);
}

const block = z.looseObject({ type: z.string() }).superRefine((value, context) => {
  const needs = (field: string) => {
    if (typeof value[field] === "string") return;
    const reason = `${field} is required on a ${value.type} block.`;
    context.addIssue({ code: "custom", path: [field], message: reason, params: { code: "missing_field" } });
  };
  if (value.type === "text") needs("text");
  if (value.type === "tool_use") needs("id");
  if (value.type === "tool_result") needs("tool_use_id");
  checkSources(value, context);
});
const content = z.union([z.string(), z.array(block)]);
const message = z.looseObject({ role: z.enum(["user", "assistant", "system"]), content });
const tool = z.looseObject({ name: z.string() });

const shared = {
  model: z.string().min(1).max(MAX_MODEL_CHARACTERS),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  system: z.union([z.string(), z.array(block)]).nullish(),
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string(), budget_tokens: z.int().min(MIN_THINKING_TOKENS).nullish() }).nullish(),
};

interface CheckedMessages {
  readonly messages: readonly z.infer<typeof message>[];
}

/** Every tool result must answer a call made before it. */
function checkToolResults(value: CheckedMessages, context: z.RefinementCtx): void {
  const called = new Set<unknown>();
  for (const [index, { content: blocks }] of value.messages.entries()) {
    if (typeof blocks === "string") continue;
    for (const [position, part] of blocks.entries()) {
      if (part.type === "tool_use") called.add(part["id"]);
      if (part.type !== "tool_result" || called.has(part["tool_use_id"])) continue;
      const reason = "tool_use_id matches no tool_use block of an earlier message.";
      const path = ["messages", index, "content", position, "tool_use_id"];
      context.addIssue({ code: "custom", path, message: reason, params: { code: "unknown_tool_call_id" } });
      return;
    }
  }
}

export const messagesRequest = z
  .looseObject({
    ...shared,
    max_tokens: z.int().min(1).max(MAX_TOKENS),
    stream: z.boolean().nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(0).nullish(),
    stop_sequences: z.array(z.string()).max(MAX_STOP).nullish(),
    ...routingFields,
    metadata: z.looseObject({ user_id: z.string().max(1024).nullish() }).nullish(),
  })
  .superRefine((value, context) => {
    const budget = value.thinking?.budget_tokens;
    if (typeof budget === "number" && budget >= value.max_tokens) {
      const reason = "thinking.budget_tokens must be less than max_tokens.";
      context.addIssue({
        code: "custom",
        path: ["thinking", "budget_tokens"],
        message: reason,
        params: { code: "out_of_range" },
      });
    }
    checkToolResults(value, context);
  });

export type MessagesRequest = z.infer<typeof messagesRequest>;

/** The body of POST /v1/messages/count_tokens: what a prompt is made of, nothing about the answer. */
export const countTokensRequest = z.looseObject(shared).superRefine(checkToolResults);
