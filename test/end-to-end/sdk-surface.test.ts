import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import OpenAI from "openai";
import { zodFunction } from "openai/helpers/zod";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { anthropicClient, openAiClient } from "./ask-by-sdk.ts";
import { collect } from "./collect.ts";
import { ANTHROPIC_MODEL, MODELS_OF_ALL_WIRES, OPENAI_MODEL } from "./sdk-target.ts";

// The rest of what the official clients can do with the routes that are served, and what they hear of those that are not.
// The suites beside it (…-sdk-suite.ts) have the methods that most code calls.
let simulator: Simulator;
let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: MODELS_OF_ALL_WIRES.map(({ provider }) => provider) });
  openai = openAiClient(gateway);
  anthropic = anthropicClient(gateway);
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

const says = (content: string) => [{ role: "user" as const, content }];

describe.each(MODELS_OF_ALL_WIRES)("the clients' other methods on $model", ({ model, provider }) => {
  test("openai: withResponse with the request's id, and asResponse", async () => {
    const call = openai.chat.completions.create({ model, messages: says("Hello") });
    const { data, response, request_id } = await call.withResponse();
    expect(data.choices[0]?.message.content).toBe("You said: Hello");
    expect(request_id).toMatch(/./);
    expect(response.headers.get("x-gateway-provider")).toBe(provider);
    const raw = await openai.chat.completions.create({ model, messages: says("Hello"), stream: true }).asResponse();
    expect(await raw.text()).toMatch(/data: \[DONE\]\n\n$/);
  });

  test("openai: runTools, streamed, with a tool of zod's", async () => {
    const tool = zodFunction({
      name: "get_weather",
      parameters: z.object({ city: z.string() }),
      function: ({ city }) => `snow in ${city}`,
    });
    const messages = says('Use get_weather({"city":"Oslo"})');
    const runner = openai.chat.completions.runTools({ model, messages, tools: [tool], stream: true });
    expect(await runner.finalContent()).toBe("The tools said: snow in Oslo");
    expect((await runner.totalUsage()).total_tokens).toBeGreaterThanOrEqual(0);
  });

  test("openai: a stream goes on to a browser, and is read there", async () => {
    const stream = openai.chat.completions.stream({ model, messages: says("Hello") });
    const there = ChatCompletionStream.fromReadableStream(stream.toReadableStream());
    expect(await there.finalContent()).toBe("You said: Hello");
    const [one, other] = (await openai.chat.completions.create({ model, messages: says("Hi"), stream: true })).tee();
    expect(await collect(one)).toEqual(await collect(other));
  });

  test("openai and anthropic: models.retrieve, by the name that is asked", async () => {
    expect(await openai.models.retrieve(model)).toMatchObject({ id: model, object: "model" });
    expect(await anthropic.models.retrieve(model)).toMatchObject({ id: model, type: "model" });
    expect((await collect(anthropic.beta.models.list())).map(({ id }) => id)).toContain(model);
    await expect(openai.models.retrieve("no-such-model")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(anthropic.models.retrieve("no-such-model")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  test("anthropic: withResponse with the request's id, and asResponse", async () => {
    const asked = { model, max_tokens: 100, messages: says("Hello") };
    const { response, request_id } = await anthropic.messages.create(asked).withResponse();
    expect(request_id).toMatch(/./);
    expect(response.headers.get("x-gateway-provider")).toBe(provider);
    const raw = await anthropic.messages.create({ ...asked, stream: true }).asResponse();
    expect(await raw.text()).toMatch(/event: message_stop\ndata: .*\n\n$/);
  });

  test("anthropic: beta.messages, and its tool runner", async () => {
    const asked: string[] = [];
    const weather = betaZodTool({
      name: "get_weather",
      description: "The weather in a city.",
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        asked.push(city);
        return `snow in ${city}`;
      },
    });
    const body = { model, max_tokens: 1_000, messages: says('Use get_weather({"city":"Oslo"})'), tools: [weather] };
    // Threads are kept by Anthropic's own servers.
    const last = await anthropic.beta.messages.toolRunner({ ...body, thread: false });
    expect(last.content).toMatchObject([{ type: "text", text: "The tools said: snow in Oslo" }]);
    expect(asked).toEqual(["Oslo"]);
    const { content } = await anthropic.beta.messages.create({ model, max_tokens: 100, messages: says("Hi") });
    expect(content).toMatchObject([{ type: "text", text: "You said: Hi" }]);
  });
});

describe("retries, as the clients do them by themselves", () => {
  const patient = { maxRetries: 2, timeout: 20_000 };

  test("a failure that will pass is retried by both, and answered", async () => {
    // Nobody else serves the model here, so ours is a 5xx, after which the clients ask again.
    simulator.next("openai", fault.status(500));
    const reply = await openai.chat.completions.create({ model: OPENAI_MODEL.model, messages: says("Hello") }, patient);
    expect(reply.choices[0]?.message.content).toBe("You said: Hello");
    expect(simulator.log.count("openai")).toBe(2);
    simulator.next("anthropic", fault.status(500));
    const body = { model: ANTHROPIC_MODEL.model, max_tokens: 100, messages: says("Hello") };
    expect((await anthropic.messages.create(body, patient)).content).toMatchObject([{ text: "You said: Hello" }]);
    expect(simulator.log.count("anthropic")).toBe(2);
  });

  test("what no retry mends is asked once", async () => {
    const model = "no-such-model";
    const before = gateway.logLines.length;
    await expect(openai.chat.completions.create({ model, messages: says("Hi") }, patient)).rejects.toThrow(/404/);
    const body = { model, max_tokens: 9, messages: says("Hi") };
    await expect(anthropic.messages.create(body, patient)).rejects.toThrow(/404/);
    expect(gateway.logLines.length - before).toBeLessThanOrEqual(2);
  });
});

/** Methods of routes that this gateway does not have. */
const OPENAI_LACKS: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  "chat.completions.retrieve": () => openai.chat.completions.retrieve("chatcmpl-1"),
  "chat.completions.list": () => openai.chat.completions.list(),
  "chat.completions.update": () => openai.chat.completions.update("chatcmpl-1", { metadata: {} }),
  "chat.completions.delete": () => openai.chat.completions.delete("chatcmpl-1"),
  "models.delete": () => openai.models.delete("ft-1"),
  "fineTuning.jobs.list": () => openai.fineTuning.jobs.list(),
  "vectorStores.list": () => openai.vectorStores.list(),
  "conversations.create": () => openai.conversations.create({}),
  "containers.list": () => openai.containers.list(),
  "evals.list": () => openai.evals.list(),
  "videos.list": () => openai.videos.list(),
};
const ANTHROPIC_LACKS: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  "messages.batches.create": () => anthropic.messages.batches.create({ requests: [] }),
  "messages.batches.list": () => anthropic.messages.batches.list(),
  "messages.batches.retrieve": () => anthropic.messages.batches.retrieve("msgbatch_1"),
  "beta.skills.list": () => anthropic.beta.skills.list(),
};

describe("routes that are not here", () => {
  test.each(Object.entries(OPENAI_LACKS))("openai %s is a 404 or 405 in OpenAI's shape", async (_, call) => {
    const error = await caught(call);
    if (!(error instanceof OpenAI.APIError)) throw new Error("It was no APIError.", { cause: error });
    expect([404, 405]).toContain(error.status);
    expect(error).toMatchObject({ type: expect.any(String), code: expect.any(String), requestID: expect.any(String) });
    expect(error.message).toMatch(/\w/);
  });

  test.each(Object.entries(ANTHROPIC_LACKS))("anthropic %s is a 404 in Anthropic's shape", async (_, call) => {
    const error = await caught(call);
    if (!(error instanceof Anthropic.NotFoundError)) throw new Error("It was no NotFoundError.", { cause: error });
    expect(error.error).toMatchObject({
      type: "error",
      error: { type: "not_found_error", message: expect.any(String) },
    });
    expect(error.requestID).toEqual(expect.any(String));
  });
});

async function caught(call: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}
