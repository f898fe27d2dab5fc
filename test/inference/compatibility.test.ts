import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { estimateContentTokens } from "../../lib/protocol/estimate-tokens.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({
    simulator,
    providers: ["openai", "anthropic", "google-ai-studio", "openrouter", "groq"],
  });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

/** A model of each wire. */
const MODELS = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"];
const messages = [{ role: "user", content: "Say hello." }];
const chat = (model: string, more: object = {}) =>
  gateway.post("/v1/chat/completions", { model, max_tokens: 100, messages, ...more });
const message = (model: string, more: object = {}) =>
  gateway.post("/v1/messages", { model, max_tokens: 100, messages, ...more });
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

describe.each(MODELS)("a chat completion of %s", (model) => {
  test("CM-10.1.1 has a choices array", async () => {
    const { choices } = await (await chat(model)).json();
    expect(choices).toHaveLength(1);
    expect(choices[0]).toMatchObject({ index: 0, message: { role: "assistant" }, finish_reason: "stop" });
  });
  test("CM-10.1.2 has usage with its three counts", async () => {
    const { usage } = await (await chat(model)).json();
    for (const count of ["prompt_tokens", "completion_tokens", "total_tokens"]) expect(usage[count]).toBeGreaterThan(0);
  });
  test("CM-10.1.3 has an id that starts with chatcmpl-", async () => {
    expect((await (await chat(model)).json()).id).toMatch(/^chatcmpl-./);
  });
  test("CM-10.1.4 has a model", async () => {
    expect((await (await chat(model)).json()).model).toEqual(expect.any(String));
  });
  test("CM-10.1.5 streams as events of the form data: {json} and a blank line", async () => {
    const reply = await chat(model, { stream: true });
    expect(reply.headers.get("content-type")).toContain("text/event-stream");
    const frames = (await reply.text()).split("\n\n").slice(0, -2);
    expect(frames.length).toBeGreaterThan(2);
    for (const frame of frames) expect(JSON.parse(frame.replace(/^data: /, "")).object).toBe("chat.completion.chunk");
  });
  test("CM-10.1.6 a stream ends with data: [DONE] and a blank line", async () => {
    expect((await (await chat(model, { stream: true })).text()).endsWith("\n\ndata: [DONE]\n\n")).toBe(true);
  });
  test("CM-10.1.7 in JSON mode the content parses", async () => {
    const { choices } = await (
      await chat(model, {
        response_format: { type: "json_object" },
        messages: [{ role: "user", content: "Say hello in JSON." }],
      })
    ).json();
    expect(JSON.parse(choices[0].message.content)).toEqual(expect.any(Object));
  });
  test("CM-10.1.8 a tool call comes as a tool_calls array", async () => {
    const tools = { tools: [weather], tool_choice: "required" };
    const { choices } = await (await chat(model, tools)).json();
    expect(choices[0].finish_reason).toBe("tool_calls");
    const [call] = choices[0].message.tool_calls;
    expect(call).toMatchObject({ id: expect.any(String), type: "function", function: { name: "get_weather" } });
    expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) });
  });
});

test.each(["openai/gpt-4o-mini", "google/gemini-2.5-flash"])(
  "CM-10.1.9 with logprobs the choice of %s carries them",
  async (model) => {
    const { choices } = await (await chat(model, { logprobs: true, top_logprobs: 2 })).json();
    expect(choices[0].logprobs.content[0]).toMatchObject({ token: expect.any(String), logprob: expect.any(Number) });
  },
);

test("CM-10.1.9 where a provider has none, the header says that they were ignored", async () => {
  const reply = await chat("anthropic/claude-sonnet-4.5", { logprobs: true });
  expect(reply.headers.get("x-gateway-ignored-parameters")).toContain("logprobs");
});

test("B77 a field that no header could name does not break the answer that was paid for", async () => {
  const odd = { "naïve ☃": 1, "a\r\nset-cookie: x": 1, plain_field: 1, ["x".repeat(500)]: 1 };
  const reply = await chat("anthropic/claude-sonnet-4.5", odd);
  expect(reply.status).toBe(200);
  expect(reply.headers.get("x-gateway-ignored-parameters")).toBe("plain_field");
  expect(reply.headers.get("set-cookie")).toBeNull();
});

describe.each(MODELS)("an Anthropic message of %s", (model) => {
  test("CM-10.2.1 has a content array", async () => {
    const reply = await (await message(model)).json();
    expect(reply).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn" });
    expect(reply.content[0]).toMatchObject({ type: "text", text: expect.any(String) });
  });
  test("CM-10.2.2 has usage with input and output tokens", async () => {
    const { usage } = await (await message(model)).json();
    expect(usage.input_tokens).toBeGreaterThan(0);
    expect(usage.output_tokens).toBeGreaterThan(0);
  });
  test("CM-10.2.3 streams as named events in their order", async () => {
    const text = await (await message(model, { stream: true })).text();
    const names = [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name).filter((name) => name !== "ping");
    const distinct = names.filter((name, index) => name !== names[index - 1]);
    expect(distinct).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });
});

test("CM-10.3.1 the same model from different providers has the same shape", async () => {
  const direct = await (await chat("anthropic/claude-sonnet-4.5")).json();
  simulator.next("anthropic", fault.status(503));
  const elsewhere = await (await chat("anthropic/claude-sonnet-4.5")).json();
  const core = ["id", "object", "created", "model", "choices", "usage"];
  for (const reply of [direct, elsewhere]) {
    expect(Object.keys(reply)).toEqual(expect.arrayContaining(core));
    expect(Object.keys(reply.usage)).toEqual(
      expect.arrayContaining(["prompt_tokens", "completion_tokens", "total_tokens", "cost"]),
    );
  }
});

test("CM-10.3.2 a provider's own fields are removed, whole and streamed", async () => {
  const model = "meta-llama/llama-3.3-70b-instruct";
  for (const stream of [false, true]) {
    const reply = await chat(`groq/llama-3.3-70b-versatile`, { stream });
    expect(reply.headers.get("x-gateway-provider")).toBe("groq");
    const text = await reply.text();
    expect(text).not.toContain("x_groq");
    const other = await chat(model, { stream });
    expect(other.headers.get("x-gateway-provider")).toBe("openrouter");
    expect(await other.text()).not.toContain('"provider"');
  }
});

describe("token estimation", () => {
  test("CM-14.1 without a tokenizer a token is four characters: 400 characters are 100", () => {
    expect(estimateContentTokens("x".repeat(400))).toBe(100);
    expect([estimateContentTokens(""), estimateContentTokens("a"), estimateContentTokens("abcdefg")]).toEqual([
      0, 1, 1,
    ]);
  });
});

describe("passthrough", () => {
  test("R17 what the client sent reaches a provider of the same format byte for byte, but for the model", async () => {
    const text =
      '{ "model":"openai/gpt-4o-mini" , "messages":[{"role":"user","content":"h\\u00e9llo"}],"future_field":{"a":[1.0,2e3]},"max_tokens":50}';
    const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${gateway.key}`,
        "content-type": "application/json",
        cookie: "a=b",
        "x-forwarded-for": "1.2.3.4",
        "openai-organization": "org-x",
      },
      body: text,
    });
    expect(reply.status).toBe(200);
    const sent = simulator.log.last;
    expect(sent.text).toBe(text.replace('"openai/gpt-4o-mini"', '"gpt-4o-mini"'));
    const allowed = ["host", "connection", "content-type", "content-length", "authorization", "accept-encoding"];
    expect(Object.keys(sent.headers).filter((name) => !allowed.includes(name))).toEqual([]);
    expect([...reply.headers.keys()].filter((name) => /^(?:openai-|set-cookie|server$|cf-)/.test(name))).toEqual([]);
  });
});
