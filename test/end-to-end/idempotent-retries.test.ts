import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic"] });
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

const openai = (options: object = {}) =>
  new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 4, ...options });
const question = {
  model: "openai/gpt-4o-mini",
  max_tokens: 50,
  messages: [{ role: "user" as const, content: "Hello there" }],
};
const under = (key: string) => ({ headers: { "Idempotency-Key": key } });
const paid = async () => {
  await gateway.settled();
  return (await gateway.transactions()).filter(({ kind, amountNanoUsd }) => kind === "settle" && amountNanoUsd > 0n);
};

test("R12 the OpenAI SDK's own retries under one key: failed tries are made again, the answer is paid once", async () => {
  const before = (await paid()).length;
  simulator.next("openai", fault.status(503).times(2));
  const reply = await openai().chat.completions.create(question, under("retried"));
  expect(reply.choices[0]?.message.content).toBe("You said: Hello there");
  expect(simulator.log.count("openai")).toBe(3);
  expect((await paid()).length - before).toBe(1);
});

test("R12 a client that gave up waiting and asks again gets an answer, and pays for one", async () => {
  const before = (await paid()).length;
  simulator.next("openai", fault.hold("request"));
  const reply = await openai({ timeout: 500 }).chat.completions.create(question, under("impatient"));
  expect(reply.choices[0]?.message.content).toBe("You said: Hello there");
  expect((await paid()).length - before).toBe(1);
});

test("R12 a request that was answered is not retried by either SDK: the refusal is final", async () => {
  const anthropic = new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 4 });
  const message = { ...question, model: "anthropic/claude-sonnet-4.5" };
  await anthropic.messages.create(message, under("done"));
  await gateway.settled();
  const calls = simulator.log.all.length;
  await expect(anthropic.messages.create(message, under("done"))).rejects.toMatchObject({ status: 409 });
  await openai().chat.completions.create(question, under("done-too"));
  await gateway.settled();
  await expect(openai().chat.completions.create(question, under("done-too"))).rejects.toMatchObject({
    status: 409,
    code: "idempotency_completed",
  });
  expect(simulator.log.all.length - calls).toBe(1);
});

test("R12 two connections for one stream: the second reads all of it, on Node's own sockets", async () => {
  const before = (await paid()).length;
  simulator.next("openai", fault.hold(1));
  const body = { ...question, stream: true };
  const first = await gateway.post("/v1/chat/completions", body, { "idempotency-key": "joined" });
  const second = await gateway.post("/v1/chat/completions", body, { "idempotency-key": "joined" });
  expect([first.status, second.status]).toEqual([200, 200]);
  simulator.release();
  const [one, two] = await Promise.all([first.text(), second.text()]);
  expect(two).toBe(one);
  expect(one).toContain("[DONE]");
  expect(simulator.log.count("openai")).toBe(1);
  expect((await paid()).length - before).toBe(1);
});
