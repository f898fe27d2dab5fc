import { openAiErrorBody } from "../../errors/error-bodies.ts";
import type { ChatEvent } from "../chat-event.ts";
import type { ReplyContext, StreamEncoder } from "../client-format.ts";
import type { JsonValue } from "../json.ts";
import { usageJson } from "./usage-json.ts";

/** The end marker of a chat completion stream (CM-10.1.6). */
const DONE = "data: [DONE]\n\n";

type Delta = Readonly<Record<string, JsonValue>>;

/**
 * Events as chat completion chunks: a role first, one finish per choice, usage on request, then `[DONE]`. An error is a
 * chunk that ends the choice and carries it, as OpenRouter's clients read it, and once more alone, as OpenAI sends it:
 * a client with a strict schema (@ai-sdk/openai 4.0.118) sees no `error` beside `choices`, and would take the cut for an end.
 */
export function createChatStreamEncoder(context: ReplyContext): StreamEncoder {
  const { model, createdSeconds } = context;
  let id = `chatcmpl-${context.generationId}`;
  const begun = new Set<number>();
  const finished = new Set<number>();
  const reasoningBlock = new Map<number, number>();

  /** Everything of a chunk up to its choices; the same for a whole stream. */
  const open = () =>
    `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${createdSeconds},"model":${JSON.stringify(model)}`;

  function chunk(choice: number, delta: Delta, finish: string | null = null, more: Delta = {}): string {
    let first = "";
    if (!begun.has(choice)) {
      begun.add(choice);
      first = chunk(choice, { role: "assistant", content: "" });
    }
    const body = { index: choice, delta, ...more, finish_reason: finish };
    return `${first}${open()},"choices":[${JSON.stringify(body)}]}\n\n`;
  }

  /** Reasoning in the three spellings that clients read: OpenRouter's two and DeepSeek's. */
  function reasoning(choice: number, text: string): string {
    const index = reasoningBlock.get(choice) ?? 0;
    const details = [{ type: "reasoning.text", text, index }];
    return chunk(choice, { reasoning: text, reasoning_content: text, reasoning_details: details });
  }

  function nextBlock(choice: number): number {
    const index = reasoningBlock.get(choice) ?? 0;
    reasoningBlock.set(choice, index + 1);
    return index;
  }

  return {
    push(event: ChatEvent): string {
      switch (event.kind) {
        case "start":
          if (event.id !== null) id = chatCompletionId(event.id);
          return "";
        case "text":
          return chunk(
            event.choice,
            { content: event.text },
            null,
            event.logprobs === undefined ? {} : { logprobs: event.logprobs },
          );
        case "refusal":
          return chunk(event.choice, { refusal: event.text });
        case "reasoning":
          return event.text === "" ? "" : reasoning(event.choice, event.text);
        case "reasoning-signature": {
          const details = [{ type: "reasoning.text", signature: event.signature, index: nextBlock(event.choice) }];
          return chunk(event.choice, { reasoning_details: details });
        }
        case "reasoning-redacted": {
          const details = [{ type: "reasoning.encrypted", data: event.data, index: nextBlock(event.choice) }];
          return chunk(event.choice, { reasoning_details: details });
        }
        case "tool-start": {
          const called = { name: event.name, arguments: "" };
          const call = {
            index: event.tool,
            id: event.id,
            type: "function",
            function: called,
            ...extraContent(event.signature),
          };
          return chunk(event.choice, { tool_calls: [call] });
        }
        case "tool-arguments":
          if (event.json === "") return "";
          return chunk(event.choice, { tool_calls: [{ index: event.tool, function: { arguments: event.json } }] });
        case "citation":
          return chunk(event.choice, { annotations: [event.citation] });
        case "finish":
          // Some providers say it again with their usage.
          if (finished.has(event.choice)) return "";
          finished.add(event.choice);
          return chunk(event.choice, {}, finishReason(event.reason), nativeReason(event.nativeReason));
        case "opaque":
        case "usage":
        case "end":
        case "error":
          return "";
      }
    },
    finish(usage) {
      if (!context.includeUsage) return DONE;
      return `${open()},"choices":[],"usage":${usageJson(usage, context.costOf(usage))}}\n\n${DONE}`;
    },
    fail(error, requestId) {
      const { error: body } = openAiErrorBody(error, requestId);
      const choice = { index: 0, delta: { content: "" }, finish_reason: "error" };
      const told = JSON.stringify(body);
      return `${open()},"choices":[${JSON.stringify(choice)}],"error":${told}}\n\ndata: {"error":${told}}\n\n${DONE}`;
    },
  };
}

/** A translated reply's id in OpenAI's form (CM-10.1.3), the provider's own kept within it. */
export function chatCompletionId(id: string): string {
  return id.startsWith("chatcmpl-") ? id : `chatcmpl-${id}`;
}

export function extraContent(signature: string | undefined): Delta {
  return signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } };
}

export function finishReason(reason: (ChatEvent & { kind: "finish" })["reason"]): string {
  return reason === "pause" ? "stop" : reason;
}

export function nativeReason(reason: string | null): Delta {
  return reason === null ? {} : { native_finish_reason: reason };
}
