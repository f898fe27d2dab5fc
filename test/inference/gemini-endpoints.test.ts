import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({
    simulator,
    providers: ["openai", "anthropic", "google-ai-studio"],
    environment: { KEEP_ALIVE_MS: "50" },
  });
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

const MODELS = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"];
const PROVIDERS: Readonly<Record<string, string>> = {
  "openai/gpt-4o-mini": "openai",
  "anthropic/claude-sonnet-4.5": "anthropic",
  "google/gemini-2.5-flash": "google-ai-studio",
};
const HELLO = {
  contents: [{ role: "user", parts: [{ text: "Say hello." }] }],
  generationConfig: { maxOutputTokens: 100 },
};
const ask = (model: string, method = "generateContent", body: object = HELLO, headers = {}) =>
  gateway.post(`/v1beta/models/${model}:${method}`, body, headers);

describe.each(MODELS)("generateContent of %s", (model) => {
  test("CM-10.3.1 has the same members whoever serves it", async () => {
    const reply = await (await ask(model)).json();
    expect(Object.keys(reply).sort()).toEqual(["candidates", "modelVersion", "responseId", "usageMetadata"]);
    expect(reply.candidates[0].content).toEqual({ role: "model", parts: [{ text: "You said: Say hello." }] });
  });
  test("CM-14.3 is charged by the provider's usage, and tells the cost", async () => {
    const before = await gateway.balance();
    const { usageMetadata } = await (await ask(model)).json();
    await gateway.settled();
    expect(usageMetadata.cost).toBeGreaterThan(0);
    expect(before - (await gateway.balance())).toBe(BigInt(Math.round(usageMetadata.cost * 1e9)));
  });
  test("CM-14.2 is estimated where the provider reports no usage", async () => {
    simulator.next(PROVIDERS[model] ?? "", fault.usage({ kind: "none" }));
    const { usageMetadata } = await (await ask(model)).json();
    expect(usageMetadata).toMatchObject({ candidatesTokenCount: 5 });
    expect(usageMetadata.cost).toBeGreaterThan(0);
  });
  test("streams a JSON list by default, server-sent events on demand", async () => {
    const listed = await ask(model, "streamGenerateContent");
    expect(listed.headers.get("content-type")).toBe("application/json");
    const pieces = await listed.json();
    const text = (all: { candidates: { content: { parts: { text?: string }[] } }[] }[]) =>
      all
        .flatMap(({ candidates }) => candidates.flatMap(({ content }) => content.parts.map((part) => part.text ?? "")))
        .join("");
    expect(text(pieces)).toBe("You said: Say hello.");
    const streamed = await ask(model, "streamGenerateContent?alt=sse");
    expect(streamed.headers.get("content-type")).toContain("text/event-stream");
    const frames = (await streamed.text()).split("\r\n\r\n").filter((frame) => frame !== "");
    expect(text(frames.map((frame) => JSON.parse(frame.replace(/^data: /, ""))))).toBe("You said: Say hello.");
  });
  test("a list that waits for its first word is still JSON", async () => {
    simulator.next(PROVIDERS[model] ?? "", fault.hold("headers"));
    const reply = await ask(model, "streamGenerateContent");
    const pieces: Uint8Array[] = [];
    for await (const piece of reply.body ?? []) {
      pieces.push(piece);
      simulator.release();
    }
    const text = Buffer.concat(pieces).toString();
    expect(text.startsWith("\r\n")).toBe(true);
    expect(JSON.parse(text).at(-1).candidates[0].finishReason).toBe("STOP");
  });
});

test("a model's id may be sent in one piece, or by its alias", async () => {
  for (const model of ["google%2Fgemini-2.5-flash", "gemini-2.5-flash", "models/gemini-2.5-flash"]) {
    expect((await ask(model)).status).toBe(200);
  }
});

test("B13 a key in the query is refused, in Google's shape, with what to do instead", async () => {
  const reply = await fetch(`${gateway.url}/v1beta/models/gemini-2.5-flash:generateContent?key=${gateway.key}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(HELLO),
  });
  expect(reply.status).toBe(401);
  const { error } = await reply.json();
  expect(error).toMatchObject({ code: 401, status: "UNAUTHENTICATED", details: [{ reason: "key_in_query" }] });
  expect(error.message).toContain("x-goog-api-key");
});

test("B12 two headers with different keys", async () => {
  const reply = await ask("gemini-2.5-flash", "generateContent", HELLO, { "x-goog-api-key": "another" });
  expect(reply.status).toBe(400);
  expect((await reply.json()).error.details[0].reason).toBe("conflicting_credentials");
});

test("B23 B21 another method and another verb", async () => {
  const get = await fetch(`${gateway.url}/v1beta/models/gemini-2.5-flash:generateContent`);
  expect([404, 405]).toContain(get.status);
  const unknown = await gateway.post("/v1beta/models/gemini-2.5-flash:embedContent", HELLO);
  expect([404, 405]).toContain(unknown.status);
  expect((await unknown.json()).error.status).toEqual(expect.any(String));
});

test("tools that run at Google are passed there and refused elsewhere", async () => {
  const body = { ...HELLO, tools: [{ googleSearch: {} }] };
  expect((await ask("google/gemini-2.5-flash", "generateContent", body)).status).toBe(200);
  expect(simulator.log.last.text).toContain("googleSearch");
  const refused = await ask("anthropic/claude-sonnet-4.5", "generateContent", body);
  expect(refused.status).toBe(400);
  expect((await refused.json()).error.message).toContain("googleSearch");
});

test("countTokens asks Google for its models, and costs nothing", async () => {
  const before = await gateway.balance();
  const google = await ask("google/gemini-2.5-flash", "countTokens");
  expect(google.headers.get("x-gateway-provider")).toBe("google-ai-studio");
  expect((await google.json()).totalTokens).toBeGreaterThan(0);
  const other = await ask("openai/gpt-4o-mini", "countTokens", { generateContentRequest: HELLO });
  expect((await other.json()).totalTokens).toBeGreaterThan(0);
  await gateway.settled();
  expect(await gateway.balance()).toBe(before);
});

test("an Idempotency-Key tells models and framings apart", async () => {
  const headers = { "idempotency-key": "once" };
  expect((await ask("openai/gpt-4o-mini", "generateContent", HELLO, headers)).status).toBe(200);
  const other = await ask("google/gemini-2.5-flash", "generateContent", HELLO, headers);
  expect(other.status).toBe(422);
});
