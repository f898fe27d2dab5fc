import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../lib/errors/gateway-error.ts";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import { isJsonObject, type JsonObject } from "../../../lib/protocol/json.ts";
import { openAiChatFormat } from "../../../lib/protocol/openai/chat-format.ts";
import { decodeChatReply } from "../../../lib/protocol/openai/decode-reply.ts";
import { createChatStreamDecoder } from "../../../lib/protocol/openai/decode-stream.ts";
import { CONTEXT, eventsOf, USAGE } from "../reply-context.ts";

function decode(...chunks: (object | string)[]): readonly ChatEvent[] {
  const decoder = createChatStreamDecoder();
  return chunks.flatMap((chunk) => {
    const data = typeof chunk === "string" ? chunk : JSON.stringify(chunk);
    return decoder.push({ event: "message", data, raw: data });
  });
}

const delta = (content: object, more: object = {}) => ({
  id: "c",
  model: "m",
  choices: [{ index: 0, delta: content, ...more }],
});
const call = (fields: object, called: object) => delta({ tool_calls: [{ ...fields, function: called }] });
const contents = (events: readonly ChatEvent[]) => events.slice(1);
const START: ChatEvent = { kind: "start", id: "c", model: "m" };

const toolStart = (tool: number, id: string, name: string) =>
  ({ kind: "tool-start", choice: 0, tool, id, name }) as const;
const args = (tool: number, json: string) => ({ kind: "tool-arguments", choice: 0, tool, json }) as const;
const text = (content: string, choice = 0) => ({ kind: "text", choice, text: content }) as const;
const finish = (reason: "stop" | "tool_calls" | "length", choice = 0) =>
  ({ kind: "finish", choice, reason, nativeReason: "x", stopSequence: null }) as const;

describe("a stream of chunks, decoded", () => {
  test("role-only chunks, nulls and empty pieces say nothing", () => {
    expect(
      decode(delta({ role: "assistant", content: "" }), delta({ content: null, tool_calls: [] }), delta({})),
    ).toEqual([START]);
  });

  test("a placeholder before the first chunk does not name the reply", () => {
    const placeholder = { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results: [] };
    expect(decode(placeholder, delta({ content: "a" }))).toEqual([START, text("a")]);
    expect(decode({ ...delta({ content: "a" }), id: "", model: "" })[0]).toEqual({
      kind: "start",
      id: null,
      model: null,
    });
  });

  test("text with its log probabilities, a refusal, annotations", () => {
    const logprobs = { content: [{ token: "a", logprob: -0.1 }], refusal: null };
    const annotation = { type: "url_citation", url_citation: { url: "https://a" } };
    const events = decode(
      delta({ content: "a" }, { logprobs }),
      delta({ refusal: "No." }),
      delta({ annotations: [annotation] }),
    );
    expect(contents(events)).toEqual([
      { ...text("a"), logprobs },
      { kind: "refusal", choice: 0, text: "No." },
      { kind: "citation", choice: 0, citation: annotation },
    ]);
  });

  test("fragments of parallel calls go to their own", () => {
    const events = decode(
      call({ index: 0, id: "a" }, { name: "f", arguments: "" }),
      call({ index: 1, id: "b" }, { name: "g", arguments: "" }),
      call({ index: 0 }, { arguments: '{"x"' }),
      call({ index: 1, id: "", type: "function" }, { name: "", arguments: "{}" }),
      call({ index: 0, id: "a" }, { name: "f", arguments: ":1}" }),
    );
    expect(contents(events)).toEqual([
      toolStart(0, "a", "f"), toolStart(1, "b", "g"), args(0, '{"x"'), args(1, "{}"), args(0, ":1}"),
    ]); // biome-ignore format: a list
  });

  test("calls without indices, by id; a piece without either goes on with the last", () => {
    const events = decode(
      call({ id: "a" }, { name: "f", arguments: '{"x":' }),
      call({}, { arguments: "1}" }),
      call({ id: "b" }, { name: "g", arguments: {} }),
      call({ id: "a" }, { arguments: " " }),
    );
    expect(contents(events)).toEqual([
      toolStart(0, "a", "f"), args(0, '{"x":'), args(0, "1}"), toolStart(1, "b", "g"), args(1, "{}"), args(0, " "),
    ]); // biome-ignore format: a list
  });

  test("traps 12 and 13: whole calls that all say index 0, or say neither index nor id, do not run together", () => {
    const sameIndex = decode(
      call({ index: 0, id: "a" }, { name: "f", arguments: '{"a":1}' }),
      call({ index: 0, id: "b" }, { name: "f", arguments: '{"b":2}' }),
    );
    expect(contents(sameIndex)).toEqual([
      toolStart(0, "a", "f"),
      args(0, '{"a":1}'),
      toolStart(1, "b", "f"),
      args(1, '{"b":2}'),
    ]);
    const nameless = decode(
      call({}, { name: "f", arguments: '{"a":1}' }),
      call({}, { name: "f", arguments: '{"b":2}' }),
    );
    expect(contents(nameless)).toEqual([
      toolStart(0, expect.stringMatching(/^call_\w{24}$/), "f"), args(0, '{"a":1}'),
      toolStart(1, expect.stringMatching(/^call_\w{24}$/), "f"), args(1, '{"b":2}'),
    ]); // biome-ignore format: a list
  });

  test("the form before tools is one call, and its arguments are metered", () => {
    const events = decode(
      delta({ function_call: { name: "f", arguments: "" } }),
      delta({ function_call: { arguments: "{}" } }),
    );
    expect(contents(events)).toEqual([toolStart(0, expect.any(String), "f"), args(0, "{}")]);
  });

  test.each(["reasoning", "reasoning_content"])("thoughts in %s", (field) => {
    expect(contents(decode(delta({ [field]: "Hm." })))).toEqual([{ kind: "reasoning", choice: 0, text: "Hm." }]);
  });

  test("reasoning_details: texts, summaries, signatures and sealed blocks, once though `reasoning` repeats them", () => {
    const detail = (more: object) => delta({ reasoning: "Hm.", reasoning_details: [more] });
    const events = decode(
      detail({ type: "reasoning.text", text: "Hm." }),
      delta({ reasoning_details: [{ type: "reasoning.text", signature: "sig" }] }),
      detail({ type: "reasoning.summary", summary: "Short." }),
      delta({ reasoning: null, reasoning_details: [{ type: "reasoning.encrypted", data: "opaque" }] }),
    );
    expect(contents(events)).toEqual([
      { kind: "reasoning", choice: 0, text: "Hm." },
      { kind: "reasoning-signature", choice: 0, signature: "sig" },
      { kind: "reasoning", choice: 0, text: "Short." },
      { kind: "reasoning-redacted", choice: 0, data: "opaque" },
    ]);
  });

  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["model_length", "length"],
    ["tool_calls", "tool_calls"],
    ["function_call", "tool_calls"],
    ["content_filter", "content_filter"],
    ["eos", "stop"],
  ])("finish_reason %s is %s, in the provider's own word too", (reason, expected) => {
    const events = decode(delta({}, { finish_reason: reason, native_finish_reason: "native" }));
    expect(contents(events)).toEqual([
      { kind: "finish", choice: 0, reason: expected, nativeReason: "native", stopSequence: null },
    ]);
  });

  test.each([
    ["OpenRouter's status", { error: { code: 429, message: "slow" } }, 429],
    ["a status as text", { error: { code: "503", message: "" } }, 503],
    ["OpenAI's type", { error: { type: "rate_limit_exceeded", message: "" } }, 429],
    ["an overload", { error: { type: "overloaded_error" } }, 503],
    ["the client's fault", { error: { code: "context_length_exceeded" } }, 400],
    ["no hint at all", { error: { code: {}, type: ["x"] } }, 502],
    ["a text", { error: "boom" }, 502],
    ["a finish reason", delta({}, { finish_reason: "error" }), 502],
  ])("an error inside of a 200: %s", (_, chunk, status) => {
    expect(decode({ id: "c", model: "m", choices: [], ...chunk })).toEqual([
      START,
      { kind: "error", status, message: expect.any(String) },
    ]);
  });

  test("[DONE] ends it, what is no JSON says nothing", () => {
    expect(decode("{", "null", "[]", "[DONE]")).toEqual([{ kind: "end" }]);
  });
});

describe("usage", () => {
  const usageOf = (usage: object) =>
    decode({ id: "c", model: "m", choices: [], usage }).find((event) => event.kind === "usage")?.usage;

  test("in disjoint parts: cached and reasoning tokens are within the totals", () => {
    expect(
      usageOf({
        prompt_tokens: 100, completion_tokens: 50, total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 20 },
      }), // biome-ignore format: a table
    ).toEqual({
      inputUncached: 30,
      cacheRead: 60,
      cacheWrite: 10,
      cacheWriteOneHour: 0,
      output: 30,
      reasoning: 20,
      source: "provider",
    });
  });

  test("reasoning on top of the completion, where the total shows it", () => {
    const details = { completion_tokens_details: { reasoning_tokens: 20 } };
    expect(usageOf({ prompt_tokens: 1, completion_tokens: 5, total_tokens: 26, ...details })).toMatchObject({
      output: 5,
      reasoning: 20,
    });
    expect(usageOf({ prompt_tokens: 1, completion_tokens: 25, total_tokens: 26, ...details })).toMatchObject({
      output: 5,
      reasoning: 20,
    });
  });

  test("an explicit 0 counts as a report, and what is no count is not believed", () => {
    expect(usageOf({ prompt_tokens: 5, completion_tokens: 0 })).toMatchObject({ inputUncached: 5, output: 0 });
    for (const count of [-1, 1.5, "7", 1e18, {}])
      expect(usageOf({ prompt_tokens: 5, completion_tokens: count })?.output).toBeNaN();
  });
});

describe("a whole reply, decoded", () => {
  test("choices, calls and usage", () => {
    const message = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }],
    };
    const events = decodeChatReply({
      id: "c",
      model: "m",
      choices: [
        { index: 0, message, finish_reason: "stop" },
        { index: 1, message: { content: "b" }, finish_reason: "length" },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(events).toEqual([
      START,
      toolStart(0, "a", "f"),
      args(0, "{}"),
      { ...finish("tool_calls"), nativeReason: "stop" },
      text("b", 1),
      { ...finish("length", 1), nativeReason: "length" },
      { kind: "usage", usage: expect.objectContaining({ inputUncached: 1, output: 2 }) },
      { kind: "end" },
    ]);
  });

  test("trap 7: a body that is no completion is an error, whatever its status said", () => {
    expect(decodeChatReply({ error: { message: "x", code: 503 } })).toEqual([
      { kind: "error", status: 503, message: "x" },
    ]);
    for (const body of [{}, { choices: "none" }, { message: "Network connection lost" }] satisfies JsonObject[]) {
      expect(decodeChatReply(body)).toEqual([{ kind: "error", status: 502, message: "no choices" }]);
    }
  });
});

const ANSWER: readonly ChatEvent[] = [
  { kind: "start", id: "x1", model: null },
  { kind: "reasoning", choice: 0, text: "I " },
  { kind: "reasoning", choice: 0, text: "think." },
  { kind: "reasoning-signature", choice: 0, signature: "sig" },
  { kind: "reasoning-redacted", choice: 0, data: "opaque" },
  { ...text("Let "), logprobs: { content: [{ token: "Let" }], refusal: null } },
  text("me."),
  { ...toolStart(0, "a", "f"), signature: "s" },
  args(0, '{"x":'),
  toolStart(1, "b", "g"),
  args(1, "{}"),
  args(0, "1}"),
  { kind: "citation", choice: 0, citation: { type: "url_citation" } },
  finish("tool_calls"),
  finish("tool_calls"),
  { kind: "usage", usage: USAGE },
  { kind: "end" },
];

describe("events as a stream of chunks", () => {
  const encode = (events: readonly ChatEvent[], context = CONTEXT) => {
    const encoder = openAiChatFormat.createStreamEncoder(context);
    return events.map((event) => encoder.push(event)).join("") + encoder.finish(USAGE);
  };
  const choicesOf = (sse: string) =>
    eventsOf(sse).flatMap(({ data }) => (Array.isArray(data["choices"]) ? data["choices"] : []));

  test("a role first, every piece under its own name, one finish, usage with the cost, then [DONE]", () => {
    const sse = encode(ANSWER);
    const choices = choicesOf(sse);
    expect(choices.map((choice) => (isJsonObject(choice) ? choice["delta"] : null))).toEqual([
      { role: "assistant", content: "" },
      {
        reasoning: "I ",
        reasoning_content: "I ",
        reasoning_details: [{ type: "reasoning.text", text: "I ", index: 0 }],
      },
      {
        reasoning: "think.",
        reasoning_content: "think.",
        reasoning_details: [{ type: "reasoning.text", text: "think.", index: 0 }],
      },
      { reasoning_details: [{ type: "reasoning.text", signature: "sig", index: 0 }] },
      { reasoning_details: [{ type: "reasoning.encrypted", data: "opaque", index: 1 }] },
      { content: "Let " },
      { content: "me." },
      {
        tool_calls: [
          {
            index: 0,
            id: "a",
            type: "function",
            function: { name: "f", arguments: "" },
            extra_content: { google: { thought_signature: "s" } },
          },
        ],
      },
      { tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] },
      { tool_calls: [{ index: 1, id: "b", type: "function", function: { name: "g", arguments: "" } }] },
      { tool_calls: [{ index: 1, function: { arguments: "{}" } }] },
      { tool_calls: [{ index: 0, function: { arguments: "1}" } }] },
      { annotations: [{ type: "url_citation" }] },
      {},
    ]);
    expect(choices.at(-1)).toMatchObject({ finish_reason: "tool_calls", native_finish_reason: "x" });
    expect(eventsOf(sse).at(-1)?.data).toEqual({
      id: "chatcmpl-x1",
      object: "chat.completion.chunk",
      created: 1_790_000_000,
      model: "vendor/model",
      choices: [],
      usage: {
        prompt_tokens: 17,
        completion_tokens: 8,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 3 },
        cost: 0.0015,
      },
    });
    expect(sse.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("usage only for a client that asked", () => {
    expect(encode([text("a"), finish("stop")], { ...CONTEXT, includeUsage: false })).not.toContain('"usage"');
  });

  test("several choices each have their role and their finish", () => {
    const choices = choicesOf(encode([text("a"), text("b", 1), finish("stop"), finish("length", 1)]));
    expect(choices.map((choice) => Reflect.get(Object(choice), "index"))).toEqual([0, 0, 1, 1, 0, 1]);
    expect(choices.map((choice) => Reflect.get(Object(choice), "finish_reason"))).toEqual([
      null,
      null,
      null,
      null,
      "stop",
      "length",
    ]);
  });

  test("trap 8: an error is told in the stream, with a finish reason, and the stream ends", () => {
    const encoder = openAiChatFormat.createStreamEncoder(CONTEXT);
    const sse = encoder.push(text("a")) + encoder.fail(new GatewayError("provider_error", "It broke."), "req_1");
    const error = { code: "provider_error", message: "It broke.", request_id: "req_1" };
    expect(eventsOf(sse).slice(-2)).toMatchObject([
      { data: { choices: [{ index: 0, finish_reason: "error" }], error } },
      { data: { error } },
    ]);
    expect(sse.endsWith("data: [DONE]\n\n")).toBe(true);
  });
});

describe("events as a whole reply", () => {
  const encode = (events: readonly ChatEvent[]): JsonObject =>
    JSON.parse(openAiChatFormat.encodeReply(events, USAGE, CONTEXT));

  test("the same answer in one piece", () => {
    expect(encode(ANSWER)).toMatchObject({
      id: "chatcmpl-x1",
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "Let me.",
            refusal: null,
            reasoning: "I think.",
            reasoning_content: "I think.",
            reasoning_details: [
              { type: "reasoning.text", text: "I think.", signature: "sig", index: 0 },
              { type: "reasoning.encrypted", data: "opaque", index: 1 },
            ],
            tool_calls: [
              {
                id: "a",
                type: "function",
                function: { name: "f", arguments: '{"x":1}' },
                extra_content: { google: { thought_signature: "s" } },
              },
              { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
            ],
            annotations: [{ type: "url_citation" }],
          },
          logprobs: { content: [{ token: "Let" }], refusal: null },
          finish_reason: "tool_calls",
        },
      ],
      usage: { prompt_tokens: 17, completion_tokens: 8, total_tokens: 25, cost: 0.0015 },
    });
  });

  test("calls alone have null content, nothing at all an empty one, a missing choice no hole", () => {
    expect(encode([toolStart(0, "a", "f")])).toMatchObject({
      choices: [{ message: { content: null, tool_calls: [{ function: { arguments: "{}" } }] } }],
    });
    expect(encode([])).toMatchObject({ choices: [{ index: 0, message: { content: "" }, finish_reason: "stop" }] });
    expect(encode([text("b", 3)])["choices"]).toMatchObject([{ index: 3, message: { content: "b" } }]);
  });

  test("two signed thoughts stay two", () => {
    const thought = (said: string): ChatEvent[] => [
      { kind: "reasoning", choice: 0, text: said },
      { kind: "reasoning-signature", choice: 0, signature: said },
    ];
    const seal: ChatEvent = { kind: "reasoning-signature", choice: 0, signature: "seal" };
    expect(encode([...thought("a"), ...thought("b"), seal])).toMatchObject({
      choices: [
        {
          message: {
            reasoning_details: [
              { text: "a", signature: "a" },
              { text: "b", signature: "b" },
              { text: "", signature: "seal" },
            ],
          },
        },
      ],
    });
  });
});
