import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../lib/protocol/json.ts";
import { fault } from "../support/simulator/fault.ts";
import { THOUGHT_SIGNATURE } from "../support/simulator/read-gemini.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { expectWellOrdered } from "../support/well-ordered.ts";
import { anthropicClient, askBySdk, messageEvents, openAiClient } from "./ask-by-sdk.ts";
import { ANTHROPIC_MODEL, GEMINI_MODEL, MODELS_OF_ALL_WIRES, OPENAI_MODEL } from "./sdk-target.ts";

// Bugs of translation and of tool calls that users of other gateways reported (test/trap-rows.test.ts lists them), decoded
// by the official clients. Streams as providers really sent them are in test/protocol/golden-streams.test.ts.
let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: MODELS_OF_ALL_WIRES.map(({ provider }) => provider) });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(async () => {
  simulator.reset();
  await gateway.resetBreakers();
  expect(await gateway.checkLedger()).toEqual([]);
});

const SCHEMA = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
const OPENAI_TOOL = {
  type: "function" as const,
  function: { name: "get_weather", description: "The weather in a city.", parameters: SCHEMA },
};
const ANTHROPIC_TOOL = { name: "get_weather", description: "The weather in a city.", input_schema: SCHEMA };
const TWO_CALLS = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Rome"})';
const TWO_CITIES = [{ city: "Paris" }, { city: "Rome" }];
const THINKING = { type: "enabled" as const, budget_tokens: 1_024 };

/** A chat completion stream of these deltas, as servers of OpenAI's format write it. */
function chatStream(deltas: readonly object[], finish = "stop"): string {
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, ...choice }] })}\n\n`;
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
  return [
    ...deltas.map((delta) => chunk({ delta, finish_reason: null })),
    chunk({ delta: {}, finish_reason: finish }),
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage })}\n\n`,
    "data: [DONE]\n\n",
  ].join("");
}

const says = (text: string) => [{ role: "user" as const, content: text }];
const asked = (model: string, text = "Hello") => ({ model, max_tokens: 4_000, messages: says(text) });

/** What a message stream of OpenAI's provider becomes for an Anthropic client: its events, and the blocks put together. */
async function translated(stream: string) {
  simulator.next("openai", fault.page(200, "text/event-stream", stream));
  const events = await messageEvents(gateway, asked(OPENAI_MODEL.model));
  expectWellOrdered(events);
  simulator.next("openai", fault.page(200, "text/event-stream", stream));
  const { content } = await anthropicClient(gateway).messages.stream(asked(OPENAI_MODEL.model)).finalMessage();
  return content;
}

describe("a stream of OpenAI's format for an Anthropic client", () => {
  test("trap 9: a thought after a text has a block of its own", async () => {
    const content = await translated(
      chatStream([{ content: "Well, " }, { reasoning: "hm" }, { reasoning: "m." }, { content: "yes." }]),
    );
    expect(content).toMatchObject([
      { type: "text", text: "Well, " },
      { type: "thinking", thinking: "hmm." },
      { type: "text", text: "yes." },
    ]);
  });

  test("trap 10: every block is opened before it is written to, also where no role comes first and text follows a call", async () => {
    const call = (index: number, more: object) => ({ tool_calls: [{ index, ...more }] });
    const content = await translated(
      chatStream(
        [
          call(0, { id: "call_a", type: "function", function: { name: "f", arguments: '{"a":' } }),
          call(1, { id: "call_b", type: "function", function: { name: "g", arguments: "" } }),
          { content: "Meanwhile." },
          call(1, { function: { arguments: '{"b":2}' } }),
          call(0, { function: { arguments: "1}" } }),
        ],
        "tool_calls",
      ),
    );
    expect(content).toMatchObject([
      { type: "tool_use", id: "call_a", name: "f", input: { a: 1 } },
      { type: "tool_use", id: "call_b", name: "g", input: { b: 2 } },
      { type: "text", text: "Meanwhile." },
    ]);
  });

  test("trap C2.c: thoughts that are billed are shown", async () => {
    const content = await translated(chatStream([{ reasoning_content: "Let me see." }, { content: "Yes." }]));
    expect(content[0]).toMatchObject({ type: "thinking", thinking: "Let me see." });
  });
});

describe.each(MODELS_OF_ALL_WIRES)("$model", ({ model, wire, provider }) => {
  test("traps 11 and C2.a: message_start tells the input, message_delta what was counted, message_stop nothing more", async () => {
    const events = await messageEvents(gateway, asked(model, "Hello there, how are you this fine morning?"));
    expectWellOrdered(events);
    const start = events.find((event) => event.type === "message_start");
    const delta = events.find((event) => event.type === "message_delta");
    const estimated = start?.message.usage.input_tokens ?? 0;
    const counted = delta?.usage.input_tokens ?? 0;
    expect(estimated).toBeGreaterThan(counted / 3);
    expect(estimated).toBeLessThan(counted * 3);
    expect(delta?.usage.output_tokens).toBeGreaterThan(1);
    expect(start?.message).toMatchObject({ type: "message", role: "assistant", content: [], stop_reason: null });
    expect(events.at(-1)).toEqual({ type: "message_stop" });
  });

  test.each([true, false])("traps 12 and 13: parallel calls stay apart, streamed: %s", async (stream) => {
    const extra = { tools: [OPENAI_TOOL] };
    const openAi = await askBySdk(gateway, { client: "openai", stream, model, text: TWO_CALLS, extra });
    expect(openAi.calls.map(({ input }) => input)).toEqual(TWO_CITIES);
    expect(new Set(openAi.calls.map(({ id }) => id)).size).toBe(2);
    const question = {
      client: "anthropic",
      stream,
      model,
      text: TWO_CALLS,
      extra: { tools: [ANTHROPIC_TOOL] },
    } as const;
    const { calls } = await askBySdk(gateway, question);
    expect(calls.map(({ input }) => input)).toEqual(TWO_CITIES);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });

  test("traps 12 and 13: each fragment of a call has its call's own index", async () => {
    const body = { model, messages: says(TWO_CALLS), tools: [OPENAI_TOOL], stream: true as const };
    const json: string[] = [];
    for await (const { choices } of await openAiClient(gateway).chat.completions.create(body))
      for (const { index, function: called } of choices[0]?.delta.tool_calls ?? [])
        json[index] = (json[index] ?? "") + (called?.arguments ?? "");
    expect(json.map((text) => JSON.parse(text))).toEqual(TWO_CITIES);
  });

  test("trap 15: the Anthropic client works as it is documented: system, tools, thinking, results, count", async () => {
    const { messages } = anthropicClient(gateway);
    const body = {
      ...asked(model, TWO_CALLS),
      system: [{ type: "text" as const, text: "Be brief." }],
      tools: [ANTHROPIC_TOOL],
    };
    const first = await messages.stream({ ...body, thinking: THINKING }).finalMessage();
    expect(first.stop_reason).toBe("tool_use");
    const results: Anthropic.ToolResultBlockParam[] = first.content.flatMap((block) =>
      block.type === "tool_use" ? [{ type: "tool_result" as const, tool_use_id: block.id, content: "fine" }] : [],
    );
    const turns: Anthropic.MessageParam[] = [
      ...body.messages,
      { role: "assistant", content: first.content },
      { role: "user", content: results },
    ];
    const answer = await messages.stream({ ...body, thinking: THINKING, messages: turns }).finalText();
    expect(answer).toContain("The tools said: fine, fine");
    expect(
      (await messages.countTokens({ model, messages: turns, tools: [ANTHROPIC_TOOL] })).input_tokens,
    ).toBeGreaterThan(10);
  });

  test("trap C2.b: tokens are counted whoever serves the model", async () => {
    const { input_tokens } = await anthropicClient(gateway).messages.countTokens({
      model,
      messages: says("one two three"),
    });
    expect(input_tokens).toBeGreaterThan(0);
  });

  test("trap C2.e: what the client did not say is not sent, least of all as null", async () => {
    for (const stream of [true, false]) {
      await askBySdk(gateway, { client: "openai", stream, model, text: TWO_CALLS, extra: { tools: [OPENAI_TOOL] } });
      await askBySdk(gateway, {
        client: "anthropic",
        stream,
        model,
        text: TWO_CALLS,
        extra: { tools: [ANTHROPIC_TOOL] },
      });
    }
    expect(simulator.log.all).toHaveLength(4);
    for (const { body } of simulator.log.all) expect(nullsIn(body)).toEqual([]);
  });

  if (wire !== "openai") {
    test("trap 16: thoughts come as `reasoning_content` too, whole and streamed", async () => {
      const body = { model, messages: says("Hello"), reasoning_effort: "low" as const };
      const { completions } = openAiClient(gateway).chat;
      const whole = await completions.create(body);
      expect(whole.choices[0]?.message).toMatchObject({ reasoning_content: expect.stringContaining("I shall answer") });
      let thought = "";
      for await (const { choices } of await completions.create({ ...body, stream: true })) {
        const piece: unknown = Reflect.get(choices[0]?.delta ?? {}, "reasoning_content");
        if (typeof piece === "string") thought += piece;
      }
      expect(thought).toContain("I shall answer");
    });
  }

  test.each([true, false])(
    "trap 17: a call of a tool that nobody declared harms nothing, streamed: %s",
    async (stream) => {
      const call = { function: null, index: "x", id: 7 };
      const bodies: Readonly<Record<string, string>> = {
      openai: stream
        ? chatStream([{ tool_calls: [call, null] }, { content: "So." }])
        : JSON.stringify({ id: "c", choices: [{ message: { content: "So.", tool_calls: [call, null] }, finish_reason: "stop" }] }),
      anthropic: stream
        ? [
            { type: "message_start", message: { id: "msg_1", type: "message", role: "assistant", content: [], usage: { input_tokens: 3, output_tokens: 1 } } },
            { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
            { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "So." } },
            { type: "content_block_stop", index: 0 },
            { type: "content_block_start", index: 1, content_block: null },
            { type: "content_block_delta", index: 1, delta: null },
            { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
            { type: "message_stop" },
          ]
            .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
            .join("")
        : JSON.stringify({
            id: "msg_1", type: "message", role: "assistant", model: "m", stop_reason: "end_turn",
            content: [{ type: "text", text: "So." }, null, { type: "tool_use" }], usage: { input_tokens: 3, output_tokens: 2 },
          }),
      gemini: ((body) => (stream ? `data: ${body}\r\n\r\n` : body))(
        JSON.stringify({
          candidates: [{ content: { parts: [{ text: "So." }, null, { functionCall: null }] }, finishReason: "STOP" }],
        }),
      ),
    }; // biome-ignore format: replies
      const type = stream ? "text/event-stream" : "application/json";
      const other = wire === "openai" ? "anthropic" : "openai";
      simulator.next(provider, fault.page(200, type, bodies[wire] ?? ""));
      expect((await askBySdk(gateway, { client: other, stream, model, text: "Hello" })).text).toBe("So.");
      expect((await askBySdk(gateway, { client: other, stream, model, text: "Hello" })).text).toBe("You said: Hello");
    },
  );
});

describe("trap 14: Gemini's signatures come back to it, on the call that they were on", () => {
  const { model } = GEMINI_MODEL;
  /** Of each part of the model's turn that Gemini was sent: what it is, and its seal. */
  const sealed = () => {
    const contents: JsonValue = simulator.log.last.body["contents"] ?? [];
    const turn = Array.isArray(contents) ? JSON.parse(JSON.stringify(contents[1])) : {};
    return turn.parts
      .filter((part: object) => "functionCall" in part)
      .map((part: { functionCall: { args: unknown }; thoughtSignature?: string }) => [
        part.functionCall.args,
        part.thoughtSignature,
      ]);
  };
  const expected = [
    [{ city: "Paris" }, THOUGHT_SIGNATURE],
    [{ city: "Rome" }, undefined],
  ];

  test.each([true, false])("by the OpenAI client, streamed: %s", async (stream) => {
    const { completions } = openAiClient(gateway).chat;
    const body = { model, messages: says(TWO_CALLS), tools: [OPENAI_TOOL], reasoning_effort: "low" as const };
    const reply = stream ? await completions.stream(body).finalChatCompletion() : await completions.create(body);
    const message = reply.choices[0]?.message;
    if (message === undefined) throw new Error("There is no message.");
    const results: OpenAI.ChatCompletionToolMessageParam[] = (message.tool_calls ?? []).map(({ id }) => ({
      role: "tool",
      tool_call_id: id,
      content: "fine",
    }));
    const next = await completions.create({ ...body, messages: [...body.messages, message, ...results] });
    expect(next.choices[0]?.message.content).toBe("The tools said: fine, fine");
    expect(sealed()).toEqual(expected);
  });

  test.each([true, false])("by the Anthropic client, streamed: %s", async (stream) => {
    const { messages } = anthropicClient(gateway);
    const body = { ...asked(model, TWO_CALLS), tools: [ANTHROPIC_TOOL], thinking: THINKING };
    const { content } = stream ? await messages.stream(body).finalMessage() : await messages.create(body);
    const results = content.flatMap((block) =>
      block.type === "tool_use" ? [{ type: "tool_result" as const, tool_use_id: block.id, content: "fine" }] : [],
    );
    const turns = [
      ...body.messages,
      { role: "assistant" as const, content },
      { role: "user" as const, content: results },
    ];
    const next = await messages.create({ ...body, messages: turns });
    expect(next.content).toContainEqual(expect.objectContaining({ text: "The tools said: fine, fine" }));
    expect(sealed()).toEqual(expected);
  });
});

describe("for Claude", () => {
  test("trap C2.d: a tool without a description has none, not null; old thinking becomes what the model takes", async () => {
    const tool = { type: "function", function: { name: "get_weather", description: null, parameters: SCHEMA } };
    await gateway.post("/v1/chat/completions", {
      ...asked("anthropic/claude-opus-4.7"),
      tools: [tool],
      reasoning: { max_tokens: 2_000 },
    });
    const { body } = simulator.log.last;
    expect(nullsIn(body)).toEqual([]);
    expect(body["thinking"]).toMatchObject({ type: "adaptive" });
    expect(body["tools"]).toEqual([{ name: "get_weather", input_schema: SCHEMA }]);
  });

  test("trap 16: OpenAI's parameters that Claude has no place for are named to the client", async () => {
    const { response } = await openAiClient(gateway)
      .chat.completions.create({
        model: ANTHROPIC_MODEL.model,
        messages: says("Hello"),
        logit_bias: { "1": 1 },
        seed: 1,
      })
      .withResponse();
    expect(response.headers.get("x-gateway-ignored-parameters")?.split(", ").toSorted()).toEqual([
      "logit_bias",
      "seed",
    ]);
  });
});

/** The places of a body where it says null. */
function nullsIn(value: JsonValue | undefined, path = ""): readonly string[] {
  if (value === null) return [path];
  if (typeof value !== "object") return []; // a leaf
  return Object.entries(value).flatMap(([name, member]) => nullsIn(member, `${path}.${name}`));
}
