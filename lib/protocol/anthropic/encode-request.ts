import type { ChatRequest, ReasoningRequest, ToolDefinition } from "../chat-request.ts";
import { type ClaudeGeneration, claudeGeneration } from "./claude-generation.ts";
import { cacheControl, encodeMessages, encodeParts, lastCallsAreUnthought } from "./encode-messages.ts";

type Body = Record<string, unknown>;

export interface EncodedMessages {
  readonly body: Body;
  readonly ignored: readonly string[];
}

const BUDGET_OF_MEDIUM = 12_288;
/** A thinking budget at each of OpenAI's efforts, in tokens; none is below Anthropic's minimum of 1,024. */
const BUDGET_OF_EFFORT: ReadonlyMap<string, number> = new Map([
  ["minimal", 1_024],
  ["low", 4_096],
  ["medium", BUDGET_OF_MEDIUM],
  ["high", 24_576],
  ["xhigh", 32_768],
  ["max", 65_536],
]);
const MIN_BUDGET = 1_024;

/**
 * A chat request as an Anthropic body. Anthropic insists on a cap on the output: the client's, or the model's own.
 * JSON mode has no counterpart there: a request for any JSON object becomes an instruction in the system prompt, one
 * for a schema the native structured output.
 */
export function encodeMessagesRequest(
  request: ChatRequest,
  model: string,
  stream: boolean,
  modelMaxOutputTokens: number,
): EncodedMessages {
  const maxTokens = Math.min(request.maxOutputTokens ?? modelMaxOutputTokens, modelMaxOutputTokens);
  const generation = claudeGeneration(model);
  const thinking = thinkingOf(request, maxTokens, generation);
  const system = encodeSystem(request);
  const messages = encodeMessages(request.messages);
  const body: Body = { model, max_tokens: maxTokens };
  // Instructions alone are no conversation to Anthropic, though they are one to OpenAI.
  if (messages.length === 0 && system.length > 0) body["messages"] = [{ role: "user", content: system }];
  else {
    body["messages"] = messages;
    if (system.length > 0) body["system"] = system;
  }
  if (stream) body["stream"] = true;
  if (thinking !== null) body["thinking"] = thinking;
  // With thinking on, Anthropic takes no other sampling than its own.
  const samples = generation.samples && thinking === null;
  if (samples) {
    set(body, "temperature", request.temperature === undefined ? undefined : Math.min(1, request.temperature));
    set(body, "top_k", request.topK);
    if (request.temperature === undefined) set(body, "top_p", request.topP);
  }
  set(
    body,
    "stop_sequences",
    request.stop?.filter((sequence) => sequence.trim() !== ""),
  );
  set(body, "metadata", request.endUser === undefined ? undefined : { user_id: request.endUser });
  if (request.tools.length > 0) {
    body["tools"] = request.tools.map(encodeTool);
    set(body, "tool_choice", encodeToolChoice(request));
  }
  const output = outputConfig(request, thinking !== null, generation);
  if (output !== null) body["output_config"] = output;
  return { body, ignored: ignoredBy(request, samples, thinking !== null) };
}

function set(body: Body, name: string, value: unknown): void {
  if (value !== undefined) body[name] = value;
}

function ignoredBy(request: ChatRequest, samples: boolean, thinks: boolean): readonly string[] {
  const { reasoning } = request;
  const given: readonly (readonly [string, boolean])[] = [
    ["n", (request.choices ?? 1) > 1],
    ["seed", request.seed !== undefined],
    ["logprobs", request.logprobs === true],
    ["top_logprobs", request.topLogprobs !== undefined],
    ["frequency_penalty", (request.frequencyPenalty ?? 0) !== 0],
    ["presence_penalty", (request.presencePenalty ?? 0) !== 0],
    ["temperature", !samples && request.temperature !== undefined],
    ["top_p", request.topP !== undefined && (!samples || request.temperature !== undefined)],
    ["top_k", !samples && request.topK !== undefined],
    ["reasoning", reasoning !== undefined && asksToThink(request) && !thinks],
  ];
  return [...given.flatMap(([name, isGiven]) => (isGiven ? [name] : [])), ...Object.keys(request.other)];
}

function asksToThink({ reasoning }: ChatRequest): boolean {
  return reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== "none";
}

/** How the model is told to think, or null where it is not to, or could not within this request. */
export function thinkingOf(request: ChatRequest, maxTokens: number, generation: ClaudeGeneration): Body | null {
  const forced = request.toolChoice?.kind === "required" || request.toolChoice?.kind === "tool";
  // Thinking and a forced tool exclude each other; the tool is what the client's code waits for.
  if (!asksToThink(request) || forced) return null;
  if (generation.thinksAdaptively) {
    return generation.samples ? { type: "adaptive" } : { type: "adaptive", display: "summarized" };
  }
  // A client that keeps no thoughts would be refused in the middle of a tool loop, where they must come back.
  if (lastCallsAreUnthought(request.messages)) return null;
  const { effort, budgetTokens } = request.reasoning ?? {};
  // A budget that was given in tokens was weighed against the cap by whoever gave it.
  if (budgetTokens !== undefined && budgetTokens >= MIN_BUDGET && budgetTokens < maxTokens) {
    return { type: "enabled", budget_tokens: budgetTokens };
  }
  const wanted = budgetTokens ?? BUDGET_OF_EFFORT.get(effort ?? "medium") ?? BUDGET_OF_MEDIUM;
  // The budget must leave room for an answer below the cap; a cap too small for that means no thinking.
  const budget = Math.min(wanted, maxTokens - MIN_BUDGET);
  return budget < MIN_BUDGET ? null : { type: "enabled", budget_tokens: budget };
}

/** The answer's schema, and how hard an adaptive model is to think. */
function outputConfig(request: ChatRequest, thinks: boolean, generation: ClaudeGeneration): Body | null {
  const config: Body = {};
  const { responseFormat, reasoning } = request;
  if (responseFormat?.kind === "json-schema") config["format"] = { type: "json_schema", schema: responseFormat.schema };
  if (thinks && generation.thinksAdaptively) set(config, "effort", effortOf(reasoning, generation));
  return Object.keys(config).length === 0 ? null : config;
}

/** Anthropic's own default where nothing is said of it. */
export function effortOf(reasoning: ReasoningRequest | undefined, generation: ClaudeGeneration): string | undefined {
  switch (reasoning?.effort) {
    case "minimal":
    case "low":
      return "low";
    case "medium":
    case "high":
    case "max":
      return reasoning.effort;
    case "xhigh":
      return generation.knowsXhigh ? "xhigh" : "high";
    default:
      return reasoning?.budgetTokens === undefined ? undefined : effortOfBudget(reasoning.budgetTokens);
  }
}

function effortOfBudget(tokens: number): string {
  if (tokens <= 4_096) return "low";
  return tokens <= 16_384 ? "medium" : "high";
}

function encodeSystem(request: ChatRequest): readonly Body[] {
  const blocks: Body[] = request.messages.flatMap((message) =>
    message.role === "system" ? encodeParts(message.content) : [],
  );
  if (request.responseFormat?.kind === "json-object") {
    blocks.push({ type: "text", text: "Answer with one valid JSON object and nothing else: no prose, no code fence." });
  }
  return blocks;
}

function encodeTool(tool: ToolDefinition): Body {
  const body: Body = { name: tool.name, input_schema: tool.parameters ?? { type: "object", properties: {} } };
  set(body, "description", tool.description);
  return { ...body, ...cacheControl(tool) };
}

function encodeToolChoice(request: ChatRequest): Body | undefined {
  const { toolChoice, parallelToolCalls } = request;
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  switch (toolChoice?.kind) {
    case "none":
      return { type: "none" };
    case "required":
      return { type: "any", ...single };
    case "tool":
      return { type: "tool", name: toolChoice.name, ...single };
    case "auto":
    case undefined:
      return toolChoice === undefined && parallelToolCalls !== false ? undefined : { type: "auto", ...single };
  }
}
