import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ReasoningRequest,
  ToolDefinition,
} from "../chat-request.ts";

type Body = Record<string, unknown>;

/** Gemini accepts five (ai.google.dev/api/generate-content, read 2026-11-23). */
const MAX_STOP_SEQUENCES = 5;
const BUDGET_OF_EFFORT: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 512,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** A chat request as a generateContent body. */
export function encodeGenerateContent(request: ChatRequest): {
  readonly body: Body;
  readonly ignored: readonly string[];
} {
  const system = request.messages.flatMap((message) => (message.role === "system" ? message.content : []));
  const body: Body = { contents: encodeContents(request.messages) };
  if (system.length > 0) body["systemInstruction"] = { parts: system.map(encodePart) };
  if (request.tools.length > 0) {
    body["tools"] = [{ functionDeclarations: request.tools.map(encodeTool) }];
    const mode = encodeToolChoice(request);
    if (mode !== null) body["toolConfig"] = { functionCallingConfig: mode };
  }
  const config = generationConfig(request);
  if (Object.keys(config).length > 0) body["generationConfig"] = config;
  const ignored = [...Object.keys(request.other)];
  if (request.endUser !== undefined) ignored.push("user");
  if (request.parallelToolCalls === false) ignored.push("parallel_tool_calls");
  if ((request.stop?.length ?? 0) > MAX_STOP_SEQUENCES) ignored.push("stop");
  return { body, ignored };
}

function generationConfig(request: ChatRequest): Body {
  const config: Body = {};
  const set = (name: string, value: unknown) => {
    if (value !== undefined) config[name] = value;
  };
  set("maxOutputTokens", request.maxOutputTokens);
  set("temperature", request.temperature);
  set("topP", request.topP);
  set("topK", request.topK);
  set("seed", request.seed);
  set("stopSequences", request.stop?.slice(0, MAX_STOP_SEQUENCES));
  set("candidateCount", request.choices);
  set("presencePenalty", request.presencePenalty);
  set("frequencyPenalty", request.frequencyPenalty);
  set("responseLogprobs", request.logprobs);
  set("logprobs", request.logprobs === true ? request.topLogprobs : undefined);
  const format = request.responseFormat;
  if (format?.kind === "json-object" || format?.kind === "json-schema") config["responseMimeType"] = "application/json";
  if (format?.kind === "json-schema") config["responseJsonSchema"] = format.schema;
  if (request.reasoning !== undefined) config["thinkingConfig"] = thinkingConfig(request.reasoning);
  return config;
}

function thinkingConfig(reasoning: ReasoningRequest): Body {
  if (reasoning.enabled === false) return { thinkingBudget: 0 };
  const budget = reasoning.budgetTokens ?? BUDGET_OF_EFFORT[reasoning.effort ?? ""];
  return { includeThoughts: budget !== 0, ...(budget === undefined ? {} : { thinkingBudget: budget }) };
}

function encodeTool(tool: ToolDefinition): Body {
  return {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    // Takes JSON Schema as it is, unlike `parameters`, which is Google's own subset.
    ...(tool.parameters === undefined ? {} : { parametersJsonSchema: tool.parameters }),
  };
}

function encodeToolChoice({ toolChoice }: ChatRequest): Body | null {
  switch (toolChoice?.kind) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [toolChoice.name] };
    case undefined:
      return null;
  }
}

/** Neighbours of one role are merged; a tool's result names the function that its call named. */
function encodeContents(messages: readonly ChatMessage[]): readonly Body[] {
  const turns: { role: "user" | "model"; parts: Body[] }[] = [];
  const names = new Map<string, string>();
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "model" : "user";
    const parts = encodeMessage(message, names);
    if (parts.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else turns.push({ role, parts: [...parts] });
  }
  return turns;
}

function encodeMessage(message: Exclude<ChatMessage, { role: "system" }>, names: Map<string, string>): readonly Body[] {
  switch (message.role) {
    case "user":
      return message.content.map(encodePart);
    case "tool": {
      const name = names.get(message.toolCallId) ?? message.toolCallId;
      const media = message.content.filter((part) => part.kind !== "text").map(encodePart);
      return [{ functionResponse: { id: message.toolCallId, name, response: responseOf(message) } }, ...media];
    }
    case "assistant":
      for (const part of message.content) if (part.kind === "tool-call") names.set(part.id, part.name);
      return message.content.flatMap(encodeAssistantPart);
  }
}

/** Gemini wants an object: a JSON object is given as it is, anything else under the key its documentation uses. */
function responseOf(message: ChatMessage & { readonly role: "tool" }): unknown {
  const text = message.content.map((part) => (part.kind === "text" ? part.text : "")).join("");
  const parsed = parseObject(text);
  if (message.isError) return { error: parsed ?? text };
  return parsed ?? { result: text };
}

function parseObject(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function encodePart(part: ContentPart): Body {
  switch (part.kind) {
    case "text":
      return { text: part.text };
    case "image":
      return encodeMedia(part.source, "image/*");
    case "file":
      return encodeMedia(part.source, "application/pdf");
    case "audio":
      return { inlineData: { mimeType: `audio/${part.format}`, data: part.data } };
  }
}

function encodeMedia(source: MediaSource, mimeType: string): Body {
  return source.kind === "url"
    ? { fileData: { fileUri: source.url, mimeType } }
    : { inlineData: { mimeType: source.mediaType, data: source.data } };
}

function encodeAssistantPart(part: AssistantPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text === "" ? [] : [{ text: part.text }];
    case "refusal":
      return [{ text: part.text }];
    case "reasoning":
      // Only Gemini's own thoughts are of use to it, and those it knows by their signature.
      return part.signature === undefined ? [] : [{ text: part.text, thought: true, thoughtSignature: part.signature }];
    case "tool-call": {
      const signature = part.signature === undefined ? {} : { thoughtSignature: part.signature };
      return [
        { functionCall: { id: part.id, name: part.name, args: parseObject(part.argumentsJson) ?? {} }, ...signature },
      ];
    }
  }
}
