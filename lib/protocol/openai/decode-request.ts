import type { ChatRequest, ReasoningRequest, ResponseFormat, ToolChoice, ToolDefinition } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { unplacedParts } from "../unplaced-parts.ts";
import type { ChatCompletionRequest } from "./chat-schema.ts";
import { decodeMessage, isPlaced } from "./decode-messages.ts";

/** Fields that this translation reads; every other one is reported in `other`. */
const UNDERSTOOD = new Set([
  "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k",
  "frequency_penalty", "presence_penalty", "n", "stop", "seed", "logprobs", "top_logprobs", "user", "tools", "tool_choice",
  "parallel_tool_calls", "response_format", "reasoning_effort", "reasoning", "provider", "usage",
]); // biome-ignore format: a table

/** An OpenAI chat request in no vendor's format. `body` has passed `chatCompletionRequest`. */
export function decodeChatRequest(body: JsonObject, parsed: ChatCompletionRequest): ChatRequest {
  const maxOutputTokens = parsed.max_completion_tokens ?? parsed.max_tokens;
  const reasoning = decodeReasoning(body);
  const toolChoice = decodeToolChoice(body["tool_choice"]);
  const responseFormat = decodeResponseFormat(body["response_format"]);
  const { top_k: topK } = body;
  const other: Record<string, JsonValue> = unplacedParts(objectsOf(body["messages"]), isPlaced);
  for (const [name, value] of Object.entries(body)) {
    if (!UNDERSTOOD.has(name) && value !== undefined && value !== null) other[name] = value;
  }
  // A form that only OpenAI has: a grammar, a list of allowed tools, a tool that is no function.
  if (toolChoice === null && parsed.tool_choice !== undefined) other["tool_choice"] = body["tool_choice"] ?? null;
  if (responseFormat === null && isJsonObject(body["response_format"]))
    other["response_format"] = body["response_format"];
  if (objectsOf(body["tools"]).some((tool) => !isJsonObject(tool["function"]))) other["tools"] = body["tools"] ?? null;
  return {
    messages: objectsOf(body["messages"]).map(decodeMessage),
    tools: objectsOf(body["tools"]).flatMap(decodeTool),
    ...(toolChoice === null ? {} : { toolChoice }),
    ...(typeof parsed.parallel_tool_calls === "boolean" ? { parallelToolCalls: parsed.parallel_tool_calls } : {}),
    ...(typeof maxOutputTokens === "number" ? { maxOutputTokens } : {}),
    ...(typeof parsed.temperature === "number" ? { temperature: parsed.temperature } : {}),
    ...(typeof parsed.top_p === "number" ? { topP: parsed.top_p } : {}),
    ...(typeof topK === "number" ? { topK } : {}),
    ...(typeof parsed.frequency_penalty === "number" ? { frequencyPenalty: parsed.frequency_penalty } : {}),
    ...(typeof parsed.presence_penalty === "number" ? { presencePenalty: parsed.presence_penalty } : {}),
    ...(typeof parsed.seed === "number" ? { seed: parsed.seed } : {}),
    ...(typeof parsed.stop === "string" ? { stop: [parsed.stop] } : {}),
    ...(Array.isArray(parsed.stop) ? { stop: parsed.stop } : {}),
    ...(typeof parsed.n === "number" ? { choices: parsed.n } : {}),
    ...(typeof parsed.logprobs === "boolean" ? { logprobs: parsed.logprobs } : {}),
    ...(typeof parsed.top_logprobs === "number" ? { topLogprobs: parsed.top_logprobs } : {}),
    ...(responseFormat === null ? {} : { responseFormat }),
    ...(reasoning === null ? {} : { reasoning }),
    ...(typeof parsed.user === "string" ? { endUser: parsed.user } : {}),
    other,
  };
}

function decodeTool(tool: JsonObject): readonly ToolDefinition[] {
  const definition = tool["function"];
  if (!isJsonObject(definition)) return [];
  const { description, parameters, strict } = definition;
  return [
    {
      name: stringOf(definition["name"]),
      ...(typeof description === "string" ? { description } : {}),
      ...(isJsonObject(parameters) ? { parameters } : {}),
      ...(typeof strict === "boolean" ? { strict } : {}),
      ...(isJsonObject(tool["cache_control"]) ? { cacheControl: tool["cache_control"] } : {}),
    },
  ];
}

function decodeToolChoice(choice: JsonValue | undefined): ToolChoice | null {
  if (choice === "auto" || choice === "none" || choice === "required") return { kind: choice };
  if (!isJsonObject(choice) || !isJsonObject(choice["function"])) return null;
  return { kind: "tool", name: stringOf(choice["function"]["name"]) };
}

function decodeResponseFormat(format: JsonValue | undefined): ResponseFormat | null {
  if (!isJsonObject(format)) return null;
  if (format["type"] === "text") return { kind: "text" };
  if (format["type"] === "json_object") return { kind: "json-object" };
  const wanted = format["json_schema"];
  if (format["type"] !== "json_schema" || !isJsonObject(wanted)) return null;
  const { description, strict, schema } = wanted;
  return {
    kind: "json-schema",
    name: stringOf(wanted["name"]),
    schema: isJsonObject(schema) ? schema : {},
    ...(typeof description === "string" ? { description } : {}),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

/** `reasoning_effort` (OpenAI) or `reasoning {effort, max_tokens, enabled}` (OpenRouter). */
function decodeReasoning(body: JsonObject): ReasoningRequest | null {
  const asked = isJsonObject(body["reasoning"]) ? body["reasoning"] : {};
  const effort = asked["effort"] ?? body["reasoning_effort"];
  const { max_tokens: budgetTokens, enabled } = asked;
  const reasoning: ReasoningRequest = {
    ...(typeof effort === "string" ? { effort } : {}),
    ...(typeof budgetTokens === "number" ? { budgetTokens } : {}),
    ...(typeof enabled === "boolean" ? { enabled } : {}),
  };
  return Object.keys(reasoning).length === 0 ? null : reasoning;
}
