import * as z from "zod";
import { NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { estimateContentTokens } from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { validate } from "../schema-error.ts";
import { tokenCount } from "../usage.ts";
import { asEncoded } from "./embedding-encoding.ts";
import { type ParsedTask, readsNoEvents, type TaskFormat } from "./task.ts";

/** platform.openai.com/docs/api-reference/embeddings/create (read 2026-11-25). */
const MAX_INPUTS = 2_048;
const MAX_DIMENSIONS = 16_384;

const text = z.string().superRefine((value, context) => {
  if (value !== "") return;
  context.addIssue({ code: "custom", message: "An input must not be empty.", params: { code: "empty_string" } });
});
const tokens = z.array(z.int().min(0)).min(1);
const input = z
  .union([
    text,
    z.array(text).min(1).max(MAX_INPUTS),
    z.array(z.int().min(0)).min(1).max(MAX_INPUTS),
    z.array(tokens).min(1).max(MAX_INPUTS),
  ])
  .describe("A text, a list of texts, a list of tokens, or a list of lists of tokens");

export const embeddingsRequest = z.looseObject({
  model: z.string().min(1),
  input,
  dimensions: z.int().min(1).max(MAX_DIMENSIONS).optional(),
  encoding_format: z.enum(["float", "base64"]).optional().describe("Default: float"),
  user: z.string().max(1_024).optional(),
});

const embeddingsFormat: TaskFormat = {
  name: "embeddings",
  path: "/embeddings",
  repliesOtherwise: null,
  holdsTenthMore: false,
  isReply: ({ data }) => Array.isArray(data) && data.length > 0 && data.every(isJsonObject),
  readConsumed: ({ usage }) =>
    isJsonObject(usage) && usage["prompt_tokens"] !== undefined
      ? { ...NOTHING_CONSUMED, inputTokens: tokenCount(usage["prompt_tokens"]) }
      : null,
  eventReader: readsNoEvents,
  adapt: (reply, body, call) => asEncoded(reply, body, encodingOf(call)),
};

/** @throws GatewayError with the row of bad input that applies (B85) */
export function parseEmbeddings(body: JsonObject, source: string): ParsedTask {
  assertNothingSmuggled(body);
  const parsed = validate(embeddingsRequest, body);
  const counts = inputTokensOf(parsed.input);
  const inputTokens = counts.reduce((sum, count) => sum + count, 0);
  const estimate = { ...NOTHING_CONSUMED, inputTokens };
  return {
    format: embeddingsFormat,
    model: parsed.model,
    payload: { kind: "json", text: source, body },
    estimate,
    longestInputTokens: counts.reduce((most, count) => Math.max(most, count), 0),
    metered: () => estimate,
  };
}

/** Tokens of each input: counted where tokens were sent, by characters where text was (CM-14.1). */
function inputTokensOf(value: z.infer<typeof input>): readonly number[] {
  if (typeof value === "string") return [estimateContentTokens(value)];
  if (value.every((each) => typeof each === "number")) return [value.length];
  return value.map((each) => (typeof each === "string" ? estimateContentTokens(each) : lengthOf(each)));
}

function lengthOf(value: number | readonly number[]): number {
  return typeof value === "number" ? 1 : value.length;
}

/** True when tokens were sent in place of text: only OpenAI's own tokenizer can have made them. */
export function sendsTokens(call: ParsedTask): boolean {
  if (call.payload.kind !== "json") return false;
  const value = call.payload.body["input"];
  return Array.isArray(value) && typeof value[0] !== "string";
}

function encodingOf(call: ParsedTask): "float" | "base64" {
  return call.payload.kind === "json" && call.payload.body["encoding_format"] === "base64" ? "base64" : "float";
}
