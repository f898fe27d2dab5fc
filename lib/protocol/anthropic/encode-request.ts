import type {
  AssistantPart,
  ChatMessage,
  ChatRequest,
  ContentPart,
  MediaSource,
  ToolDefinition,
} from "../chat-request.ts";
import type { JsonObject } from "../json.ts";

type Body = Record<string, unknown>;

export interface EncodedMessages {
  readonly body: Body;
  readonly ignored: readonly string[];
}

/** A thinking budget at each of OpenAI's efforts, in tokens; none is below Anthropic's minimum of 1,024. */
const BUDGET_OF_EFFORT: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 4_096,
  medium: 12_288,
  high: 24_576,
  xhigh: 32_768,
  max: 65_536,
};
const MIN_BUDGET = 1_024;

/**
 * A chat request as an Anthropic body. Anthropic insists on a cap on the output: the client's, or the model's own.
 * JSON mode has no counterpart there: a request for any JSON object becomes an instruction in the system prompt, one
 * for a schema the native structured output.
 */
export function encodeMessagesRequest(
  request: ChatRequest,
  model: string,
  stream: boolean,
  modelMaxOutputTokens: number,
): EncodedMessages {
  const maxTokens = Math.min(request.maxOutputTokens ?? modelMaxOutputTokens, modelMaxOutputTokens);
  const budget = thinkingBudget(request, maxTokens);
  const forced = request.toolChoice?.kind === "required" || request.toolChoice?.kind === "tool";
  // Thinking and a forced tool exclude each other; the tool is what the client's code waits for.
  const thinks = budget !== null && !forced;
  const body: Body = { model, max_tokens: maxTokens, messages: encodeMessages(request.messages) };
  const system = encodeSystem(request);
  if (system.length > 0) body["system"] = system;
  if (stream) body["stream"] = true;
  if (thinks) body["thinking"] = { type: "enabled", budget_tokens: budget };
  // With thinking on, Anthropic takes no other sampling than its own.
  if (!thinks) {
    set(body, "temperature", request.temperature === undefined ? undefined : Math.min(1, request.temperature));
    set(body, "top_k", request.topK);
    if (request.temperature === undefined) set(body, "top_p", request.topP);
  }
  set(
    body,
    "stop_sequences",
    request.stop?.filter((sequence) => sequence.trim() !== ""),
  );
  set(body, "metadata", request.endUser === undefined ? undefined : { user_id: request.endUser });
  if (request.tools.length > 0) {
    body["tools"] = request.tools.map(encodeTool);
    set(body, "tool_choice", encodeToolChoice(request));
  }
  if (request.responseFormat?.kind === "json-schema") {
    body["output_config"] = { format: { type: "json_schema", schema: request.responseFormat.schema } };
  }
  return { body, ignored: ignoredBy(request, thinks) };
}

function set(body: Body, name: string, value: unknown): void {
  if (value !== undefined) body[name] = value;
}

function ignoredBy(request: ChatRequest, thinks: boolean): readonly string[] {
  const given: readonly (readonly [string, boolean])[] = [
    ["n", (request.choices ?? 1) > 1],
    ["seed", request.seed !== undefined],
    ["logprobs", request.logprobs === true],
    ["top_logprobs", request.topLogprobs !== undefined],
    ["frequency_penalty", (request.frequencyPenalty ?? 0) !== 0],
    ["presence_penalty", (request.presencePenalty ?? 0) !== 0],
    ["temperature", thinks && request.temperature !== undefined],
    ["top_p", request.topP !== undefined && (thinks || request.temperature !== undefined)],
  ];
  return [...given.flatMap(([name, isGiven]) => (isGiven ? [name] : [])), ...Object.keys(request.other)];
}

/** The budget must leave room for an answer below the cap; a cap too small for that means no thinking. */
function thinkingBudget(request: ChatRequest, maxTokens: number): number | null {
  const { reasoning } = request;
  if (reasoning === undefined || reasoning.enabled === false || reasoning.effort === "none") return null;
  const wanted =
    reasoning.budgetTokens ??
    BUDGET_OF_EFFORT[reasoning.effort ?? "medium"] ??
    BUDGET_OF_EFFORT["medium"] ??
    MIN_BUDGET;
  const budget = Math.min(wanted, maxTokens - MIN_BUDGET);
  return budget < MIN_BUDGET ? null : budget;
}

function encodeSystem(request: ChatRequest): readonly Body[] {
  const blocks = request.messages.flatMap((message) =>
    message.role === "system" ? message.content.map(encodePart) : [],
  );
  if (request.responseFormat?.kind === "json-object") {
    blocks.push({ type: "text", text: "Answer with one valid JSON object and nothing else: no prose, no code fence." });
  }
  return blocks;
}

/** Anthropic wants turns to alternate: neighbours of one role are merged, tool results first, in order. */
function encodeMessages(messages: readonly ChatMessage[]): readonly Body[] {
  const turns: { role: "user" | "assistant"; content: Body[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = message.role === "assistant" ? encodeAssistant(message.content) : encodeUser(message);
    if (content.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content: [...content] });
  }
  return turns;
}

function encodeUser(message: ChatMessage & { readonly role: "user" | "tool" }): readonly Body[] {
  const content = message.content.map(encodePart);
  if (message.role === "user") return content;
  return [
    {
      type: "tool_result",
      tool_use_id: toolId(message.toolCallId),
      ...(content.length === 0 ? {} : { content }),
      ...(message.isError ? { is_error: true } : {}),
    },
  ];
}

function cacheControl(part: { readonly cacheControl?: JsonObject }): Body {
  return part.cacheControl === undefined ? {} : { cache_control: part.cacheControl };
}

function encodePart(part: ContentPart): Body {
  switch (part.kind) {
    case "text":
      return { type: "text", text: part.text, ...cacheControl(part) };
    case "image":
      return { type: "image", source: encodeSource(part.source), ...cacheControl(part) };
    case "file": {
      const title = part.name === undefined ? {} : { title: part.name };
      return { type: "document", source: encodeSource(part.source), ...title, ...cacheControl(part) };
    }
    case "audio":
      return { type: "text", text: "[audio that this model cannot hear]" };
  }
}

function encodeSource(source: MediaSource): Body {
  return source.kind === "url"
    ? { type: "url", url: source.url }
    : { type: "base64", media_type: source.mediaType, data: source.data };
}

function encodeAssistant(parts: readonly AssistantPart[]): readonly Body[] {
  return parts.flatMap(encodeAssistantPart);
}

/** Thinking without a signature is another vendor's: Anthropic would refuse it, so it stays behind. */
function encodeAssistantPart(part: AssistantPart): readonly Body[] {
  switch (part.kind) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text, ...cacheControl(part) }];
    case "refusal":
      return [{ type: "text", text: part.text }];
    case "reasoning":
      if (part.redacted !== undefined) return [{ type: "redacted_thinking", data: part.redacted }];
      // Base64, as Anthropic's are; another vendor's carry a mark of their own ("google:").
      return part.signature === undefined || part.signature.includes(":")
        ? []
        : [{ type: "thinking", thinking: part.text, signature: part.signature }];
    case "tool-call":
      return [{ type: "tool_use", id: toolId(part.id), name: part.name, input: parseInput(part.argumentsJson) }];
  }
}

/** Anthropic accepts letters, digits, `_` and `-` in a tool call's id; the same id always becomes the same. */
function toolId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_");
}

function parseInput(json: string): unknown {
  try {
    return json === "" ? {} : JSON.parse(json);
  } catch {
    return { arguments: json };
  }
}

function encodeTool(tool: ToolDefinition): Body {
  const body: Body = { name: tool.name, input_schema: tool.parameters ?? { type: "object", properties: {} } };
  set(body, "description", tool.description);
  return { ...body, ...cacheControl(tool) };
}

function encodeToolChoice(request: ChatRequest): Body | undefined {
  const { toolChoice, parallelToolCalls } = request;
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  switch (toolChoice?.kind) {
    case "none":
      return { type: "none" };
    case "required":
      return { type: "any", ...single };
    case "tool":
      return { type: "tool", name: toolChoice.name, ...single };
    case "auto":
    case undefined:
      return toolChoice === undefined && parallelToolCalls !== false ? undefined : { type: "auto", ...single };
  }
}
