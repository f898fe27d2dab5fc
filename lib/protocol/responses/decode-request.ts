import type { ChatRequest, ReasoningRequest, ResponseFormat, ToolChoice, ToolDefinition } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { unplacedParts } from "../unplaced-parts.ts";
import { decodeItems, isPlaced } from "./decode-items.ts";
import { inputItems } from "./input-items.ts";
import type { ResponsesRequest } from "./responses-schema.ts";

/** Fields that this translation reads or that the gateway answers itself; every other one is reported in `other`. */
const UNDERSTOOD = new Set([
  "model", "input", "instructions", "stream", "stream_options", "max_output_tokens", "temperature", "top_p", "top_logprobs",
  "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include", "metadata", "store", "provider", "user",
  "safety_identifier", "previous_response_id", "background",
]); // biome-ignore format: a table

/** A responses request in no vendor's format. `body` has passed `responsesRequest`; its history stands in `input`. */
export function decodeResponsesRequest(body: JsonObject, parsed: ResponsesRequest): ChatRequest {
  const items = inputItems(body["input"]);
  const tools = allowedTools(body).flatMap(decodeTool);
  const toolChoice = decodeToolChoice(body["tool_choice"]);
  const responseFormat = decodeFormat(isJsonObject(body["text"]) ? body["text"]["format"] : undefined);
  const reasoning = decodeReasoning(body["reasoning"]);
  const endUser = parsed.safety_identifier ?? parsed.user;
  const logprobs = parsed.include?.includes("message.output_text.logprobs") === true;
  const instructions = parsed.instructions ?? "";
  return {
    messages: [
      ...(instructions === "" ? [] : [{ role: "system", content: [{ kind: "text", text: instructions }] } as const]),
      ...decodeItems(items),
    ],
    tools,
    ...(toolChoice === null ? {} : { toolChoice }),
    ...(typeof parsed.parallel_tool_calls === "boolean" ? { parallelToolCalls: parsed.parallel_tool_calls } : {}),
    ...(typeof parsed.max_output_tokens === "number" ? { maxOutputTokens: parsed.max_output_tokens } : {}),
    ...(typeof parsed.temperature === "number" ? { temperature: parsed.temperature } : {}),
    ...(typeof parsed.top_p === "number" ? { topP: parsed.top_p } : {}),
    ...(logprobs ? { logprobs: true, topLogprobs: parsed.top_logprobs ?? 0 } : {}),
    ...(responseFormat === null ? {} : { responseFormat }),
    ...(reasoning === null ? {} : { reasoning }),
    ...(typeof endUser === "string" ? { endUser } : {}),
    other: untranslated(body, items),
  };
}

function untranslated(body: JsonObject, items: readonly JsonObject[]): JsonObject {
  const other: Record<string, JsonValue> = {};
  for (const [place, part] of Object.entries(unplacedParts(items, isPlaced))) {
    other[place.replace(/^messages/, "input")] = part ?? null;
  }
  for (const [name, value] of Object.entries(body)) {
    if (!UNDERSTOOD.has(name) && value !== undefined && value !== null) other[name] = value;
  }
  if (isJsonObject(body["text"]) && typeof body["text"]["verbosity"] === "string") {
    other["text.verbosity"] = body["text"]["verbosity"];
  }
  // The default, which every provider keeps: a prompt that is too long is refused.
  if (other["truncation"] === "disabled") delete other["truncation"];
  return other;
}

/** Of `allowed_tools` only those that are named there; else all. */
function allowedTools(body: JsonObject): readonly JsonObject[] {
  const tools = objectsOf(body["tools"]);
  const choice = body["tool_choice"];
  if (!isJsonObject(choice) || choice["type"] !== "allowed_tools") return tools;
  const allowed = new Set(objectsOf(choice["tools"]).map((tool) => stringOf(tool["name"])));
  return tools.filter((tool) => allowed.has(stringOf(tool["name"])));
}

function decodeTool(tool: JsonObject): readonly ToolDefinition[] {
  if (tool["type"] !== "function") return [];
  const { description, parameters, strict } = tool;
  return [
    {
      name: stringOf(tool["name"]),
      ...(typeof description === "string" ? { description } : {}),
      ...(isJsonObject(parameters) ? { parameters } : {}),
      ...(typeof strict === "boolean" ? { strict } : {}),
    },
  ];
}

function decodeToolChoice(choice: JsonValue | undefined): ToolChoice | null {
  if (choice === "auto" || choice === "none" || choice === "required") return { kind: choice };
  if (!isJsonObject(choice)) return null;
  if (choice["type"] === "function") return { kind: "tool", name: stringOf(choice["name"]) };
  return choice["type"] === "allowed_tools" ? { kind: choice["mode"] === "required" ? "required" : "auto" } : null;
}

function decodeFormat(format: JsonValue | undefined): ResponseFormat | null {
  if (!isJsonObject(format)) return null;
  if (format["type"] === "text") return { kind: "text" };
  if (format["type"] === "json_object") return { kind: "json-object" };
  const { description, strict, schema } = format;
  return {
    kind: "json-schema",
    name: stringOf(format["name"]),
    schema: isJsonObject(schema) ? schema : {},
    ...(typeof description === "string" ? { description } : {}),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

/** OpenAI's effort, and OpenRouter's `max_tokens` and `enabled`, which it takes here as well. */
function decodeReasoning(asked: JsonValue | undefined): ReasoningRequest | null {
  if (!isJsonObject(asked)) return null;
  const { effort, max_tokens: budgetTokens, enabled } = asked;
  const reasoning: ReasoningRequest = {
    ...(typeof effort === "string" ? { effort } : {}),
    ...(typeof budgetTokens === "number" ? { budgetTokens } : {}),
    ...(typeof enabled === "boolean" ? { enabled } : {}),
  };
  return Object.keys(reasoning).length === 0 ? null : reasoning;
}
