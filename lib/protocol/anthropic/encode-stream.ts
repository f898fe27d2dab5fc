import { anthropicErrorBody } from "../../errors/error-bodies.ts";
import type { ChatEvent } from "../chat-event.ts";
import type { ReplyContext, StreamEncoder } from "../client-format.ts";
import type { JsonValue } from "../json.ts";
import type { Usage } from "../usage.ts";
import { stopReason } from "./stop-reason.ts";
import { anthropicUsageJson } from "./usage-json.ts";

type Body = Readonly<Record<string, JsonValue>>;
type OpenBlock = "text" | "thinking" | "tool_use" | null;
interface PendingTool {
  readonly start: ChatEvent & { readonly kind: "tool-start" };
  /** Its arguments so far. */
  json: string;
  /** Its block is open or closed: fragments go out as they come, or there is nothing left to say. */
  state: "waiting" | "open" | "closed";
}
type ContentEvent = ChatEvent & {
  readonly kind: "text" | "refusal" | "reasoning" | "reasoning-signature" | "reasoning-redacted" | "citation";
};

/**
 * Events as an Anthropic message stream. Blocks are opened and closed one after the other, with indices of our own:
 * providers interleave the fragments of parallel tool calls, and sometimes text with them; Anthropic's clients do not
 * accept that, so a call waits until the one before it is over, and text until the calls have their arguments.
 */
export function createMessagesStreamEncoder(context: ReplyContext): StreamEncoder {
  let id = `msg_${context.generationId}`;
  let started = false;
  let index = -1;
  let open: OpenBlock = null;
  let signed = false;
  let finish: (ChatEvent & { readonly kind: "finish" }) | null = null;
  const tools: PendingTool[] = [];
  /** What came before an unfinished call had all of its arguments: it follows after the calls. */
  const late: ContentEvent[] = [];

  function start(): string {
    if (started) return "";
    started = true;
    const usage = {
      input_tokens: context.estimatedInputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 1,
    };
    const message = {
      id, type: "message", role: "assistant", model: context.model, content: [], stop_reason: null, stop_sequence: null, usage,
    }; // biome-ignore format: one message
    return frame("message_start", { message });
  }

  function openBlock(kind: OpenBlock, block: Body): string {
    const before = start() + closeBlock();
    index += 1;
    open = kind;
    signed = false;
    return before + frame("content_block_start", { index, content_block: block });
  }

  function closeBlock(): string {
    if (open === null) return "";
    open = null;
    return frame("content_block_stop", { index });
  }

  const delta = (body: Body) => frame("content_block_delta", { index, delta: body });
  const ensure = (kind: OpenBlock, block: Body) => (open === kind ? "" : openBlock(kind, block));

  function openTool(tool: PendingTool): string {
    tool.state = "open";
    const { start: event, json } = tool;
    const signature = event.signature === undefined ? {} : { signature: event.signature };
    const block = { type: "tool_use", id: event.id, name: event.name, input: {}, ...signature };
    return openBlock("tool_use", block) + (json === "" ? "" : delta({ type: "input_json_delta", partial_json: json }));
  }

  /** Writes out, in order, every tool call that still waits; the stream is at its end or moves on to other content. */
  function flushTools(): string {
    let text = "";
    for (const tool of tools) {
      if (tool.state === "waiting") text += openTool(tool);
      tool.state = "closed";
    }
    return text;
  }

  function pushToolStart(event: ChatEvent & { readonly kind: "tool-start" }): string {
    const tool: PendingTool = { start: event, json: "", state: "waiting" };
    tools[event.tool] = tool;
    return tools.some(({ state }) => state === "open") ? "" : openTool(tool);
  }

  function pushArguments(event: ChatEvent & { readonly kind: "tool-arguments" }): string {
    const tool = tools[event.tool];
    if (tool === undefined || event.json === "") return "";
    tool.json += event.json;
    return tool.state === "open" ? delta({ type: "input_json_delta", partial_json: event.json }) : "";
  }

  function pushContent(event: ContentEvent): string {
    if (late.length === 0 && tools.every(({ state, json }) => state === "closed" || isJson(json))) return write(event);
    late.push(event);
    return "";
  }

  function write(event: ContentEvent): string {
    switch (event.kind) {
      case "text":
      case "refusal":
        if (event.text === "") return "";
        return (
          flushTools() + ensure("text", { type: "text", text: "" }) + delta({ type: "text_delta", text: event.text })
        );
      case "reasoning":
        if (event.text === "") return "";
        return flushTools() + thinking() + delta({ type: "thinking_delta", thinking: event.text });
      case "reasoning-signature": {
        const opened = flushTools() + thinking();
        signed = true;
        return opened + delta({ type: "signature_delta", signature: event.signature });
      }
      case "reasoning-redacted":
        return (
          flushTools() +
          openBlock(null, { type: "redacted_thinking", data: event.data }) +
          frame("content_block_stop", { index })
        );
      case "citation":
        return open === "text" ? delta({ type: "citations_delta", citation: event.citation }) : "";
    }
  }

  /** An open thinking block: a signature ends the one before. */
  function thinking(): string {
    const closed = open === "thinking" && signed ? closeBlock() : "";
    return closed + ensure("thinking", EMPTY_THINKING);
  }

  return {
    push(event: ChatEvent): string {
      if ("choice" in event && event.choice > 0) return "";
      switch (event.kind) {
        case "start":
          if (event.id !== null) id = event.id.startsWith("msg_") ? event.id : `msg_${event.id}`;
          return start();
        case "text":
        case "refusal":
        case "reasoning":
        case "reasoning-signature":
        case "reasoning-redacted":
        case "citation":
          return pushContent(event);
        case "tool-start":
          return pushToolStart(event);
        case "tool-arguments":
          return pushArguments(event);
        case "finish":
          finish = event;
          return "";
        case "opaque":
        case "usage":
        case "end":
        case "error":
          return "";
      }
    },
    finish(usage: Usage) {
      const reason = { stop_reason: stopReason(finish), stop_sequence: finish?.stopSequence ?? null };
      const usageText = anthropicUsageJson(usage, context.costOf(usage));
      const end = `event: message_delta\ndata: {"type":"message_delta","delta":${JSON.stringify(reason)},"usage":${usageText}}\n\n`;
      const rest = start() + flushTools() + late.map(write).join("") + closeBlock();
      return rest + end + frame("message_stop", {});
    },
    fail(error, requestId) {
      return `event: error\ndata: ${JSON.stringify(anthropicErrorBody(error, requestId))}\n\n`;
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const EMPTY_THINKING: Body = { type: "thinking", thinking: "", signature: "" };

function frame(type: string, body: Body): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
}
