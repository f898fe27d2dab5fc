import type { ChatRequest, ResponseFormat, ToolDefinition } from "../chat-request.ts";
import type { JsonValue } from "../json.ts";
import { type Extensions, encodeMessages } from "./encode-messages.ts";
import { endUserId } from "./end-user-id.ts";

type Body = Record<string, unknown>;

/**
 * A chat request as an OpenAI body. `ignored` names what of it OpenAI's format cannot carry.
 * @param extensions fields beyond OpenAI's that the provider takes
 */
export function encodeChatRequest(
  request: ChatRequest,
  model: string,
  stream: boolean,
  extensions: Extensions,
): { readonly body: Body; readonly ignored: readonly string[] } {
  const { maxOutputTokens, reasoning } = request;
  const body: Body = { model, messages: encodeMessages(request.messages, extensions) };
  set(body, "stream", stream ? true : undefined);
  set(body, "max_tokens", maxOutputTokens);
  set(body, "temperature", request.temperature);
  set(body, "top_p", request.topP);
  set(body, "top_k", request.topK);
  set(body, "frequency_penalty", request.frequencyPenalty);
  set(body, "presence_penalty", request.presencePenalty);
  set(body, "seed", request.seed);
  set(body, "stop", request.stop);
  set(body, "n", request.choices);
  set(body, "logprobs", request.logprobs);
  set(body, "top_logprobs", request.topLogprobs);
  set(body, "user", request.endUser === undefined ? undefined : endUserId(request.endUser));
  if (request.tools.length > 0) {
    body["tools"] = request.tools.map((tool) => encodeTool(tool, extensions));
    set(body, "tool_choice", toolChoice(request));
    set(body, "parallel_tool_calls", request.parallelToolCalls);
  }
  set(
    body,
    "response_format",
    request.responseFormat === undefined ? undefined : responseFormat(request.responseFormat),
  );
  set(
    body,
    "reasoning_effort",
    reasoning?.enabled === false ? undefined : (reasoning?.effort ?? effortOf(reasoning?.budgetTokens)),
  );
  return { body, ignored: Object.keys(request.other) };
}

/** An absent key stays absent: some servers refuse an explicit null. */
function set(body: Body, name: string, value: unknown): void {
  if (value !== undefined) body[name] = value;
}

/** Anthropic's thinking budgets in OpenAI's words, at the bounds that OpenRouter documents for its own translation. */
function effortOf(budgetTokens: number | undefined): string | undefined {
  if (budgetTokens === undefined) return undefined;
  if (budgetTokens <= 4_096) return "low";
  return budgetTokens <= 16_384 ? "medium" : "high";
}

function toolChoice(request: ChatRequest): JsonValue | undefined {
  const { toolChoice: choice } = request;
  if (choice === undefined) return undefined;
  return choice.kind === "tool" ? { type: "function", function: { name: choice.name } } : choice.kind;
}

function responseFormat(format: ResponseFormat): Body {
  if (format.kind === "text") return { type: "text" };
  if (format.kind === "json-object") return { type: "json_object" };
  const wanted: Body = { name: format.name, schema: format.schema };
  set(wanted, "description", format.description);
  set(wanted, "strict", format.strict);
  return { type: "json_schema", json_schema: wanted };
}

function encodeTool(tool: ToolDefinition, extensions: Extensions): Body {
  const definition: Body = { name: tool.name };
  set(definition, "description", tool.description);
  set(definition, "parameters", tool.parameters);
  set(definition, "strict", tool.strict);
  const cached =
    extensions.includes("cache_control") && tool.cacheControl !== undefined ? { cache_control: tool.cacheControl } : {};
  return { type: "function", function: definition, ...cached };
}
