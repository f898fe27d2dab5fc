import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../lib/protocol/json.ts";

/** Wires whose streams are written here. */
export type AnsweredWire = "openai" | "anthropic" | "gemini";

/** An answer freed of its wire, with the cuts in which it is streamed. */
export interface SaidAnswer {
  /** Pieces of a thought, and its signature; empty: none. */
  readonly thoughts: readonly string[];
  readonly texts: readonly string[];
  readonly calls: readonly SaidCall[];
  readonly finish: "stop" | "length" | "content_filter";
  /** Null: the provider reports nothing. */
  readonly usage: SaidUsage | null;
}

interface SaidCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
  /** Where its arguments' text is cut in a stream. */
  readonly cuts: readonly number[];
}

interface SaidUsage {
  readonly input: number;
  readonly cacheRead: number;
  readonly output: number;
  readonly reasoning: number;
}

const SIGNATURE = "c2lnbmF0dXJl";

/** As it is after a trip over the wire: -0 is 0 there, and a dictionary has an ordinary prototype. */
export function asJson<Value extends JsonValue>(value: unknown): Value {
  // What JSON.parse gives is JSON.
  return JSON.parse(JSON.stringify(value)) as Value;
}

const words = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const count = fc.nat({ max: 50_000 });
const call: fc.Arbitrary<SaidCall> = fc.record({
  id: fc.stringMatching(/^call_[a-zA-Z0-9_-]{8}$/),
  name: fc.stringMatching(/^[a-z_]{1,12}$/),
  args: fc
    .dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
    .map(asJson<JsonObject>),
  cuts: fc.array(fc.nat(), { maxLength: 3 }),
});

export const saidAnswer: fc.Arbitrary<SaidAnswer> = fc.record({
  thoughts: fc.array(words, { maxLength: 3 }),
  texts: fc.array(words, { maxLength: 4 }),
  calls: fc.uniqueArray(call, { maxLength: 3, selector: ({ id }) => id }),
  finish: fc.constantFrom("stop", "length", "content_filter"),
  usage: fc.option(fc.record({ input: count, cacheRead: count, output: count, reasoning: count }), { nil: null }),
});

/** What `calls` or none make of the reason that was given. */
export function finishOf({ calls, finish }: SaidAnswer): "stop" | "length" | "content_filter" | "tool_calls" {
  return calls.length > 0 && finish === "stop" ? "tool_calls" : finish;
}

function pieces(text: string, cuts: readonly number[]): readonly string[] {
  const places = [...new Set(cuts.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...places]
    .map((start, index) => text.slice(start, places[index] ?? text.length))
    .filter((piece) => piece !== "");
}

/** The answer as this wire streams it. */
export function writeStream(wire: AnsweredWire, answer: SaidAnswer): string {
  const writers = { openai: openAiStream, anthropic: anthropicStream, gemini: geminiStream };
  return writers[wire](answer);
}

/** The answer in one piece. */
export function writeWhole(wire: AnsweredWire, answer: SaidAnswer): JsonObject {
  const writers = { openai: openAiWhole, anthropic: anthropicWhole, gemini: geminiWhole };
  return asJson(writers[wire](answer));
}

const OPENAI_FINISH = { stop: "stop", length: "length", content_filter: "content_filter", tool_calls: "tool_calls" };
const ANTHROPIC_FINISH = { stop: "end_turn", length: "max_tokens", content_filter: "refusal", tool_calls: "tool_use" };
const GEMINI_FINISH = { stop: "STOP", length: "MAX_TOKENS", content_filter: "SAFETY", tool_calls: "STOP" };

function openAiUsage(usage: SaidUsage): object {
  const prompt = usage.input + usage.cacheRead;
  const completion = usage.output + usage.reasoning;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

function openAiStream(answer: SaidAnswer): string {
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const detail = (more: object) => chunk({ reasoning_details: [{ type: "reasoning.text", index: 0, ...more }] });
  const started = answer.calls.map(({ id, name }, index) =>
    chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
  );
  // Fragments of parallel calls take turns, as vLLM and others send them.
  const fragments = answer.calls.map(({ args, cuts }, index) =>
    pieces(JSON.stringify(args), cuts).map((json) => chunk({ tool_calls: [{ index, function: { arguments: json } }] })),
  );
  const turns = Array.from({ length: 8 }, (_, turn) => fragments.flatMap((own) => own.slice(turn, turn + 1))).flat();
  const chunks = [
    chunk({ role: "assistant", content: "" }),
    ...answer.thoughts.map((text) => detail({ text })),
    ...(answer.thoughts.length > 0 ? [detail({ signature: SIGNATURE })] : []),
    ...answer.texts.map((content) => chunk({ content })),
    ...started,
    ...turns,
    chunk({}, OPENAI_FINISH[finishOf(answer)]),
    ...(answer.usage === null ? [] : [{ id: "chatcmpl-1", choices: [], usage: openAiUsage(answer.usage) }]),
  ];
  return `${chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`).join("")}data: [DONE]\n\n`;
}

function openAiWhole(answer: SaidAnswer): object {
  const thought = answer.thoughts.join("");
  const message = {
    role: "assistant",
    content: answer.texts.length === 0 ? null : answer.texts.join(""),
    ...(thought === "" ? {} : { reasoning_details: [{ type: "reasoning.text", text: thought, signature: SIGNATURE }] }),
    ...(answer.calls.length === 0
      ? {}
      : {
          tool_calls: answer.calls.map(({ id, name, args }) => ({
            id,
            type: "function",
            function: { name, arguments: JSON.stringify(args) },
          })),
        }),
  };
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message, finish_reason: OPENAI_FINISH[finishOf(answer)] }],
    ...(answer.usage === null ? {} : { usage: openAiUsage(answer.usage) }),
  };
}

function anthropicUsage(usage: SaidUsage): object {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: usage.output + usage.reasoning,
    output_tokens_details: { thinking_tokens: usage.reasoning },
  };
}

function anthropicStream(answer: SaidAnswer): string {
  const events: { readonly type: string; readonly [field: string]: unknown }[] = [];
  let index = -1;
  const block = (content_block: object, deltas: readonly object[]) => {
    index += 1;
    events.push({ type: "content_block_start", index, content_block });
    for (const delta of deltas) events.push({ type: "content_block_delta", index, delta });
    events.push({ type: "content_block_stop", index });
  };
  const usage = answer.usage === null ? {} : { usage: anthropicUsage(answer.usage) };
  const started = answer.usage === null ? {} : { usage: { ...anthropicUsage(answer.usage), output_tokens: 1 } };
  events.push({
    type: "message_start",
    message: { id: "msg_1", type: "message", model: "m", content: [], ...started },
  });
  if (answer.thoughts.length > 0) {
    const deltas = answer.thoughts.map((thinking) => ({ type: "thinking_delta", thinking }));
    block({ type: "thinking", thinking: "", signature: "" }, [
      ...deltas,
      { type: "signature_delta", signature: SIGNATURE },
    ]);
  }
  if (answer.texts.length > 0)
    block(
      { type: "text", text: "" },
      answer.texts.map((text) => ({ type: "text_delta", text })),
    );
  for (const { id, name, args, cuts } of answer.calls) {
    const json = Object.keys(args).length === 0 ? "" : JSON.stringify(args);
    const deltas = ["", ...pieces(json, cuts)].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    block({ type: "tool_use", id, name, input: {} }, deltas);
  }
  events.push({
    type: "message_delta",
    delta: { stop_reason: ANTHROPIC_FINISH[finishOf(answer)], stop_sequence: null },
    ...usage,
  });
  events.push({ type: "message_stop" });
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

function anthropicWhole(answer: SaidAnswer): object {
  const content = [
    ...(answer.thoughts.length === 0
      ? []
      : [{ type: "thinking", thinking: answer.thoughts.join(""), signature: SIGNATURE }]),
    ...(answer.texts.length === 0 ? [] : [{ type: "text", text: answer.texts.join("") }]),
    ...answer.calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
  ];
  const usage = answer.usage === null ? {} : { usage: anthropicUsage(answer.usage) };
  const stop = { stop_reason: ANTHROPIC_FINISH[finishOf(answer)], stop_sequence: null };
  return { id: "msg_1", type: "message", role: "assistant", model: "m", content, ...stop, ...usage };
}

function geminiUsage(usage: SaidUsage): object {
  return {
    promptTokenCount: usage.input + usage.cacheRead,
    cachedContentTokenCount: usage.cacheRead,
    candidatesTokenCount: usage.output,
    thoughtsTokenCount: usage.reasoning,
  };
}

function geminiParts(answer: SaidAnswer): readonly object[] {
  return [
    ...answer.thoughts.map((text, index) => ({
      text,
      thought: true,
      ...(index === answer.thoughts.length - 1 ? { thoughtSignature: SIGNATURE } : {}),
    })),
    ...answer.texts.map((text) => ({ text })),
    ...answer.calls.map(({ id, name, args }) => ({ functionCall: { id, name, args } })),
  ];
}

function geminiStream(answer: SaidAnswer): string {
  const usage = answer.usage === null ? {} : { usageMetadata: geminiUsage(answer.usage) };
  const head = { modelVersion: "m", responseId: "r1" };
  const bodies = [
    ...geminiParts(answer).map((part) => ({
      candidates: [{ content: { parts: [part], role: "model" }, index: 0 }],
      ...head,
    })),
    {
      candidates: [
        { content: { parts: [{ text: "" }], role: "model" }, finishReason: GEMINI_FINISH[finishOf(answer)], index: 0 },
      ],
      ...usage,
      ...head,
    },
  ];
  return bodies.map((body) => `data: ${JSON.stringify(body)}\r\n\r\n`).join("");
}

function geminiWhole(answer: SaidAnswer): object {
  const usage = answer.usage === null ? {} : { usageMetadata: geminiUsage(answer.usage) };
  const finishReason = GEMINI_FINISH[finishOf(answer)];
  return {
    candidates: [{ content: { parts: geminiParts(answer), role: "model" }, finishReason, index: 0 }],
    ...usage,
    responseId: "r1",
  };
}
