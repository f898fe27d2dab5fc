import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ReasoningRequest,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
} from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
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
  const other: Record<string, JsonValue> = {};
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

function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function stringOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function decodeSystem(system: JsonValue | undefined): readonly ChatMessage[] {
  const content = decodeContent(system);
  return content.length === 0 ? [] : [{ role: "system", content }];
}

/** A user message may hold tool results beside its own content: those are messages of their own elsewhere. */
function decodeMessage(message: JsonObject): readonly ChatMessage[] {
  const { role, content } = message;
  if (role === "system") return decodeSystem(content);
  if (role === "assistant") return [{ role: "assistant", content: decodeAssistant(content) }];
  const results = objectsOf(content).filter((block) => block["type"] === "tool_result");
  const messages = results.map(
    (block): ChatMessage => ({
      role: "tool",
      toolCallId: stringOf(block["tool_use_id"]),
      content: decodeContent(block["content"]),
      isError: block["is_error"] === true,
    }),
  );
  const rest = decodeContent(content);
  return rest.length === 0 && messages.length > 0 ? messages : [...messages, { role: "user", content: rest }];
}

function decodeContent(content: JsonValue | undefined): readonly ContentPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodeBlock);
}

function cacheControlOf(block: JsonObject): { cacheControl?: JsonObject } {
  return isJsonObject(block["cache_control"]) ? { cacheControl: block["cache_control"] } : {};
}

function decodeBlock(block: JsonObject): readonly ContentPart[] {
  switch (block["type"]) {
    case "text":
      return [{ kind: "text", text: stringOf(block["text"]), ...cacheControlOf(block) }];
    case "image": {
      const source = mediaSource(block["source"]);
      return source === null ? [] : [{ kind: "image", source, ...cacheControlOf(block) }];
    }
    case "document": {
      const { source: from, title } = block;
      if (isJsonObject(from) && from["type"] === "text") return [{ kind: "text", text: stringOf(from["data"]) }];
      const source = mediaSource(from);
      const name = typeof title === "string" ? { name: title } : {};
      return source === null ? [] : [{ kind: "file", source, ...name, ...cacheControlOf(block) }];
    }
    default:
      return [];
  }
}

function mediaSource(source: JsonValue | undefined): MediaSource | null {
  if (!isJsonObject(source)) return null;
  if (source["type"] === "url") return { kind: "url", url: stringOf(source["url"]) };
  if (source["type"] !== "base64") return null;
  return { kind: "base64", mediaType: stringOf(source["media_type"]), data: stringOf(source["data"]) };
}

function decodeAssistant(content: JsonValue | undefined): readonly AssistantPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap((block): readonly AssistantPart[] => {
    switch (block["type"]) {
      case "text":
        return [{ kind: "text", text: stringOf(block["text"]), ...cacheControlOf(block) }];
      case "thinking": {
        const { signature } = block;
        const text = stringOf(block["thinking"]);
        return [{ kind: "reasoning", text, ...(typeof signature === "string" ? { signature } : {}) }];
      }
      case "redacted_thinking":
        return [{ kind: "reasoning", text: "", redacted: stringOf(block["data"]) }];
      case "tool_use":
        return [
          {
            kind: "tool-call",
            id: stringOf(block["id"]),
            name: stringOf(block["name"]),
            argumentsJson: JSON.stringify(block["input"] ?? {}),
            ...(typeof block["signature"] === "string" ? { signature: block["signature"] } : {}),
          },
        ];
      default:
        return [];
    }
  });
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
