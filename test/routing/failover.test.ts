import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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
    providers: ["openai", "anthropic", "openrouter", "together", "fireworks", "deepinfra"],
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

const chat = (model = "openai/gpt-4o-mini", more: object = {}) =>
  gateway.post("/v1/chat/completions", {
    model,
    max_tokens: 50,
    messages: [{ role: "user", content: "Say hello." }],
    ...more,
  });
/** Moves time on, step by step, until the gateway has done what it waits with. */
async function advanceUntil(done: Promise<unknown>, stepMs: number): Promise<void> {
  let pending = true;
  const watched = done.finally(() => {
    pending = false;
  });
  while (pending) {
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await watched;
}
const callsTo = (provider: string) => simulator.log.count(provider);
const balanceAfter = async () => {
  await gateway.settled();
  return gateway.balance();
};

describe("failover", () => {
  test.each([
    ["CM-5.1.3", 502],
    ["CM-5.1.4", 503],
    ["CM-5.1.5", 504],
    ["CM-5.1.6", 401],
    ["CM-5.1.7", 402],
    ["CM-5.1.8", 403],
    ["CM-5.1.9", 404],
  ])(
    "%s a %i makes the gateway try the next provider, and only the one that answered is charged",
    async (_, status) => {
      const before = await balanceAfter();
      simulator.next("openai", fault.status(status));
      const reply = await chat();
      expect(reply.status).toBe(200);
      expect(reply.headers.get("x-gateway-provider")).toBe("openrouter");
      expect([callsTo("openai"), callsTo("openrouter")]).toEqual([1, 1]);
      const { usage } = await reply.json();
      expect(before - (await balanceAfter())).toBe(BigInt(Math.round(usage.cost * 1e9)));
    },
  );

  test.each([500, 529])("F23 a %i makes the gateway try the next provider", async (status) => {
    simulator.next("openai", fault.status(status));
    expect((await chat()).headers.get("x-gateway-provider")).toBe("openrouter");
  });

  test("CM-5.1.10 a 400 comes back at once, mapped and for nothing; no other provider is tried", async () => {
    const before = await balanceAfter();
    simulator.next("openai", fault.status(400));
    const reply = await chat();
    expect(reply.status).toBe(400);
    expect((await reply.json()).error).toMatchObject({
      type: "invalid_request_error",
      code: "provider_rejected_request",
    });
    expect([callsTo("openai"), callsTo("openrouter")]).toEqual([1, 0]);
    expect(await balanceAfter()).toBe(before);
  });

  test("CM-5.1.11 a 429 is waited out at the same provider, which is asked again; then the client gets it", async () => {
    simulator.next("openai", fault.rateLimited(2));
    const patient = chat();
    await simulator.log.nth(1);
    await advanceUntil(patient, 500);
    expect((await patient).headers.get("x-gateway-provider")).toBe("openai");
    expect([callsTo("openai"), callsTo("openrouter")]).toEqual([2, 0]);

    simulator.next("openai", fault.rateLimited(31));
    const refused = await chat();
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("31");
    expect((await refused.json()).error.code).toBe("provider_rate_limited");
    expect(callsTo("openrouter")).toBe(0);
  });

  test("F24 a client may say that it would rather go elsewhere than wait for a 429", async () => {
    simulator.next("openai", fault.rateLimited(30));
    const reply = await chat("openai/gpt-4o-mini", { provider: { failover_on_rate_limit: true } });
    expect(reply.headers.get("x-gateway-provider")).toBe("openrouter");
    expect(simulator.log.last.body["provider"]).toBeUndefined();
  });

  test("CM-5.1.12 nothing in a normal response tells of the retries before it", async () => {
    const plain = await (await chat()).json();
    simulator.next("openai", fault.status(503));
    const retried = await (await chat()).json();
    const shared = ["id", "object", "created", "model", "choices", "usage"];
    for (const reply of [plain, retried]) expect(Object.keys(reply)).toEqual(expect.arrayContaining(shared));
    expect(JSON.stringify(retried)).not.toMatch(/attempt|retr|failover|fallback/i);
    expect(retried.choices[0].message.content).toBe(plain.choices[0].message.content);
  });

  test("CM-5.2.1 OpenAI's models go to OpenAI first, then to OpenRouter, and nowhere else", async () => {
    simulator.next("openai", fault.status(503));
    simulator.next("openrouter", fault.status(503));
    expect((await chat("openai/gpt-4o")).status).toBe(503);
    expect(simulator.log.all.map(({ provider }) => provider)).toEqual(["openai", "openrouter"]);
  });

  test("CM-5.2.2 Anthropic's models go to Anthropic first, then to OpenRouter, and nowhere else", async () => {
    simulator.next("anthropic", fault.status(529));
    simulator.next("openrouter", fault.status(503));
    expect((await chat("anthropic/claude-sonnet-4.5")).status).toBe(503);
    expect(simulator.log.all.map(({ provider }) => provider)).toEqual(["anthropic", "openrouter"]);
  });

  test("CM-5.2.3 open weights go on to every provider that serves them", async () => {
    const model = "meta-llama/llama-3.3-70b-instruct";
    for (const provider of ["openrouter", "fireworks", "together"]) simulator.next(provider, fault.status(503));
    const reply = await chat(model);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-gateway-provider")).toBe("deepinfra");
    expect(simulator.log.all.length).toBe(4);
  });
});

describe("circuit breaker", () => {
  const state = async (provider: string) => {
    const reply = await fetch(`${gateway.url}/circuit-breakers`, {
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });
    const { data } = await reply.json();
    return data.find((breaker: { provider: string }) => breaker.provider === provider)?.state;
  };
  const fail = async (times: number, provider = "openai") => {
    for (let call = 0; call < times; call++) {
      simulator.next(provider, fault.status(503));
      await (await chat()).text();
    }
    await gateway.settled();
  };

  test("CM-5.3.1 a breaker starts closed", async () => {
    expect(await state("openai")).toBe("closed");
  });

  test("CM-5.3.3 after four consecutive failures it is still closed", async () => {
    await fail(4);
    expect(await state("openai")).toBe("closed");
  });

  test("CM-5.3.2 the fifth opens it", async () => {
    await fail(5);
    expect(await state("openai")).toBe("open");
  });

  test("CM-5.3.4 an open one keeps every call away from its provider", async () => {
    await fail(5);
    const before = callsTo("openai");
    for (let call = 0; call < 3; call++) expect((await chat()).headers.get("x-gateway-provider")).toBe("openrouter");
    expect(callsTo("openai")).toBe(before);
  });

  test("CM-5.3.5 after 300 s the next call is let through as a probe", async () => {
    await fail(5);
    await clock.advance(299_000);
    expect((await chat()).headers.get("x-gateway-provider")).toBe("openrouter");
    await clock.advance(1_000);
    expect((await chat()).headers.get("x-gateway-provider")).toBe("openai");
  });

  test("CM-5.3.6 a probe that succeeds closes it", async () => {
    await fail(5);
    await clock.advance(300_000);
    await (await chat()).text();
    await gateway.settled();
    expect(await state("openai")).toBe("closed");
  });

  test("CM-5.3.7 a probe that fails opens it again, for another 300 s", async () => {
    await fail(5);
    await clock.advance(300_000);
    await fail(1);
    expect(await state("openai")).toBe("open");
    const before = callsTo("openai");
    await clock.advance(299_000);
    await (await chat()).text();
    expect(callsTo("openai")).toBe(before);
  });

  test("CM-5.3.8 a success resets the count", async () => {
    await fail(4);
    await (await chat()).text();
    await gateway.settled();
    await fail(4);
    expect(await state("openai")).toBe("closed");
  });

  test("CM-5.3.9 each provider has its own", async () => {
    await fail(5);
    expect([await state("openai"), await state("openrouter")]).toEqual(["open", "closed"]);
  });

  test("F42 F41 with every breaker open one call at a time probes the first provider, the others get 503 at once", async () => {
    for (let call = 0; call < 5; call++) {
      simulator.next("openai", fault.status(503));
      simulator.next("openrouter", fault.status(503));
      const reply = await chat();
      expect(reply.status).toBe(503);
      expect((await reply.json()).error.code).toBe("no_provider_available");
    }
    await gateway.settled();
    const before = simulator.log.all.length;
    simulator.next("openai", fault.hold("request"));
    const probe = chat();
    await simulator.log.nth(before + 1);
    const refused = await chat();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    simulator.release();
    expect((await probe).status).toBe(200);
    expect(simulator.log.all.length).toBe(before + 1);
    const probed = await chat();
    expect(probed.headers.get("x-gateway-provider")).toBe("openai");
  });
});
