import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTestApp, post } from "../http/test-app.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
let clock: FakeClock;

beforeAll(async () => {
  simulator = await startSimulator();
  clock = createFakeClock();
  gateway = await startGateway({
    simulator,
    clock,
    providers: ["openai", "anthropic", "google-ai-studio", "openrouter"],
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

const CLAUDE = "anthropic/claude-sonnet-4.5";
const messages = [{ role: "user", content: "How many tokens is this sentence, I wonder?" }];
const count = (more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
  gateway.post("/v1/messages/count_tokens", { model: CLAUDE, messages, ...more }, headers);
/** What the simulated Anthropic makes of the message, and what we make of it. */
const COUNTED = 13;
const ESTIMATED = 18;

async function expectEstimate(reply: Response): Promise<void> {
  expect(reply.status).toBe(200);
  expect(await reply.json()).toEqual({ input_tokens: ESTIMATED });
  expect(reply.headers.get("x-gateway-provider")).toBeNull();
}

async function advanceUntil<Result>(done: Promise<Result>, stepMs: number): Promise<Result> {
  let pending = true;
  const watched = done.finally(() => {
    pending = false;
  });
  while (pending) {
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return watched;
}

describe("a model that Anthropic serves is counted by Anthropic", () => {
  test("the client's own bytes with the native model and its headers, and its count", async () => {
    const reply = await count(
      { system: "Be brief.", future_field: 1, session_id: "s" },
      { "anthropic-beta": "token-counting-2024-11-01" },
    );
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-gateway-provider")).toBe("anthropic");
    expect((await reply.json()).input_tokens).toBeGreaterThan(COUNTED);
    const { operation, text, headers } = simulator.log.last;
    expect(operation).toBe("count-tokens");
    expect(text).toBe(
      JSON.stringify({ model: "claude-sonnet-4-5-20250929", messages, system: "Be brief.", future_field: 1 }),
    );
    expect(headers).toMatchObject({
      "anthropic-beta": "token-counting-2024-11-01",
      "anthropic-version": "2023-06-01",
      "x-api-key": "key-of-anthropic",
    });
    expect(headers).not.toHaveProperty("authorization");
  });

  test("it costs nothing and holds nothing", async () => {
    const before = await gateway.balance();
    expect(await (await count()).json()).toEqual({ input_tokens: COUNTED });
    expect(await gateway.stores.redis.zcard("gw:open")).toBe(0);
    await gateway.settled();
    expect(await gateway.balance()).toBe(before);
    expect(await gateway.transactions()).toHaveLength(1); // the credit that the harness gave
  });

  test("an account without credit may count", async () => {
    const poor = await gateway.register("0");
    expect((await count({}, { authorization: `Bearer ${poor.key}` })).status).toBe(200);
  });
});

describe("our estimate answers", () => {
  test.each(["openai/gpt-4o-mini", "google/gemini-2.5-flash"])("for %s, which no Anthropic serves", async (model) => {
    await expectEstimate(await count({ model }));
    expect(simulator.log.all).toEqual([]);
  });

  test.each([
    ["is overloaded", () => fault.status(529)],
    ["fails", () => fault.status(500)],
    ["limits us", () => fault.rateLimited(30)],
    ["does not know the model", () => fault.status(404)],
    ["breaks off", () => fault.reset("headers")],
    ["is not reached", () => fault.reset("request")],
    ["shows a page", () => fault.html()],
    ["says nothing", () => fault.empty()],
    ["says nonsense", () => fault.page(200, "application/json", '{"input_tokens":"many"}')],
    ["sends us elsewhere", () => fault.redirect("http://169.254.169.254/")],
    ["sends a bomb", () => fault.gzipBomb(200_000_000)],
  ])("when Anthropic %s", async (_, make) => {
    simulator.next("anthropic", make());
    await expectEstimate(await count());
    expect(simulator.log.all).toHaveLength(1);
  });

  test("F25 when Anthropic refuses our key, and the operator is told", async () => {
    simulator.next("anthropic", fault.status(401));
    await expectEstimate(await count());
    expect(gateway.logLines.some((line) => line.includes("provider_refused_our_key"))).toBe(true);
  });

  test("when Anthropic takes longer than two seconds, which is then left", async () => {
    simulator.next("anthropic", fault.hold("request"));
    const startedAtMs = clock.now();
    await expectEstimate(await advanceUntil(count(), 250));
    expect(clock.now() - startedAtMs).toBeLessThanOrEqual(3_000);
    await simulator.log.last.closed;
    expect(simulator.log.last.state).toBe("aborted");
  });

  test("while Anthropic's breaker is open, which a count neither opens nor closes", async () => {
    for (let call = 0; call < 6; call++) {
      simulator.next("anthropic", fault.status(500));
      await expectEstimate(await count());
    }
    expect(simulator.log.count("anthropic")).toBe(6);
    for (let call = 0; call < 5; call++) {
      simulator.next("anthropic", fault.status(500));
      await gateway.post("/v1/messages", { model: CLAUDE, max_tokens: 9, messages });
    }
    const asked = simulator.log.count("anthropic");
    await expectEstimate(await count());
    expect(simulator.log.count("anthropic")).toBe(asked);
  });
});

describe("what is refused", () => {
  test("a mistake that Anthropic finds is the client's, told as our own are", async () => {
    const thinking = { type: "enabled", budget_tokens: 2_000 };
    const reply = await count({ thinking, temperature_typo: 1 });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: expect.stringContaining("temperature_typo") },
    });
  });

  test.each([
    ["no messages", { messages: undefined }],
    ["an unknown model", { model: "no/such" }],
  ])("%s, without asking anybody", async (_, more) => {
    expect([400, 404]).toContain((await count(more)).status);
    expect(simulator.log.all).toEqual([]);
  });

  test("a header that has not its protocol's shape", async () => {
    expect((await count({}, { "anthropic-beta": "a b" })).status).toBe(400);
  });

  test("B95 it takes a request of the key's minute, together with messages, and says what is left", async () => {
    const app = await createTestApp();
    const { apiKey } = await app.newKey({ requestsPerMinute: 2 });
    const ask = (path: string) =>
      app.fetch(
        post(path, { model: "openai/gpt-4o-mini", max_tokens: 9, messages }, { authorization: `Bearer ${apiKey}` }),
      );
    const first = await ask("/v1/messages/count_tokens");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect((await ask("/v1/messages")).status).toBe(200);
    const refused = await ask("/v1/messages/count_tokens");
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ type: "error", error: { type: "rate_limit_error" } });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("warm, it is one round trip to Redis and no SQL, and Redis being away costs no count", async () => {
    const app = await createTestApp();
    const ask = () =>
      app.fetch(
        post(
          "/v1/messages/count_tokens",
          { model: "openai/gpt-4o-mini", messages },
          { authorization: `Bearer ${app.key}` },
        ),
      );
    await ask();
    const [redis, sql] = [app.redisCalls(), app.sqlCalls()];
    expect((await ask()).status).toBe(200);
    expect([app.redisCalls() - redis, app.sqlCalls() - sql]).toEqual([1, 0]);
    app.breakRedis(true);
    const degraded = await ask();
    expect(degraded.status).toBe(200);
    expect(degraded.headers.get("x-degraded")).toBe("ratelimit");
  });
});
