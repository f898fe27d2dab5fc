import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ResponseFormat,
} from "../chat-request.ts";

type Body = Record<string, unknown>;

/** A chat request as a body of OpenAI's responses. Nothing of it is kept at the provider. */
export function encodeResponsesRequest(
  request: ChatRequest,
  model: string,
  stream: boolean,
): { readonly body: Body; readonly ignored: readonly string[] } {
  const body: Body = { model, input: request.messages.flatMap(encodeMessage), store: false };
  const set = (name: string, value: unknown) => {
    if (value !== undefined) body[name] = value;
  };
  set("stream", stream ? true : undefined);
  set("max_output_tokens", request.maxOutputTokens);
  set("temperature", request.temperature);
  set("top_p", request.topP);
  set("user", request.endUser);
  if (request.tools.length > 0) {
    body["tools"] = request.tools.map(({ name, description, parameters, strict }) => ({
      type: "function",
      name,
      ...(description === undefined ? {} : { description }),
      parameters: parameters ?? { type: "object", properties: {} },
      strict: strict ?? false,
    }));
    const { toolChoice } = request;
    set("tool_choice", toolChoice?.kind === "tool" ? { type: "function", name: toolChoice.name } : toolChoice?.kind);
    set("parallel_tool_calls", request.parallelToolCalls);
  }
  if (request.responseFormat !== undefined) body["text"] = { format: encodeFormat(request.responseFormat) };
  if (request.reasoning?.effort !== undefined)
    body["reasoning"] = { effort: request.reasoning.effort, summary: "auto" };
  const ignored = Object.keys(request.other);
  const unplaced: readonly (readonly [string, unknown])[] = [
    ["top_k", request.topK],
    ["frequency_penalty", request.frequencyPenalty],
    ["presence_penalty", request.presencePenalty],
    ["seed", request.seed],
    ["stop", request.stop],
    ["n", request.choices],
    ["logprobs", request.logprobs],
  ];
  for (const [name, value] of unplaced) if (value !== undefined) ignored.push(name);
  return { body, ignored };
}

function encodeFormat(format: ResponseFormat): Body {
  if (format.kind === "text") return { type: "text" };
  if (format.kind === "json-object") return { type: "json_object" };
  const { name, schema, description, strict } = format;
  return {
    type: "json_schema",
    name,
    schema,
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
  };
}

function encodeMessage(message: ChatMessage): readonly Body[] {
  switch (message.role) {
    case "system":
    case "user":
      return [{ role: message.role, content: message.content.map(encodePart) }];
    case "tool":
      return [{ type: "function_call_output", call_id: message.toolCallId, output: message.content.map(encodePart) }];
    case "assistant":
      return message.content.flatMap(encodeAssistantPart);
  }
}

/** Thoughts stay behind: OpenAI takes none that it has not sealed itself. */
function encodeAssistantPart(part: AssistantPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return [{ role: "assistant", content: [{ type: "output_text", text: part.text }] }];
    case "refusal":
      return [{ role: "assistant", content: [{ type: "refusal", refusal: part.text }] }];
    case "tool-call":
      return [{ type: "function_call", call_id: part.id, name: part.name, arguments: part.argumentsJson }];
    case "reasoning":
      return [];
  }
}

function encodePart(part: ContentPart): Body {
  switch (part.kind) {
    case "text":
      return { type: "input_text", text: part.text };
    case "image":
      return { type: "input_image", image_url: urlOf(part.source), detail: part.detail ?? "auto" };
    case "file": {
      const name = part.name === undefined ? {} : { filename: part.name };
      return part.source.kind === "url"
        ? { type: "input_file", file_url: part.source.url, ...name }
        : { type: "input_file", file_data: urlOf(part.source), filename: "file", ...name };
    }
    case "audio":
      return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
  }
}

function urlOf(source: MediaSource): string {
  return source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
}
