import type { ChatRequest, ReasoningRequest, ToolDefinition } from "../chat-request.ts";
import { encodeMessages, unplacedKinds } from "./encode-messages.ts";

type Body = Record<string, unknown>;

/** docs.cohere.com/reference/chat (read 2026-11-25): beyond these bounds the answer is 400. */
const MAX_STOP_SEQUENCES = 5;
const MAX_TEMPERATURE = 1;
const P_RANGE = [0.01, 0.99] as const;
const PENALTY_RANGE = [0, 1] as const;
/** Tokens of thought by OpenAI's words. */
const BUDGET_OF_EFFORT: ReadonlyMap<string, number> = new Map([
  ["minimal", 512],
  ["low", 2_048],
  ["medium", 8_192],
  ["high", 24_576],
]);

/** A chat request as a body of Cohere's. `ignored` names what of it has no place there. */
export function encodeCohereChat(
  request: ChatRequest,
  model: string,
  stream: boolean,
): { readonly body: Body; readonly ignored: readonly string[] } {
  const body: Body = { model, messages: encodeMessages(request.messages), stream };
  const set = (name: string, value: unknown) => {
    if (value !== undefined) body[name] = value;
  };
  set("max_tokens", request.maxOutputTokens);
  set("temperature", within(request.temperature, 0, MAX_TEMPERATURE));
  set("p", within(request.topP, ...P_RANGE));
  set("k", request.topK);
  set("frequency_penalty", within(request.frequencyPenalty, ...PENALTY_RANGE));
  set("presence_penalty", within(request.presencePenalty, ...PENALTY_RANGE));
  set("seed", request.seed);
  set("stop_sequences", request.stop?.slice(0, MAX_STOP_SEQUENCES));
  const tools = offeredTools(request);
  if (tools.length > 0) {
    body["tools"] = tools.map(encodeTool);
    if (tools.some(({ strict }) => strict === true)) body["strict_tools"] = true;
    set("tool_choice", toolChoice(request));
  }
  const format = request.responseFormat;
  if (format?.kind === "json-object") body["response_format"] = { type: "json_object" };
  if (format?.kind === "json-schema") body["response_format"] = { type: "json_object", json_schema: format.schema };
  const thinking = request.reasoning === undefined || !thinks(model) ? undefined : thinkingOf(request.reasoning);
  set("thinking", thinking);
  return { body, ignored: ignoredBy(request, thinking !== undefined) };
}

function within(value: number | undefined, least: number, most: number): number | undefined {
  return value === undefined ? undefined : Math.min(most, Math.max(least, value));
}

/** Cohere cannot be told which tool to call: the one that must be called is the only one that it is shown. */
function offeredTools({ tools, toolChoice: choice }: ChatRequest): readonly ToolDefinition[] {
  return choice?.kind === "tool" ? tools.filter(({ name }) => name === choice.name) : tools;
}

function toolChoice({ toolChoice: choice }: ChatRequest): string | undefined {
  if (choice?.kind === "none") return "NONE";
  return choice?.kind === "required" || choice?.kind === "tool" ? "REQUIRED" : undefined;
}

function encodeTool({ name, description, parameters }: ToolDefinition): Body {
  const described = description === undefined ? {} : { description };
  const schema = parameters ?? { type: "object", properties: {} };
  return { type: "function", function: { name, ...described, parameters: schema } };
}

/** Only these take the field: `command-a-reasoning-08-2025`. */
function thinks(model: string): boolean {
  return model.includes("reasoning");
}

function thinkingOf({ enabled, effort, budgetTokens }: ReasoningRequest): Body {
  if (enabled === false || effort === "none") return { type: "disabled" };
  const budget = budgetTokens ?? BUDGET_OF_EFFORT.get(effort ?? "");
  return { type: "enabled", ...(budget === undefined ? {} : { token_budget: budget }) };
}

function ignoredBy(request: ChatRequest, thinkingIsSet: boolean): readonly string[] {
  const { reasoning } = request;
  const asksToThink = reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== "none";
  const given: readonly (readonly [string, boolean])[] = [
    ["n", (request.choices ?? 1) > 1],
    ["logprobs", request.logprobs === true],
    ["top_logprobs", request.topLogprobs !== undefined],
    ["user", request.endUser !== undefined],
    ["parallel_tool_calls", request.parallelToolCalls === false],
    ["stop", (request.stop?.length ?? 0) > MAX_STOP_SEQUENCES],
    ["reasoning", asksToThink && !thinkingIsSet],
  ];
  const unplaced = unplacedKinds(request.messages);
  return [...given.flatMap(([name, isGiven]) => (isGiven ? [name] : [])), ...unplaced, ...Object.keys(request.other)];
}
