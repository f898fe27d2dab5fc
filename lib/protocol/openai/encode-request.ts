import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ResponseFormat,
  ToolDefinition,
} from "../chat-request.ts";
import type { JsonValue } from "../json.ts";
import { extraContent } from "./encode-stream.ts";

type Body = Record<string, unknown>;

/** A chat request as an OpenAI body. `ignored` names what of it OpenAI's format cannot carry. */
export function encodeChatRequest(
  request: ChatRequest,
  model: string,
  stream: boolean,
): { readonly body: Body; readonly ignored: readonly string[] } {
  const { maxOutputTokens, reasoning } = request;
  const body: Body = { model, messages: request.messages.map(encodeMessage) };
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
  set(body, "user", request.endUser);
  if (request.tools.length > 0) {
    body["tools"] = request.tools.map(encodeTool);
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

function encodeTool(tool: ToolDefinition): Body {
  const definition: Body = { name: tool.name };
  set(definition, "description", tool.description);
  set(definition, "parameters", tool.parameters);
  set(definition, "strict", tool.strict);
  return { type: "function", function: definition };
}

function encodeMessage(message: ChatMessage): Body {
  switch (message.role) {
    case "system":
      return { role: "system", content: encodeContent(message.content) };
    case "user":
      return {
        role: "user",
        content: encodeContent(message.content),
        ...(message.name === undefined ? {} : { name: message.name }),
      };
    case "tool":
      return { role: "tool", tool_call_id: message.toolCallId, content: encodeContent(message.content) };
    case "assistant":
      return encodeAssistant(message.content);
  }
}

/** A single text stays a string, which every compatible server understands. */
function encodeContent(parts: readonly ContentPart[]): JsonValue {
  const texts = parts.every((part) => part.kind === "text");
  if (texts && parts.length <= 1) return parts[0]?.kind === "text" ? parts[0].text : "";
  return parts.map(encodePart);
}

function encodePart(part: ContentPart): { readonly [key: string]: JsonValue } {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return {
        type: "image_url",
        image_url: { url: urlOf(part.source), ...(part.detail === undefined ? {} : { detail: part.detail }) },
      };
    case "file":
      return {
        type: "file",
        file: { file_data: urlOf(part.source), ...(part.name === undefined ? {} : { filename: part.name }) },
      };
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
  }
}

function urlOf(source: MediaSource): string {
  return source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
}

function encodeAssistant(parts: readonly AssistantPart[]): Body {
  const text = parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("");
  const calls = parts.filter((part) => part.kind === "tool-call");
  const reasoning = parts.filter((part) => part.kind === "reasoning");
  const refusal = parts.find((part) => part.kind === "refusal");
  const message: Body = { role: "assistant", content: text === "" && calls.length > 0 ? null : text };
  if (refusal?.kind === "refusal") message["refusal"] = refusal.text;
  if (reasoning.length > 0) {
    message["reasoning_details"] = reasoning.map((part, index) =>
      part.redacted === undefined
        ? {
            type: "reasoning.text",
            text: part.text,
            index,
            ...(part.signature === undefined ? {} : { signature: part.signature }),
          }
        : { type: "reasoning.encrypted", data: part.redacted, index },
    );
  }
  if (calls.length > 0) {
    message["tool_calls"] = calls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.argumentsJson },
      ...extraContent(call.signature),
    }));
  }
  return message;
}
