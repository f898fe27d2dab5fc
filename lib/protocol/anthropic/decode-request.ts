import type { ChatRequest, ReasoningRequest, ResponseFormat, ToolChoice, ToolDefinition } from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";
import { unplacedParts } from "../unplaced-parts.ts";
import { cacheControlOf, decodeMessage, decodeSystem, isPlaced } from "./decode-messages.ts";
import type { MessagesRequest } from "./messages-schema.ts";

const UNDERSTOOD = new Set([
  "model", "messages", "system", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools",
  "tool_choice", "thinking", "metadata", "output_config", "output_format", "provider",
]); // biome-ignore format: a table

/** An Anthropic request in no vendor's format. `body` has passed `messagesRequest`. */
export function decodeMessagesRequest(body: JsonObject, parsed: MessagesRequest): ChatRequest {
  const toolChoice = decodeToolChoice(parsed.tool_choice?.type, body["tool_choice"]);
  const reasoning = decodeThinking(body);
  const responseFormat = decodeOutputFormat(body);
  const parallel = isJsonObject(body["tool_choice"]) ? body["tool_choice"]["disable_parallel_tool_use"] : undefined;
  const endUser = parsed.metadata?.user_id;
  const other: Record<string, JsonValue> = unplacedParts(objectsOf(body["messages"]), isPlaced);
  for (const [name, value] of Object.entries(body)) {
    if (!UNDERSTOOD.has(name) && value !== undefined && value !== null) other[name] = value;
  }
  const serverTools = objectsOf(body["tools"]).filter((tool) => !isClientTool(tool));
  if (serverTools.length > 0) other["tools"] = serverTools;
  return {
    messages: [...decodeSystem(body["system"]), ...objectsOf(body["messages"]).flatMap(decodeMessage)],
    tools: objectsOf(body["tools"]).filter(isClientTool).map(decodeTool),
    ...(toolChoice === null ? {} : { toolChoice }),
    ...(parallel === true ? { parallelToolCalls: false } : {}),
    maxOutputTokens: parsed.max_tokens,
    ...(typeof parsed.temperature === "number" ? { temperature: parsed.temperature } : {}),
    ...(typeof parsed.top_p === "number" ? { topP: parsed.top_p } : {}),
    ...(typeof parsed.top_k === "number" ? { topK: parsed.top_k } : {}),
    ...(Array.isArray(parsed.stop_sequences) ? { stop: parsed.stop_sequences } : {}),
    ...(responseFormat === null ? {} : { responseFormat }),
    ...(reasoning === null ? {} : { reasoning }),
    ...(typeof endUser === "string" ? { endUser } : {}),
    other,
  };
}

/** A tool with a `type` other than custom runs at Anthropic; no other provider can. */
function isClientTool(tool: JsonObject): boolean {
  return tool["type"] === undefined || tool["type"] === "custom";
}

function decodeTool(tool: JsonObject): ToolDefinition {
  const { description, input_schema: parameters, strict } = tool;
  return {
    name: stringOf(tool["name"]),
    ...(typeof description === "string" ? { description } : {}),
    ...(isJsonObject(parameters) ? { parameters } : {}),
    ...(typeof strict === "boolean" ? { strict } : {}),
    ...cacheControlOf(tool),
  };
}

function decodeToolChoice(type: string | undefined, choice: JsonValue | undefined): ToolChoice | null {
  if (type === "auto" || type === "none") return { kind: type };
  if (type === "any") return { kind: "required" };
  return type === "tool" && isJsonObject(choice) ? { kind: "tool", name: stringOf(choice["name"]) } : null;
}

function decodeThinking(body: JsonObject): ReasoningRequest | null {
  const { thinking, output_config: output } = body;
  const effort = isJsonObject(output) && typeof output["effort"] === "string" ? { effort: output["effort"] } : {};
  if (!isJsonObject(thinking)) return Object.keys(effort).length === 0 ? null : effort;
  if (thinking["type"] === "disabled") return { enabled: false };
  const { budget_tokens: budgetTokens } = thinking;
  return { enabled: true, ...effort, ...(typeof budgetTokens === "number" ? { budgetTokens } : {}) };
}

/** `output_config.format`, and its older spelling `output_format`. */
function decodeOutputFormat(body: JsonObject): ResponseFormat | null {
  const output = body["output_config"];
  const format = (isJsonObject(output) ? output["format"] : undefined) ?? body["output_format"];
  if (!isJsonObject(format) || format["type"] !== "json_schema" || !isJsonObject(format["schema"])) return null;
  return { kind: "json-schema", name: "response", schema: format["schema"], strict: true };
}
