import type { ChatMessage, ChatRequest, ToolDefinition } from "../chat-request.ts";
import type { BedrockModel } from "./bedrock-model.ts";
import { type Body, cachePoint } from "./encode-messages.ts";

interface EncodedTools {
  /** Null where no tool is offered. */
  readonly config: Body | null;
  readonly ignored: readonly string[];
}

/**
 * The tools, and what is said of their choice. Bedrock has no word for "call none", and refuses a history with calls in it
 * where no tools are declared.
 */
export function encodeToolConfig(request: ChatRequest, model: BedrockModel): EncodedTools {
  const called = calledTools(request.messages);
  const none = request.toolChoice?.kind === "none";
  const offered = none && called.length === 0 ? [] : request.tools;
  const declared = offered.length > 0 ? offered : called.map((name): ToolDefinition => ({ name }));
  if (declared.length === 0) return { config: null, ignored: [] };
  const choice = toolChoice(request, model);
  const ignored = (none && offered.length > 0) || (choice === null && forces(request)) ? ["tool_choice"] : [];
  const tools = declared.flatMap((tool) => [encodeTool(tool), ...cachePoint(tool, model.caches)]);
  return { config: { tools, ...(choice === null ? {} : { toolChoice: choice }) }, ignored };
}

function calledTools(messages: readonly ChatMessage[]): readonly string[] {
  const names = messages.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => (part.kind === "tool-call" ? [part.name] : []))
      : [],
  );
  return [...new Set(names)];
}

function forces({ toolChoice: choice }: ChatRequest): boolean {
  return choice?.kind === "required" || choice?.kind === "tool";
}

function toolChoice({ toolChoice: choice }: ChatRequest, { forcesTools }: BedrockModel): Body | null {
  if (choice?.kind === "auto") return { auto: {} };
  if (!forcesTools) return null;
  if (choice?.kind === "required") return { any: {} };
  return choice?.kind === "tool" ? { tool: { name: choice.name } } : null;
}

/** A description may be absent but not empty. */
function encodeTool({ name, description, parameters }: ToolDefinition): Body {
  const described = (description ?? "") === "" ? {} : { description };
  return { toolSpec: { name, ...described, inputSchema: { json: parameters ?? { type: "object", properties: {} } } } };
}
