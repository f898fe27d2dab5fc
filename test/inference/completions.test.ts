import { sql } from "kysely";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { collect } from "../end-to-end/collect.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
let client: OpenAI;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic", "google-ai-studio", "together"] });
  client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

/** Together serves completions beside chat; the others are asked in a chat of one turn. */
const NATIVE = "meta-llama/llama-3.1-70b-instruct";
const MODELS = [NATIVE, "openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"];

describe.each(MODELS)("completions of %s", (model) => {
  test("CM-10.3.1 create", async () => {
    const before = await gateway.balance();
    const reply = await client.completions.create({ model, prompt: "Hello", max_tokens: 50 });
    expect(reply).toMatchObject({ object: "text_completion", id: expect.stringMatching(/^cmpl-/) });
    expect(reply.choices).toEqual([{ text: "You said: Hello", index: 0, logprobs: null, finish_reason: "stop" }]);
    expect(reply.usage?.total_tokens).toBeGreaterThan(0);
    await gateway.settled();
    expect(before - (await gateway.balance())).toBeGreaterThan(0n);
  });
  test("stream", async () => {
    const asked = {
      model,
      prompt: "count to 5",
      max_tokens: 50,
      stream: true,
      stream_options: { include_usage: true },
    } as const;
    const chunks = await collect(await client.completions.create(asked));
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("")).toBe("1 2 3 4 5");
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.finish_reason ?? [])).toEqual(["stop"]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
    const silent = await collect(await client.completions.create({ ...asked, stream_options: null }));
    expect(silent.every((chunk) => chunk.choices.length > 0)).toBe(true);
  });
  test("a maximum, which is 16 where none is asked for, and a stop", async () => {
    const short = await client.completions.create({ model, prompt: "count to 50", max_tokens: 4 });
    expect(short.choices[0]).toMatchObject({ text: "1 2 3 4", finish_reason: "length" });
    const unasked = await client.completions.create({ model, prompt: "count to 50" });
    expect(unasked.choices[0]?.finish_reason).toBe("length");
    const stopped = await client.completions.create({ model, prompt: "count to 9", stop: [" 4"] });
    expect(stopped.choices[0]).toMatchObject({ text: "1 2 3", finish_reason: "stop" });
  });
  test("an error inside a stream is thrown by the iteration", async () => {
    const { provider = "" } = {
      provider:
        { [NATIVE]: "together", "openai/gpt-4o-mini": "openai", "anthropic/claude-sonnet-4.5": "anthropic" }[model] ??
        "google-ai-studio",
    };
    simulator.next(provider, fault.errorEvent(2, 503));
    const stream = await client.completions.create({ model, prompt: "count to 9", max_tokens: 50, stream: true });
    await expect(collect(stream)).rejects.toBeInstanceOf(OpenAI.APIError);
  });
});

test("a provider that serves completions gets the client's own bytes, and what a chat has no place for", async () => {
  const prompt = ["Hello", "World"];
  const reply = await client.completions.create({ model: NATIVE, prompt, suffix: ".", max_tokens: 9 });
  expect(reply.choices).toHaveLength(2);
  expect(simulator.log.last.body).toMatchObject({ prompt, suffix: ".", max_tokens: 9 });
  expect(simulator.log.last.path).toMatch(/\/completions$/);
});

test("echo and logprobs in a chat's stead", async () => {
  const asked = { model: "openai/gpt-4o-mini", prompt: "Hi", echo: true, logprobs: 2, max_tokens: 20 };
  const { choices } = await client.completions.create(asked);
  expect(choices[0]?.text).toBe("HiYou said: Hi");
  expect(choices[0]?.logprobs?.tokens?.join("")).toBe("You said: Hi");
  expect(choices[0]?.logprobs?.text_offset?.[0]).toBe(2);
  const chunks = await collect(await client.completions.create({ ...asked, stream: true }));
  expect(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("")).toBe("HiYou said: Hi");
});

test.each([
  ["prompt", { prompt: [1, 2, 3] }],
  ["prompt", { prompt: [[1, 2], [3]] }],
  ["prompt", { prompt: ["one", "two"] }],
  ["suffix", { suffix: "end" }],
  ["best_of", { best_of: 3 }],
])("%s that a chat cannot carry is refused before anything is held: %o", async (param, more) => {
  const reply = await gateway.post("/v1/completions", { model: "openai/gpt-4o-mini", prompt: "Hi", ...more });
  expect(reply.status).toBe(400);
  expect((await reply.json()).error).toMatchObject({ code: "unsupported_parameter", param });
  expect(simulator.log.all).toHaveLength(0);
});

test("each of several prompts has the context to itself, and what they come to together is believed", async () => {
  const model = "test-prompts/small";
  await sql`insert into model (id, name, context_length, max_output_tokens, modality, open_weights)
    values (${model}, 'Small', 4096, 4096, 'text->text', true)`.execute(gateway.stores.database);
  await sql`insert into model_offer (model_id, provider, native_model, price_version)
    select ${model}, provider, 'small', price_version from model_offer where model_id = ${NATIVE} and provider = 'together'`.execute(
    gateway.stores.database,
  );
  const asked = { model, prompt: Array.from({ length: 20 }, () => "word ".repeat(240)), max_tokens: 2 };
  const reply = await client.completions.create(asked);
  expect(reply.choices).toHaveLength(20);
  const reported = reply.usage?.prompt_tokens ?? 0;
  expect(reported).toBeGreaterThan(4_096 * 1.1);
  await gateway.settled();
  const [charge] = await gateway.transactions();
  expect(charge?.detail).toMatchObject({ usage: { source: "provider", inputUncached: reported } });
  const long = await gateway.post("/v1/completions", { ...asked, prompt: ["Hi", "word ".repeat(4_000)] });
  expect((await long.json()).error).toMatchObject({ code: "context_length_exceeded", param: "prompt" });
});
