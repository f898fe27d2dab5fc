import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ReasoningPart,
  ReasoningRequest,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
} from "../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { ChatCompletionRequest } from "./chat-schema.ts";

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
  const other: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(body)) {
    if (!UNDERSTOOD.has(name) && value !== undefined && value !== null) other[name] = value;
  }
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

function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function stringOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function decodeMessage(message: JsonObject): ChatMessage {
  switch (message["role"]) {
    case "system":
    case "developer":
      return { role: "system", content: decodeContent(message["content"]) };
    case "assistant":
      return { role: "assistant", content: decodeAssistant(message) };
    case "tool":
    case "function":
      return {
        role: "tool",
        toolCallId: stringOf(message["tool_call_id"] ?? message["name"]),
        content: decodeContent(message["content"]),
        isError: false,
      };
    default: {
      const name = message["name"];
      const content = decodeContent(message["content"]);
      return typeof name === "string" ? { role: "user", content, name } : { role: "user", content };
    }
  }
}

function decodeContent(content: JsonValue | undefined): readonly ContentPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objectsOf(content).flatMap(decodePart);
}

function decodePart(part: JsonObject): readonly ContentPart[] {
  const cacheControl = isJsonObject(part["cache_control"]) ? { cacheControl: part["cache_control"] } : {};
  const inner = part[String(part["type"])];
  switch (part["type"]) {
    case "text":
      return [{ kind: "text", text: stringOf(part["text"]), ...cacheControl }];
    case "image_url": {
      const url = isJsonObject(inner) ? stringOf(inner["url"]) : stringOf(inner);
      const detail = isJsonObject(inner) && typeof inner["detail"] === "string" ? { detail: inner["detail"] } : {};
      return [{ kind: "image", source: mediaSource(url), ...detail, ...cacheControl }];
    }
    case "file": {
      if (!isJsonObject(inner)) return [];
      const name = typeof inner["filename"] === "string" ? { name: inner["filename"] } : {};
      return [{ kind: "file", source: mediaSource(stringOf(inner["file_data"])), ...name, ...cacheControl }];
    }
    case "input_audio":
      if (!isJsonObject(inner)) return [];
      return [{ kind: "audio", data: stringOf(inner["data"]), format: stringOf(inner["format"]), ...cacheControl }];
    default:
      return [];
  }
}

/** A `data:` URL is taken apart; any other URL is for the provider to fetch, never for us (K3). */
function mediaSource(url: string): MediaSource {
  if (!url.startsWith("data:")) return { kind: "url", url };
  const comma = url.indexOf(",");
  const mediaType = url.slice("data:".length, comma).split(";")[0] ?? "";
  return { kind: "base64", mediaType, data: url.slice(comma + 1) };
}

function decodeAssistant(message: JsonObject): readonly AssistantPart[] {
  const parts: AssistantPart[] = [...decodeReasoningParts(message)];
  for (const part of decodeContent(message["content"])) if (part.kind === "text") parts.push(part);
  const refusal = message["refusal"];
  if (typeof refusal === "string" && refusal !== "") parts.push({ kind: "refusal", text: refusal });
  for (const call of objectsOf(message["tool_calls"])) {
    const called = call["function"];
    if (!isJsonObject(called)) continue;
    parts.push({
      kind: "tool-call",
      id: stringOf(call["id"]),
      name: stringOf(called["name"]),
      argumentsJson: stringOf(called["arguments"]),
      ...signatureOfCall(call),
    });
  }
  return parts;
}

/** Gemini's thought signature travels in `extra_content.google`, as Google's own OpenAI-compatible endpoint has it. */
function signatureOfCall(call: JsonObject): { signature?: string } {
  const google = isJsonObject(call["extra_content"]) ? call["extra_content"]["google"] : undefined;
  const signature = isJsonObject(google) ? google["thought_signature"] : undefined;
  return typeof signature === "string" ? { signature } : {};
}

/** `reasoning_details` (OpenRouter) carries signatures; without it `reasoning` or `reasoning_content` is plain text. */
function decodeReasoningParts(message: JsonObject): readonly ReasoningPart[] {
  const details = objectsOf(message["reasoning_details"]);
  if (details.length === 0) {
    const text = stringOf(message["reasoning"] ?? message["reasoning_content"]);
    return text === "" ? [] : [{ kind: "reasoning", text }];
  }
  return details.map((detail): ReasoningPart => {
    if (detail["type"] === "reasoning.encrypted") {
      return { kind: "reasoning", text: "", redacted: stringOf(detail["data"]) };
    }
    const text = stringOf(detail["text"] ?? detail["summary"]);
    const signature = detail["signature"];
    return typeof signature === "string" ? { kind: "reasoning", text, signature } : { kind: "reasoning", text };
  });
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
