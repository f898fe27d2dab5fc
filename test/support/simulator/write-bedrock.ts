import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer, AnsweredChoice } from "./answer.ts";
import { tokensOf } from "./prompt.ts";
import { signatureOf } from "./read-anthropic.ts";
import { fragments, idOf, type ReplyContext, type StreamEvent, type WireReply } from "./stream-event.ts";

const ARGUMENT_FRAGMENT_CHARACTERS = 7;

/** An answer as Converse and ConverseStream write it: API_runtime_Converse.html, API_runtime_ConverseStream.html. */
export function writeBedrock(answer: Answer, context: ReplyContext): WireReply {
  const choice = answer.choices[0];
  if (choice === undefined) throw new Error("An answer of Bedrock's has one choice.");
  const blocks = blocksOf(answer, choice, context);
  const usage = usageOf(answer, context);
  const stop = {
    stopReason: stopReasonOf(choice),
    ...(choice.stopSequence === null ? {} : { additionalModelResponseFields: { stop_sequence: choice.stopSequence } }),
  };
  const counted = usage === null ? {} : { usage };
  const metrics = { latencyMs: 551 };
  const content = blocks.map(({ block }) => block);
  return {
    whole: JSON.stringify({ metrics, output: { message: { content, role: "assistant" } }, ...stop, ...counted }),
    events: [
      event("open", "messageStart", { role: "assistant" }),
      ...blocks.flatMap((written, index) => blockEvents(written, index)),
      event("finish", "messageStop", stop),
      ...(context.usage.kind === "twice" ? [event("usage", "metadata", { metrics, ...counted })] : []),
      event("done", "metadata", { metrics, ...counted }),
    ],
    headers: { "x-amzn-requestid": idOf("", context.sequence, 36) },
  };
}

interface WrittenBlock {
  readonly block: JsonObject;
  /** A text and a thought have no opening event. */
  readonly opening: JsonObject | null;
  readonly deltas: readonly JsonObject[];
}

function blocksOf(answer: Answer, choice: AnsweredChoice, context: ReplyContext): readonly WrittenBlock[] {
  const blocks: WrittenBlock[] = [];
  if (answer.reasoning !== null) {
    const signature = signatureOf(answer.reasoning);
    const deltas = [...tokensOf(answer.reasoning).map((text) => ({ text })), { signature }];
    blocks.push({
      block: { reasoningContent: { reasoningText: { signature, text: answer.reasoning } } },
      opening: null,
      deltas: deltas.map((reasoningContent) => ({ reasoningContent })),
    });
  }
  if (choice.text !== "") {
    blocks.push({
      block: { text: choice.text },
      opening: null,
      deltas: tokensOf(choice.text).map((text) => ({ text })),
    });
  }
  choice.toolCalls.forEach(({ name, arguments: input }, position) => {
    const toolUseId = idOf("tooluse_", context.sequence * 10 + position, 22);
    const pieces =
      Object.keys(input).length === 0 ? [] : fragments(JSON.stringify(input), ARGUMENT_FRAGMENT_CHARACTERS);
    blocks.push({
      block: { toolUse: { input, name, toolUseId } },
      opening: { toolUse: { name, toolUseId } },
      deltas: pieces.map((piece) => ({ toolUse: { input: piece } })),
    });
  });
  return blocks;
}

function blockEvents({ opening, deltas }: WrittenBlock, contentBlockIndex: number): readonly StreamEvent[] {
  const start = opening === null ? [] : [event("open", "contentBlockStart", { contentBlockIndex, start: opening })];
  return [
    ...start,
    ...deltas.map((delta) => event("content", "contentBlockDelta", { contentBlockIndex, delta })),
    event("open", "contentBlockStop", { contentBlockIndex }),
  ];
}

/** Bedrock pads its events to hide their length. */
function event(kind: StreamEvent["kind"], name: string, fields: JsonObject): StreamEvent {
  return { kind, name, data: JSON.stringify({ ...fields, p: "abcdefghij" }) };
}

function stopReasonOf({ finish }: AnsweredChoice): string {
  const reasons = {
    stop: "end_turn",
    length: "max_tokens",
    tool_calls: "tool_use",
    refusal: "content_filtered",
    stop_sequence: "stop_sequence",
  } as const;
  return reasons[finish];
}

function usageOf(answer: Answer, { usage }: ReplyContext): JsonObject | null {
  if (usage.kind === "none") return null;
  const { promptTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = answer.usage;
  const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
  const output = outputTokens + reasoningTokens;
  return {
    cacheReadInputTokens: count(cachedTokens),
    cacheWriteInputTokens: count(cacheWriteTokens),
    inputTokens: count(promptTokens - cachedTokens - cacheWriteTokens),
    outputTokens: count(output),
    totalTokens: count(promptTokens + output),
  };
}
