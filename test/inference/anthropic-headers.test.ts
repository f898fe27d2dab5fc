import Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic", "google-ai-studio", "openrouter"] });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

const CLAUDE = "anthropic/claude-sonnet-4.5";
const BETAS = "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14";
const messages = [{ role: "user", content: "Say hello." }];
const message = (headers: Readonly<Record<string, string>>, more: object = {}) =>
  gateway.post("/v1/messages", { model: CLAUDE, max_tokens: 100, messages, ...more }, headers);
const chat = (headers: Readonly<Record<string, string>>, model = CLAUDE) =>
  gateway.post("/v1/chat/completions", { model, max_tokens: 100, messages }, headers);
const sent = (name: string) => simulator.log.last.headers[name];

describe("what a client's protocol headers become", () => {
  test.each([false, true])("betas and a newer version reach Anthropic as they are (stream: %s)", async (stream) => {
    const reply = await message({ "anthropic-beta": BETAS, "anthropic-version": "2026-11-01" }, { stream });
    expect(reply.status).toBe(200);
    await reply.text();
    expect(sent("anthropic-beta")).toBe(BETAS);
    expect(sent("anthropic-version")).toBe("2026-11-01");
  });

  test("an older version, or none, is ours: it is the one that we understand", async () => {
    for (const headers of [{}, { "anthropic-version": "2023-01-01" }, { "anthropic-version": "2023-06-01" }]) {
      expect((await message(headers)).status).toBe(200);
      expect(sent("anthropic-version")).toBe("2023-06-01");
      expect(sent("anthropic-beta")).toBeUndefined();
    }
  });

  test("blanks, empty entries and repetitions are not passed on", async () => {
    expect((await message({ "anthropic-beta": " a-1 ,, b.2_x,a-1 ," })).status).toBe(200);
    expect(sent("anthropic-beta")).toBe("a-1,b.2_x");
  });

  test("K24 they go from Anthropic's route to Anthropic's wire, never elsewhere", async () => {
    const headers = { "anthropic-beta": BETAS, "anthropic-version": "2026-11-01" };
    await chat(headers);
    expect(simulator.log.last.provider).toBe("anthropic");
    expect([sent("anthropic-beta"), sent("anthropic-version")]).toEqual([undefined, "2023-06-01"]);
    for (const model of ["openai/gpt-4o-mini", "google/gemini-2.5-flash"]) {
      await message(headers, { model });
      expect([sent("anthropic-beta"), sent("anthropic-version")]).toEqual([undefined, undefined]);
    }
    simulator.next("anthropic", fault.status(503));
    await message(headers);
    // OpenRouter speaks Anthropic's wire as well.
    expect([simulator.log.last.provider, simulator.log.last.wire]).toEqual(["openrouter", "anthropic"]);
    expect([sent("anthropic-beta"), sent("anthropic-version")]).toEqual([BETAS, "2026-11-01"]);
    await gateway.resetBreakers();
  });

  test("K24 of a request full of hostile headers the provider gets those two, and its own", async () => {
    const hostile = Object.fromEntries(
      ["cookie", "proxy-authorization", "x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip", "te",
        "anthropic-dangerous-direct-browser-access", "openai-organization", "x-stainless-lang", "anthropic-organization-id",
        "x-amz-security-token", "api-key", "x-custom", "origin", "referer", "accept-language", "if-none-match", "range"].map((name) => [name, "evil"]),
    ); // biome-ignore format: a list
    const reply = await message({ ...hostile, "anthropic-beta": BETAS });
    expect(reply.status).toBe(200);
    const own = [
      "host",
      "connection",
      "content-type",
      "content-length",
      "accept-encoding",
      "x-api-key",
      "anthropic-version",
    ];
    expect(Object.keys(simulator.log.last.headers).filter((name) => !own.includes(name))).toEqual(["anthropic-beta"]);
    expect(sent("x-api-key")).toBe("key-of-anthropic");
    expect(JSON.stringify(simulator.log.last.headers)).not.toContain("evil");
  });
});

describe("what has not their shape is refused by name, before anything is held", () => {
  test.each([
    ["a blank within", "anthropic-beta", "a b"],
    ["another header's syntax", "anthropic-beta", "a=b"],
    ["an address", "anthropic-beta", "https://evil.example/"],
    ["a name of 65 letters", "anthropic-beta", "a".repeat(65)],
    ["33 names", "anthropic-beta", Array.from({ length: 33 }, (_, index) => `b${index}`).join(",")],
    ["no date", "anthropic-version", "latest"],
    ["two dates", "anthropic-version", "2023-06-01, 2023-06-01"],
  ])("%s", async (_, name, value) => {
    const before = await gateway.balance();
    const reply = await message({ [name]: value });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: expect.stringContaining(name) },
    });
    expect(simulator.log.all).toEqual([]);
    expect(await gateway.balance()).toBe(before);
  });

  test("on OpenAI's route they are any other header: of no interest", async () => {
    expect((await chat({ "anthropic-beta": "a b", "anthropic-version": "latest" })).status).toBe(200);
  });
});

describe("betas that change a price", () => {
  test("are not passed on, and the reply says so; the call costs what it would without", async () => {
    const price = async (headers: Readonly<Record<string, string>>) => {
      const reply = await message(headers);
      return [reply.headers.get("x-gateway-cost"), reply.headers.get("x-gateway-ignored-parameters")];
    };
    const [plain] = await price({});
    const priced = "context-1m-2025-08-07";
    expect(await price({ "anthropic-beta": `${priced},${BETAS}` })).toEqual([plain, `anthropic-beta: ${priced}`]);
    expect(sent("anthropic-beta")).toBe(BETAS);
    expect(await price({ "anthropic-beta": "fast-mode-2026-02-01" })).toEqual([
      plain,
      "anthropic-beta: fast-mode-2026-02-01",
    ]);
    expect(sent("anthropic-beta")).toBeUndefined();
  });

  test("do not widen the window that Anthropic's own offer is priced for", async () => {
    const content = "x".repeat(4 * 210_000);
    await message({ "anthropic-beta": "context-1m-2025-08-07" }, { messages: [{ role: "user", content }] });
    // OpenRouter offers the same model with a larger window.
    expect(simulator.log.all.map(({ provider }) => provider)).toEqual(["openrouter"]);
  });
});

test("the official client's betas arrive", async () => {
  const client = new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 });
  const betas = ["interleaved-thinking-2025-05-14", "files-api-2025-04-14"];
  const reply = await client.beta.messages.create({
    model: CLAUDE,
    max_tokens: 100,
    messages: [{ role: "user", content: "Hi" }],
    betas,
  });
  expect(reply.content).toMatchObject([{ type: "text", text: "You said: Hi" }]);
  expect(sent("anthropic-beta")).toBe(betas.join(","));
});
