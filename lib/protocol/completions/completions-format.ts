import type { ChatRequest } from "../chat-request.ts";
import type { ClientFormat, NativeOnly, ParsedCall } from "../client-format.ts";
import { estimateContentTokens, TOKENS_PER_MESSAGE, TOKENS_TO_START } from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { createChatPassthrough, passChatReply } from "../openai/passthrough.ts";
import { routingFields } from "../routing-fields.ts";
import { validate } from "../schema-error.ts";
import { type CompletionRequest, completionRequest } from "./completions-schema.ts";
import { createCompletionEncoder, encodeCompletion } from "./encode.ts";

/** What OpenAI gives a request that names no maximum (platform.openai.com/docs/api-reference/completions, read 2026-11-25). */
const DEFAULT_MAX_TOKENS = 16;

/** OpenAI's completions of before chat, as clients speak them to us. */
export const completionsFormat: ClientFormat = {
  name: "completions",
  readProtocolHeaders: () => ({}),
  parse: parseCompletion,
  createStreamEncoder: createCompletionEncoder,
  createStreamPassthrough: (context) => createChatPassthrough(context, createCompletionEncoder(context)),
  encodeReply: encodeCompletion,
  passReply: passChatReply,
};

function parseCompletion(body: JsonObject, text: string): ParsedCall {
  assertNothingSmuggled(body);
  const parsed = validate(completionRequest, body);
  const onlyNative = nativeOnlyOf(parsed);
  const counts = promptsOf(parsed).map(estimatePrompt);
  return {
    format: "completions",
    text,
    body,
    protocolHeaders: {},
    model: parsed.model,
    stream: parsed.stream === true,
    includeUsage: parsed.stream_options?.include_usage === true,
    maxOutputTokens: parsed.max_tokens ?? DEFAULT_MAX_TOKENS,
    // Each prompt has answers of its own, and the best of many are all paid for.
    choices: counts.length * Math.max(parsed.n ?? 1, parsed.best_of ?? 1),
    estimatedInputTokens: counts.reduce((sum, tokens) => sum + tokens, 0),
    longestInputTokens: counts.reduce((most, tokens) => Math.max(most, tokens), 0),
    prompts: counts.length,
    needs: [],
    ...(onlyNative === null ? {} : { onlyNative }),
    toChatRequest: () => decodeCompletionRequest(body, parsed),
  };
}

function promptsOf({ prompt }: CompletionRequest): readonly JsonValue[] {
  return Array.isArray(prompt) && typeof prompt[0] !== "number" ? prompt : [prompt];
}

/** What a chat has no place for. */
function nativeOnlyOf(parsed: CompletionRequest): NativeOnly | null {
  const { prompt } = parsed;
  if (Array.isArray(prompt) && typeof prompt[0] !== "string") return { param: "prompt", what: "a prompt of token ids" };
  if (promptsOf(parsed).length > 1) return { param: "prompt", what: "several prompts in one request" };
  if ((parsed.suffix ?? "") !== "") return { param: "suffix", what: "a suffix" };
  return (parsed.best_of ?? 1) > (parsed.n ?? 1) ? { param: "best_of", what: "best_of" } : null;
}

/** A prompt's tokens: those of its text, or its ids. */
function estimatePrompt(prompt: JsonValue): number {
  const tokens = typeof prompt === "string" ? estimateContentTokens(prompt) : Array.isArray(prompt) ? prompt.length : 0;
  return TOKENS_TO_START + TOKENS_PER_MESSAGE + tokens;
}

const UNDERSTOOD = new Set([
  "model", "prompt", "echo", "stream", "stream_options", "max_tokens", "n", "best_of", "logprobs", "temperature", "top_p",
  "frequency_penalty", "presence_penalty", "seed", "stop", "user", "suffix", ...Object.keys(routingFields),
]); // biome-ignore format: a table

/** One prompt as a chat of one turn. */
function decodeCompletionRequest(body: JsonObject, parsed: CompletionRequest): ChatRequest {
  const [prompt] = Array.isArray(parsed.prompt) ? parsed.prompt : [parsed.prompt];
  const { stop } = parsed;
  const other: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(body)) {
    if (!UNDERSTOOD.has(name) && value !== undefined && value !== null) other[name] = value;
  }
  return {
    messages: [{ role: "user", content: [{ kind: "text", text: typeof prompt === "string" ? prompt : "" }] }],
    tools: [],
    maxOutputTokens: parsed.max_tokens ?? DEFAULT_MAX_TOKENS,
    ...(typeof parsed.n === "number" ? { choices: parsed.n } : {}),
    ...(typeof parsed.logprobs === "number" ? { logprobs: true, topLogprobs: parsed.logprobs } : {}),
    ...(typeof parsed.temperature === "number" ? { temperature: parsed.temperature } : {}),
    ...(typeof parsed.top_p === "number" ? { topP: parsed.top_p } : {}),
    ...(typeof parsed.frequency_penalty === "number" ? { frequencyPenalty: parsed.frequency_penalty } : {}),
    ...(typeof parsed.presence_penalty === "number" ? { presencePenalty: parsed.presence_penalty } : {}),
    ...(typeof parsed.seed === "number" ? { seed: parsed.seed } : {}),
    ...(typeof stop === "string" ? { stop: [stop] } : {}),
    ...(Array.isArray(stop) ? { stop } : {}),
    ...(typeof parsed.user === "string" ? { endUser: parsed.user } : {}),
    other,
  };
}
