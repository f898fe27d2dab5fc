import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer, AnsweredChoice } from "./answer.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { signatureOf } from "./read-anthropic.ts";
import { fragments, idOf, type ReplyContext, type StreamEvent, type WireReply } from "./stream-event.ts";

const ARGUMENT_FRAGMENT_CHARACTERS = 7;

/** An answer as Anthropic's messages write it. */
export function writeAnthropic(prompt: Prompt, answer: Answer, context: ReplyContext): WireReply {
  const choice = answer.choices[0];
  if (choice === undefined) throw new Error("An Anthropic answer has one choice.");
  const blocks = blocksOf(answer, choice, context);
  const usage = usageOf(answer, context);
  const stop = {
    stop_reason: stopReasonOf(choice),
    stop_sequence: choice.stopSequence,
    stop_details: choice.refusal ? { type: "refusal", category: null, explanation: null } : null,
  };
  const head = { model: prompt.model, id: idOf("msg_", context.sequence, 24), type: "message", role: "assistant" };
  const final = usage === null ? {} : { usage };
  return {
    whole: JSON.stringify({ ...head, content: blocks.map(({ block }) => block), ...stop, ...final }),
    events: streamOf(head, blocks, stop, usage, context),
    headers: { "request-id": idOf("req_", context.sequence, 24), "anthropic-organization-id": "org-simulated" },
  };
}

interface WrittenBlock {
  readonly block: JsonObject;
  readonly opening: JsonObject;
  readonly deltas: readonly JsonObject[];
}

function blocksOf(answer: Answer, choice: AnsweredChoice, context: ReplyContext): readonly WrittenBlock[] {
  const blocks: WrittenBlock[] = [];
  if (answer.reasoning !== null) blocks.push(thinkingBlock(answer.reasoning));
  if (choice.text !== "") blocks.push(textBlock(choice.text));
  choice.toolCalls.forEach((call, position) => {
    const id = idOf("toolu_", context.sequence * 10 + position, 24);
    blocks.push(toolBlock(id, call.name, call.arguments));
  });
  return blocks;
}

function thinkingBlock(thinking: string): WrittenBlock {
  const signature = signatureOf(thinking);
  return {
    block: { type: "thinking", thinking, signature },
    opening: { type: "thinking", thinking: "", signature: "" },
    deltas: [
      ...tokensOf(thinking).map((token) => ({ type: "thinking_delta", thinking: token })),
      { type: "signature_delta", signature },
    ],
  };
}

function textBlock(text: string): WrittenBlock {
  return {
    block: { type: "text", text },
    opening: { type: "text", text: "" },
    deltas: tokensOf(text).map((token) => ({ type: "text_delta", text: token })),
  };
}

function toolBlock(id: string, name: string, input: JsonObject): WrittenBlock {
  const pieces = Object.keys(input).length === 0 ? [] : fragments(JSON.stringify(input), ARGUMENT_FRAGMENT_CHARACTERS);
  const head = { type: "tool_use", id, name };
  return {
    block: { ...head, input, caller: { type: "direct" } },
    opening: { ...head, input: {}, caller: { type: "direct" } },
    // An empty fragment comes first, and alone where there is no argument.
    deltas: ["", ...pieces].map((piece) => ({ type: "input_json_delta", partial_json: piece })),
  };
}

function streamOf(
  head: JsonObject,
  blocks: readonly WrittenBlock[],
  stop: JsonObject,
  usage: JsonObject | null,
  context: ReplyContext,
): readonly StreamEvent[] {
  const early = context.usage.kind === "early";
  const started = usage === null ? {} : { usage: early ? usage : { ...usage, output_tokens: 1 } };
  const nothingYet = { content: [], stop_reason: null, stop_sequence: null, stop_details: null };
  // The counts of the end are cumulative and repeat the input's, without the breakdown by lifetime.
  const counts = Object.entries(usage ?? {}).filter(
    ([name]) => !/^(?:cache_creation|service_tier|inference_geo)$/.test(name),
  );
  const final = usage === null || early ? {} : { usage: Object.fromEntries(counts) };
  const end = event("finish", "message_delta", { delta: stop, ...final });
  return [
    event("open", "message_start", { message: { ...head, ...nothingYet, ...started } }),
    ...blocks.flatMap((written, index) => blockEvents(written, index)).toSpliced(1, 0, PING),
    ...(context.usage.kind === "twice" ? [end, end] : [end]),
    event("done", "message_stop", {}),
  ];
}

/** Written with a space, unlike the other events. */
const PING: StreamEvent = { kind: "ping", name: "ping", data: '{"type": "ping"}' };

function blockEvents(written: WrittenBlock, index: number): readonly StreamEvent[] {
  return [
    event("open", "content_block_start", { index, content_block: written.opening }),
    ...written.deltas.map((delta) => event("content", "content_block_delta", { index, delta })),
    event("open", "content_block_stop", { index }),
  ];
}

function event(kind: StreamEvent["kind"], name: string, fields: JsonObject): StreamEvent {
  return { kind, name, data: JSON.stringify({ type: name, ...fields }) };
}

function stopReasonOf(choice: AnsweredChoice): string {
  const reasons = {
    stop: "end_turn",
    length: "max_tokens",
    tool_calls: "tool_use",
    refusal: "refusal",
    stop_sequence: "stop_sequence",
  } as const;
  return reasons[choice.finish];
}

function usageOf(answer: Answer, { usage }: ReplyContext): JsonObject | null {
  if (usage.kind === "none") return null;
  const { promptTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = answer.usage;
  const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
  return {
    input_tokens: count(promptTokens - cachedTokens - cacheWriteTokens),
    cache_creation_input_tokens: count(cacheWriteTokens),
    cache_read_input_tokens: count(cachedTokens),
    cache_creation: { ephemeral_5m_input_tokens: count(cacheWriteTokens), ephemeral_1h_input_tokens: 0 },
    output_tokens: count(outputTokens + reasoningTokens),
    output_tokens_details: { thinking_tokens: count(reasoningTokens) },
    service_tier: "standard",
    inference_geo: "global",
  };
}
