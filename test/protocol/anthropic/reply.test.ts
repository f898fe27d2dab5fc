import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../lib/errors/gateway-error.ts";
import { decodeMessagesReply } from "../../../lib/protocol/anthropic/decode-reply.ts";
import { createMessagesStreamDecoder } from "../../../lib/protocol/anthropic/decode-stream.ts";
import { anthropicMessagesFormat } from "../../../lib/protocol/anthropic/messages-format.ts";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import type { JsonObject } from "../../../lib/protocol/json.ts";
import { CONTEXT, eventsOf, USAGE } from "../reply-context.ts";

function decode(...events: (JsonObject | string)[]): readonly ChatEvent[] {
  const decoder = createMessagesStreamDecoder();
  return events.flatMap((event) => {
    const data = typeof event === "string" ? event : JSON.stringify(event);
    return decoder.push({ event: "message", data, raw: data });
  });
}

const begin = (index: number, content_block: JsonObject) => ({ type: "content_block_start", index, content_block });
const piece = (index: number, delta: JsonObject) => ({ type: "content_block_delta", index, delta });
const stop = (index: number) => ({ type: "content_block_stop", index });

const toolStart = (tool: number, id: string, name: string) =>
  ({ kind: "tool-start", choice: 0, tool, id, name }) as const;
const args = (tool: number, json: string) => ({ kind: "tool-arguments", choice: 0, tool, json }) as const;
const text = (content: string) => ({ kind: "text", choice: 0, text: content }) as const;
const thought = (content: string) => ({ kind: "reasoning", choice: 0, text: content }) as const;
const signature = (value: string) => ({ kind: "reasoning-signature", choice: 0, signature: value }) as const;
const redacted = (data: string) => ({ kind: "reasoning-redacted", choice: 0, data }) as const;
const OPAQUE: ChatEvent = { kind: "opaque", choice: 0 };
const finish = (
  reason: "stop" | "tool_calls" | "length" | "content_filter" | "pause",
  stopSequence: string | null = null,
): ChatEvent => ({
  kind: "finish",
  choice: 0,
  reason,
  nativeReason: "x",
  stopSequence,
});

describe("a message stream, decoded", () => {
  test("the start names the message and what its prompt came to", () => {
    const message = { id: "msg_1", model: "claude", usage: { input_tokens: 3, output_tokens: 1 } };
    expect(decode({ type: "message_start", message })).toEqual([
      { kind: "start", id: "msg_1", model: "claude" },
      { kind: "usage", usage: expect.objectContaining({ inputUncached: 3, output: 1 }) },
    ]);
  });

  test("text, thinking, its signature, sealed thinking and citations", () => {
    const citation = { type: "char_location", cited_text: "x" };
    expect(
      decode(
        begin(0, { type: "thinking", thinking: "", signature: "" }),
        piece(0, { type: "thinking_delta", thinking: "Hm." }),
        piece(0, { type: "signature_delta", signature: "" }),
        piece(0, { type: "signature_delta", signature: "sig" }),
        stop(0),
        begin(1, { type: "redacted_thinking", data: "opaque" }),
        stop(1),
        begin(2, { type: "text", text: "" }),
        { type: "ping" },
        piece(2, { type: "text_delta", text: "Yes." }),
        piece(2, { type: "citations_delta", citation }),
        stop(2),
      ),
    ).toEqual([
      thought("Hm."),
      signature("sig"),
      redacted("opaque"),
      text("Yes."),
      { kind: "citation", choice: 0, citation },
    ]);
  });

  test("trap 13: parallel calls have indices of their own, whatever index their blocks have", () => {
    const events = decode(
      begin(1, { type: "tool_use", id: "a", name: "f", input: {} }),
      piece(1, { type: "input_json_delta", partial_json: "" }),
      piece(1, { type: "input_json_delta", partial_json: '{"x":1}' }),
      stop(1),
      begin(1, { type: "tool_use", id: "b", name: "g", input: {} }),
      stop(1),
      begin(3, { type: "tool_use", id: "c", name: "h", input: { y: 2 } }),
      stop(3),
    );
    expect(events).toEqual([
      toolStart(0, "a", "f"), args(0, '{"x":1}'), toolStart(1, "b", "g"), args(1, "{}"), toolStart(2, "c", "h"), args(2, '{"y":2}'),
    ]); // biome-ignore format: a list
  });

  test("what Anthropic's own servers do between has no place in another format, but is a sign of life", () => {
    expect(
      decode(
        begin(0, { type: "server_tool_use", id: "s", name: "web_search", input: {} }),
        piece(0, { type: "input_json_delta", partial_json: '{"query":"x"}' }),
        stop(0),
        begin(1, { type: "web_search_tool_result", tool_use_id: "s", content: [] }),
        stop(1),
      ),
    ).toEqual([OPAQUE, OPAQUE, OPAQUE]);
  });

  test.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool_calls"],
    ["refusal", "content_filter"],
    ["pause_turn", "pause"],
    ["a_reason_of_next_year", "stop"],
  ])("stop_reason %s is %s", (reason, expected) => {
    expect(decode({ type: "message_delta", delta: { stop_reason: reason, stop_sequence: null } })).toEqual([
      { kind: "finish", choice: 0, reason: expected, nativeReason: reason, stopSequence: null },
    ]);
  });

  test("usage is cumulative: the last word on each part stands, what is not mentioned stays, 0 is a word", () => {
    const first = {
      input_tokens: 10,
      cache_read_input_tokens: 5,
      output_tokens: 1,
      cache_creation: { ephemeral_1h_input_tokens: 2 },
      cache_creation_input_tokens: 8,
    };
    const last = decode(
      { type: "message_start", message: { usage: first } },
      {
        type: "message_delta",
        delta: {},
        usage: {
          input_tokens: 0,
          output_tokens: 7,
          output_tokens_details: { thinking_tokens: 3 },
          cache_read_input_tokens: null,
        },
      },
    ).findLast((event) => event.kind === "usage");
    expect(last?.usage).toEqual({
      inputUncached: 0, cacheRead: 5, cacheWrite: 6, cacheWriteOneHour: 2, output: 4, reasoning: 3, source: "provider",
    }); // biome-ignore format: a table
  });

  test("cache writes told by lifetime only are counted, and what is no count is not believed", () => {
    const usageOf = (usage: JsonObject) => {
      const events = decodeMessagesReply({ content: [], usage });
      return events.find((event) => event.kind === "usage")?.usage;
    };
    const creation = { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 };
    expect(usageOf({ input_tokens: 1, output_tokens: 1, cache_creation: creation })).toMatchObject({
      cacheWrite: 3,
      cacheWriteOneHour: 4,
    });
    for (const count of [-1, 1.5, "7", {}]) expect(usageOf({ output_tokens: count })?.output).toBeNaN();
  });

  test.each([
    ["overloaded_error", 529],
    ["rate_limit_error", 429],
    ["api_error", 500],
    ["invalid_request_error", 400],
    ["constructor", 502],
  ])("an error event of type %s stands for %d", (type, status) => {
    expect(decode({ type: "error", error: { type, message: "m" } })).toEqual([{ kind: "error", status, message: "m" }]);
  });

  test("message_stop ends it, what is no event says nothing", () => {
    expect(decode("{", "[]", '{"type":"next_year"}', { type: "message_stop" })).toEqual([{ kind: "end" }]);
  });
});

describe("a whole message, decoded", () => {
  test("its blocks in order, its usage and its end", () => {
    const citation = { type: "char_location" };
    const events = decodeMessagesReply({
      id: "msg_1",
      type: "message",
      model: "claude",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "sig" },
        { type: "redacted_thinking", data: "opaque" },
        { type: "text", text: "Yes.", citations: [citation] },
        { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
        { type: "tool_use", id: "b", name: "g" },
      ],
      stop_reason: "stop_sequence",
      stop_sequence: "x",
      usage: { input_tokens: 1, output_tokens: 2 },
    });
    expect(events).toEqual([
      { kind: "start", id: "msg_1", model: "claude" },
      thought("Hm."), signature("sig"), redacted("opaque"), text("Yes."), { kind: "citation", choice: 0, citation },
      toolStart(0, "a", "f"), args(0, '{"x":1}'), toolStart(1, "b", "g"), args(1, "{}"),
      { kind: "usage", usage: expect.objectContaining({ inputUncached: 1, output: 2 }) },
      { kind: "finish", choice: 0, reason: "stop", nativeReason: "stop_sequence", stopSequence: "x" },
      { kind: "end" },
    ]); // biome-ignore format: a list
  });

  test("a body that is no message is an error, whatever its status said", () => {
    const error = { type: "overloaded_error", message: "m" };
    expect(decodeMessagesReply({ type: "error", error })).toEqual([{ kind: "error", status: 529, message: "m" }]);
    expect(decodeMessagesReply({ content: "x" })).toEqual([{ kind: "error", status: 502, message: "no content" }]);
  });
});

/** A stream's blocks as a client collects them. Throws where Anthropic's clients would: a delta without its block. */
function blocksOf(sse: string): readonly JsonObject[] {
  const blocks: Record<string, unknown>[] = [];
  let open: Record<string, unknown> | null = null;
  for (const { name, data } of eventsOf(sse)) {
    expect(name).toBe(data["type"]);
    if (name === "content_block_start") {
      if (open !== null) throw new Error("Two blocks are open.");
      const block: Record<string, unknown> = { ...Object(data["content_block"]), said: "" };
      open = block;
      expect(data["index"]).toBe(blocks.length);
      blocks.push(block);
    } else if (name === "content_block_delta") {
      const delta: Record<string, unknown> = Object(data["delta"]);
      if (open === null || data["index"] !== blocks.length - 1) throw new Error("Content block not found.");
      if (delta["type"] === "signature_delta") open["signature"] = delta["signature"];
      const kind = {
        text_delta: "text",
        thinking_delta: "thinking",
        signature_delta: "thinking",
        input_json_delta: "tool_use",
        citations_delta: "text",
      };
      expect(open["type"]).toBe(Reflect.get(kind, String(delta["type"])));
      open["said"] += String(delta["text"] ?? delta["thinking"] ?? delta["partial_json"] ?? "");
    } else if (name === "content_block_stop") open = null;
  }
  if (open !== null) throw new Error("A block is open at the end.");
  return blocks.map((block) => JSON.parse(JSON.stringify(block)));
}

describe("events as a message stream", () => {
  const encode = (events: readonly ChatEvent[]) => {
    const encoder = anthropicMessagesFormat.createStreamEncoder(CONTEXT);
    return events.map((event) => encoder.push(event)).join("") + encoder.finish(USAGE);
  };

  test("trap 11: message_start has our estimate, message_delta what was counted, message_stop nothing more", () => {
    const events = eventsOf(encode([{ kind: "start", id: "1", model: null }, text("a"), finish("stop")]));
    expect(events[0]?.data).toEqual({
      type: "message_start",
      message: {
        id: "msg_1", type: "message", role: "assistant", model: "vendor/model", content: [], stop_reason: null, stop_sequence: null,
        usage: { input_tokens: 7, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 },
      },
    }); // biome-ignore format: a table
    expect(events.slice(-2).map(({ data }) => data)).toEqual([
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: {
          input_tokens: 10,
          cache_creation_input_tokens: 3,
          cache_read_input_tokens: 4,
          output_tokens: 8,
          cost: 0.0015,
        },
      },
      { type: "message_stop" },
    ]);
  });

  test("traps 9 and 10: thinking before text before calls, each in a block of its own kind, opened before it is written to", () => {
    const blocks = blocksOf(
      encode([
        thought("I "),
        thought("think."),
        signature("sig"),
        redacted("opaque"),
        thought("More."),
        text("Yes."),
        thought("Hm."),
        text("And."),
      ]),
    );
    expect(blocks.map(({ type, said, signature: sealed, data }) => [type, said, sealed ?? data])).toEqual([
      ["thinking", "I think.", "sig"],
      ["redacted_thinking", "", "opaque"],
      ["thinking", "More.", ""],
      ["text", "Yes.", undefined],
      ["thinking", "Hm.", ""],
      ["text", "And.", undefined],
    ]);
  });

  test("two signatures seal two blocks; one after a text has an empty block of its own", () => {
    const blocks = blocksOf(encode([thought("a"), signature("1"), signature("2"), text("b"), signature("3")]));
    expect(blocks.map(({ type, said, signature: sealed }) => [type, said, sealed])).toEqual([
      ["thinking", "a", "1"],
      ["thinking", "", "2"],
      ["text", "b", undefined],
      ["thinking", "", "3"],
    ]);
  });

  test("trap 13: fragments of parallel calls come one call after the other", () => {
    const events = [
      toolStart(0, "a", "f"),
      args(0, '{"x"'),
      toolStart(1, "b", "g"),
      args(1, '{"y"'),
      args(0, ":1}"),
      args(1, ":2}"),
    ];
    const blocks = blocksOf(encode([text("Yes."), ...events, finish("tool_calls")]));
    expect(blocks.map(({ type, id, said }) => [type, id, said])).toEqual([
      ["text", undefined, "Yes."],
      ["tool_use", "a", '{"x":1}'],
      ["tool_use", "b", '{"y":2}'],
    ]);
  });

  test.each<readonly [string, ChatEvent]>([
    ["text", text("b")],
    ["a thought", thought("b")],
    ["a signature", signature("s")],
    ["a sealed thought", redacted("d")],
  ])("%s in the middle of a call waits until the call has its arguments", (_, between) => {
    const blocks = blocksOf(
      encode([toolStart(0, "a", "f"), args(0, '{"x"'), between, args(0, ":1}"), text("c"), finish("tool_calls")]),
    );
    expect(blocks[0]).toMatchObject({ type: "tool_use", said: '{"x":1}' });
    expect(
      blocks
        .slice(1)
        .map(({ said }) => said)
        .join(""),
    ).toMatch(/^b?c$/);
  });

  test("text after a whole call is not held back", () => {
    const encoder = anthropicMessagesFormat.createStreamEncoder(CONTEXT);
    for (const event of [toolStart(0, "a", "f"), args(0, '{"x":1}')]) encoder.push(event);
    expect(encoder.push(text("b"))).toContain('"text_delta"');
  });

  test("Gemini's signature stays on its call, refusals are text, other choices are not Anthropic's", () => {
    const events: ChatEvent[] = [
      { ...text("other"), choice: 1 },
      { kind: "refusal", choice: 0, text: "No." },
      { ...toolStart(0, "a", "f"), signature: "s" },
      finish("tool_calls"),
    ];
    expect(blocksOf(encode(events))).toEqual([
      { type: "text", text: "", said: "No." },
      { type: "tool_use", id: "a", name: "f", input: {}, signature: "s", said: "" },
    ]);
  });

  test("an answer of nothing is a whole message all the same", () => {
    expect(eventsOf(encode([])).map(({ name }) => name)).toEqual(["message_start", "message_delta", "message_stop"]);
  });

  test("trap 8: an error is the protocol's own event", () => {
    const encoder = anthropicMessagesFormat.createStreamEncoder(CONTEXT);
    const sse = encoder.push(text("a")) + encoder.fail(new GatewayError("provider_error", "It broke."), "req_1");
    expect(eventsOf(sse).at(-1)).toEqual({
      name: "error",
      data: { type: "error", error: { type: "api_error", message: "It broke." }, request_id: "req_1" },
    });
  });
});

describe("events as a whole message", () => {
  const encode = (events: readonly ChatEvent[]): JsonObject =>
    JSON.parse(anthropicMessagesFormat.encodeReply(events, USAGE, CONTEXT));

  test("the same answer in one piece", () => {
    const citation = { type: "char_location" };
    const events: ChatEvent[] = [
      { kind: "start", id: "1", model: null },
      thought("I "), thought("think."), signature("sig"), thought("More."), signature("2"), redacted("opaque"), text("Yes."), text("!"),
      { kind: "citation", choice: 0, citation },
      toolStart(0, "a", "f"), toolStart(1, "b", "g"), args(1, "[1"), args(0, '{"x":1}'), finish("tool_calls"),
    ]; // biome-ignore format: a list
    expect(encode(events)).toEqual({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "vendor/model",
      content: [
        { type: "thinking", thinking: "I think.", signature: "sig" },
        { type: "thinking", thinking: "More.", signature: "2" },
        { type: "redacted_thinking", data: "opaque" },
        { type: "text", text: "Yes.!", citations: [citation] },
        { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
        { type: "tool_use", id: "b", name: "g", input: { arguments: "[1" } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 3,
        cache_read_input_tokens: 4,
        output_tokens: 8,
        cost: 0.0015,
      },
    });
  });

  test.each<readonly [ChatEvent, string]>([
    [finish("stop"), "end_turn"],
    [finish("stop", "x"), "stop_sequence"],
    [finish("length"), "max_tokens"],
    [finish("tool_calls"), "tool_use"],
    [finish("content_filter"), "refusal"],
    [finish("pause"), "pause_turn"],
  ])("%j is stop_reason %s", (event, reason) => {
    expect(encode([event])["stop_reason"]).toBe(reason);
  });
});
