import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai"] });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(async () => {
  simulator.reset();
  expect(await gateway.checkLedger()).toEqual([]);
});

const codeOf = async (response: Response) => {
  const body: unknown = await response.json();
  return [response.status, body];
};

test("Idempotency-Key: embeddings are made once a key", async () => {
  const ask = (input: string) =>
    gateway.post("/v1/embeddings", { model: "text-embedding-3-small", input }, { "idempotency-key": "embed-1" });
  const first = await ask("x");
  expect(first.status).toBe(200);
  await first.text();
  await gateway.settled();
  expect(await codeOf(await ask("x"))).toMatchObject([409, { error: { code: "idempotency_completed" } }]);
  expect(await codeOf(await ask("y"))).toMatchObject([422, { error: { code: "idempotency_mismatch" } }]);
  expect(simulator.log.all).toHaveLength(1);
});

test("Idempotency-Key: a recording is the same under any boundary, and another is not", async () => {
  const ask = (bytes: number) => {
    const form = new FormData();
    form.set("model", "whisper-1");
    form.set("file", new Blob([new Uint8Array(bytes)]), "a.mp3");
    const headers = { authorization: `Bearer ${gateway.key}`, "idempotency-key": "hear-1" };
    return fetch(`${gateway.url}/v1/audio/transcriptions`, { method: "POST", headers, body: form });
  };
  const first = await ask(100_000);
  expect(await first.json()).toMatchObject({ text: "Heard 100000 bytes." });
  await gateway.settled();
  expect(await codeOf(await ask(100_000))).toMatchObject([409, { error: { code: "idempotency_completed" } }]);
  expect(await codeOf(await ask(100_001))).toMatchObject([422, { error: { code: "idempotency_mismatch" } }]);
  expect(simulator.log.all).toHaveLength(1);
});
