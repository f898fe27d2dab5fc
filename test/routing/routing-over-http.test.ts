import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { fault } from "../support/simulator/fault.ts";
import { providerKey } from "../support/simulator/provider-access.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
let clock: FakeClock;

const OPENAI_KEYS = [1, 2, 3].map((number) => providerKey("openai", number));
const LLAMA = "meta-llama/llama-3.3-70b-instruct";

beforeAll(async () => {
  simulator = await startSimulator();
  clock = createFakeClock();
  gateway = await startGateway({
    simulator,
    clock,
    providers: ["openai", "anthropic", "openrouter", "together", "fireworks", "deepinfra"],
    environment: { OPENAI_API_KEY: OPENAI_KEYS.join(","), PROVIDER_WEIGHTS: "together=1,fireworks=1", HEDGING: "true" },
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

const HELLO = [{ role: "user", content: "Say hello." }];
const chat = (model: string, more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
  gateway.post("/v1/chat/completions", { model, max_tokens: 50, messages: HELLO, ...more }, headers);
const providerOf = (reply: Response) => reply.headers.get("x-gateway-provider");
const asked = () => simulator.log.all.map(({ provider }) => provider);
const keysUsed = () => simulator.log.all.map(({ headers }) => String(headers["authorization"]).replace("Bearer ", ""));
const reportOf = (reply: Response) => JSON.parse(reply.headers.get("x-gateway-routing") ?? "null");
const METADATA = { "x-gateway-metadata": "enabled" };

async function refused(reply: Response) {
  const { error } = await reply.json();
  expect(asked()).toEqual([]);
  return { status: reply.status, code: error.code, param: error.param, message: error.message };
}

/** Moves time on until `done`. */
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

describe("preferences", () => {
  test("order and only decide who is asked, on both client formats", async () => {
    expect(providerOf(await chat(LLAMA, { provider: { order: ["DeepInfra"] } }))).toBe("deepinfra");
    expect(providerOf(await chat("openai/gpt-4o-mini", { provider: { only: ["openrouter"] } }))).toBe("openrouter");
    const body = { model: LLAMA, max_tokens: 50, messages: HELLO, provider: { order: ["deepinfra"] } };
    expect(providerOf(await gateway.post("/v1/messages", body))).toBe("deepinfra");
    expect(JSON.stringify(simulator.log.all.map((request) => request.body))).not.toContain("provider");
  });

  test("what the model's name asks for counts where the body is silent", async () => {
    const order = async (model: string, more: object = {}) =>
      reportOf(await chat(model, { provider: { ignore: ["openrouter"], ...more } }, METADATA)).candidates.map(
        ({ provider }: { provider: string }) => provider,
      );
    const byPrice = await order(LLAMA, { sort: "price" });
    expect(await order(`${LLAMA}:floor`)).toEqual(byPrice);
    expect(await order(`${LLAMA}:nitro`, { sort: "price" })).toEqual(byPrice);
    expect((await order(`together/${LLAMA}:floor`))[0]).toBe("together");
  });

  test("with order and without fallbacks nobody else is asked", async () => {
    simulator.next("deepinfra", fault.status(503));
    const provider = { order: ["deepinfra"], allow_fallbacks: false };
    expect((await chat(LLAMA, { provider })).status).toBe(503);
    expect(asked()).toEqual(["deepinfra"]);
  });

  test.each([
    ["order", "B86", { order: ["nobody"] }, "unknown_provider", "provider.order[0]", "nobody"],
    ["only", "B86", { only: ["openai", "gpt-4o"] }, "unknown_provider", "provider.only[1]", "gpt-4o"],
    ["ignore", "B86", { ignore: [""] }, "invalid_type", "provider.ignore[0]", "empty"],
    ["sort", "", { sort: "cheapest" }, "invalid_enum", "provider.sort", "provider.sort"],
    ["sort.by", "", { sort: { by: "speed" } }, "invalid_enum", "provider.sort.by", "latency"],
    ["max_price", "", { max_price: { prompt: -1 } }, "out_of_range", "provider.max_price.prompt", "at least 0"],
    ["max_price", "", { max_price: { prompt: "cheap" } }, "invalid_value", "provider.max_price.prompt", "prompt"],
    ["data_collection", "", { data_collection: "no" }, "invalid_enum", "provider.data_collection", "deny"],
    ["quantizations", "", { quantizations: ["fp7"] }, "invalid_enum", "provider.quantizations[0]", "fp8"],
    ["zdr", "", { zdr: "yes" }, "invalid_type", "provider.zdr", "boolean"],
    [
      "preferred_max_latency",
      "",
      { preferred_max_latency: 0 },
      "out_of_range",
      "provider.preferred_max_latency",
      "more",
    ],
  ])("%s that cannot be is refused by its name %s", async (_, __, provider, code, param, told) => {
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const reply = await gateway.post(path, { model: LLAMA, max_tokens: 50, messages: HELLO, provider });
      const { error } = await reply.json();
      expect(reply.status).toBe(400);
      expect(error.message).toContain(told);
      if (path.endsWith("completions")) expect(error).toMatchObject({ code, param });
    }
    expect(asked()).toEqual([]);
  });

  test("fields of the provider object that are not known are passed over", async () => {
    expect((await chat(LLAMA, { provider: { enforce_distillable_text: true, new_field: 1 } })).status).toBe(200);
  });

  test.each([
    ["provider.only", { only: ["anthropic"] }],
    ["provider.max_price", { max_price: { prompt: 0.0001, completion: "0.0001" } }],
    ["provider.data_collection", { data_collection: "deny", ignore: ["fireworks"] }],
    ["provider.zdr", { zdr: true, ignore: ["fireworks"] }],
    ["provider.quantizations", { quantizations: ["int4"] }],
  ])("B87 when %s leaves nobody the error says so: no provider is called, nothing is held", async (param, provider) => {
    const before = await gateway.balance();
    const { message, ...rest } = await refused(await chat(LLAMA, { provider }));
    expect(rest).toMatchObject({ status: 404, code: "no_provider_matches" });
    expect(message).toContain(param);
    expect(await gateway.stores.redis.zcard("gw:open")).toBe(0);
    expect(await gateway.balance()).toBe(before);
  });

  test("data_collection: deny and zdr go to a provider that says that it is safe", async () => {
    for (const provider of [{ data_collection: "deny" }, { zdr: true }]) {
      expect(providerOf(await chat(LLAMA, { provider }))).toBe("fireworks");
    }
  });

  test("B77 require_parameters refuses a field that no provider of the model would get", async () => {
    const body = { seed: 7, logprobs: true, provider: { require_parameters: true, only: ["anthropic"] } };
    const loose = await chat("anthropic/claude-sonnet-4.5", { ...body, provider: { only: ["anthropic"] } });
    expect(loose.headers.get("x-gateway-ignored-parameters")).toContain("logprobs");
    simulator.log.clear();
    const { message, ...rest } = await refused(await chat("anthropic/claude-sonnet-4.5", body));
    expect(rest.status).toBe(404);
    expect(message).toContain("provider.require_parameters");
  });
});

describe("models to fall back to", () => {
  test("are asked in their order once every provider of the one before has failed, and charged at their own price", async () => {
    const before = await gateway.balance();
    simulator.next("openai", fault.status(503));
    simulator.next("openrouter", fault.status(503));
    const models = ["anthropic/claude-sonnet-4.5", LLAMA];
    const reply = await chat("openai/gpt-4o-mini", { models, route: "fallback" });
    expect(asked()).toEqual(["openai", "openrouter", "anthropic"]);
    expect(reply.headers.get("x-gateway-model")).toBe("anthropic/claude-sonnet-4.5");
    const { model, usage } = await reply.json();
    expect(model).toBe("anthropic/claude-sonnet-4.5");
    await gateway.settled();
    expect(before - (await gateway.balance())).toBe(BigInt(Math.round(usage.cost * 1e9)));
    const perToken = usage.cost / (usage.prompt_tokens * 3 + usage.completion_tokens * 15);
    expect(perToken).toBeCloseTo(1e-6, 12);
  });

  test("CM-6.3.2 the hold covers the dearest of them: who cannot pay for that is refused before anybody is asked", async () => {
    const poor = await gateway.register("0.0003");
    const own = { authorization: `Bearer ${poor.key}` };
    const models = ["openai/gpt-4o"];
    const { status, code } = await refused(await chat("openai/gpt-4o-mini", { models }, own));
    expect([status, code]).toEqual([402, "insufficient_credits"]);
    expect((await chat("openai/gpt-4o-mini", {}, own)).status).toBe(200);
  });

  test("a model in models alone is the first", async () => {
    const reply = await gateway.post("/v1/chat/completions", { models: ["openai/gpt-4o-mini"], messages: HELLO });
    expect([reply.status, providerOf(reply)]).toEqual([200, "openai"]);
    expect(simulator.log.last.body).toMatchObject({ model: "gpt-4o-mini" });
    expect(simulator.log.last.body["models"]).toBeUndefined();
  });

  test("one that no provider is left for is passed over; when none is, the first says why", async () => {
    const models = [LLAMA];
    const provider = { only: ["together"] };
    expect(providerOf(await chat("openai/gpt-4o", { models, provider }))).toBe("together");
    simulator.log.clear();
    const none = await refused(await chat("openai/gpt-4o", { models: ["openai/gpt-4o-mini"], provider }));
    expect(none).toMatchObject({ status: 404, code: "no_provider_matches", param: "provider.only" });
    expect(none.message).toContain("openai/gpt-4o ");
  });

  test("a rate limit that is too long to wait for goes on to the next model", async () => {
    for (const key of OPENAI_KEYS) simulator.nextWithKey(key, fault.rateLimited(31));
    const reply = await chat("openai/gpt-4o-mini", { models: [LLAMA] });
    expect(reply.headers.get("x-gateway-model")).toBe(LLAMA);
    expect(asked()).not.toContain("openrouter".repeat(2));
  });

  test.each([
    ["one that there is not", ["no/such-model"], 404, "model_not_found", "models[0]"],
    ["one that is retired", [LLAMA, "openai/gpt-4-32k"], 404, "model_retired", "models[1]"],
    ["too many", Array.from({ length: 9 }, () => LLAMA), 400, "too_many_items", "models"],
    ["no names", [5], 400, "invalid_type", "models[0]"],
  ])("%s is refused", async (_, models, status, code, param) => {
    expect(await refused(await chat(LLAMA, { models }))).toMatchObject({ status, code, param });
  });
});

describe("sessions", () => {
  const placeOf = async (
    body: object,
    headers: Readonly<Record<string, string>> = {},
    model = "openai/gpt-4o-mini",
  ) => {
    await (await chat(model, body, headers)).text();
    const { provider, headers: sent } = simulator.log.last;
    return `${provider} ${sent["authorization"]}`;
  };
  const CODEX = "0199a213-81c0-7800-8aa1-bbab2a035a53";
  const claudeCode = (session: string) => ({ metadata: { user_id: `user_a1_account__session_${session}` } });

  test.each([
    ["session_id", (id: string) => [{ session_id: id }, {}] as const],
    ["prompt_cache_key", (id: string) => [{ prompt_cache_key: id }, {}] as const],
    ["x-session-id", (id: string) => [{}, { "x-session-id": id }] as const],
    ["x-claude-code-session-id", (id: string) => [{}, { "x-claude-code-session-id": id }] as const],
    ["session-id of Codex", (id: string) => [{}, { "session-id": id }] as const],
    ["session_id of Codex", (id: string) => [{}, { session_id: id }] as const],
    ["conversation_id of Codex", (id: string) => [{}, { conversation_id: id }] as const],
    ["x-session-affinity", (id: string) => [{}, { "x-session-affinity": id }] as const],
    ["metadata.user_id of Claude Code", (id: string) => [claudeCode(id), {}] as const],
    [
      "metadata.user_id as JSON",
      (id: string) => [{ metadata: { user_id: JSON.stringify({ session_id: id }) } }, {}] as const,
    ],
  ])("the second turn of a session named by %s reaches the same provider and key", async (_, of) => {
    for (let session = 0; session < 6; session++) {
      const [body, headers] = of(`${CODEX}-${session}`);
      const first = await placeOf(body, headers);
      for (let again = 0; again < 2; again++) expect(await placeOf(body, headers)).toBe(first);
    }
    expect(new Set(keysUsed()).size).toBeGreaterThan(1);
    // Where it is the client's own header, it stops here.
    expect(JSON.stringify(simulator.log.all.map(({ headers }) => headers))).not.toContain(CODEX);
    expect(gateway.logLines.join("\n")).not.toContain(CODEX);
  });

  test("when a provider's breaker opens its sessions move, and the others' do not", async () => {
    const sessions = Array.from({ length: 8 }, (_, index) => `conversation-${index}`);
    const places = async () => {
      const found = new Map<string, string>();
      for (const session of sessions)
        found.set(session, await placeOf({ session_id: session, provider: { ignore: ["openrouter"] } }, {}, LLAMA));
      return found;
    };
    const before = await places();
    const providers = new Set([...before.values()].map((place) => place.split(" ")[0]));
    expect(providers).toEqual(new Set(["together", "fireworks"]));
    for (let call = 0; call < 5; call++) {
      simulator.next("together", fault.status(503));
      await (await chat(LLAMA, { provider: { order: ["together"] } })).text();
    }
    const during = await places();
    for (const [session, place] of before) {
      if (place.startsWith("together")) expect(during.get(session)).toMatch(/^fireworks/);
      else expect(during.get(session)).toBe(place);
    }
    await gateway.resetBreakers();
    expect(await places()).toEqual(before);
  });

  test("a session of the same name in another account is another session", async () => {
    const other = await gateway.register("10");
    let differing = 0;
    for (let session = 0; session < 12; session++) {
      const mine = await placeOf({ session_id: `s${session}` });
      const theirs = await placeOf({ session_id: `s${session}` }, { authorization: `Bearer ${other.key}` });
      if (mine !== theirs) differing += 1;
    }
    expect(differing).toBeGreaterThan(0);
  });

  test.each([
    ["too long", "x".repeat(257), "string_too_long"],
    ["a number", 5, "invalid_type"],
  ])("a session_id that is %s is refused", async (_, sessionId, code) => {
    expect(await refused(await chat(LLAMA, { session_id: sessionId }))).toMatchObject({
      status: 400,
      code,
      param: "session_id",
    });
  });
});

describe("key pools", () => {
  const breakerOf = async (provider: string) => {
    const reply = await fetch(`${gateway.url}/circuit-breakers`, {
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });
    const text = await reply.text();
    for (const key of OPENAI_KEYS) expect(text).not.toContain(key);
    const { data } = JSON.parse(text);
    return data.find((breaker: { provider: string }) => breaker.provider === provider);
  };
  const only = { provider: { only: ["openai"] }, session_id: "pool" };
  const call = () => chat("openai/gpt-4o-mini", only);
  /** The session's keys in the order in which they are tried. */
  const keysInTurn = async () => {
    for (const key of OPENAI_KEYS) simulator.nextWithKey(key, fault.status(403));
    await (await call()).text();
    const keys = keysUsed();
    simulator.reset();
    await gateway.resetBreakers();
    return keys;
  };

  test("calls of no session spread over the keys", async () => {
    for (let index = 0; index < 30; index++) await (await chat("openai/gpt-4o-mini")).text();
    expect(new Set(keysUsed())).toEqual(new Set(OPENAI_KEYS));
  });

  test("CM-5.1.6 a key that is refused leaves for a while, and another answers the same call", async () => {
    const [first = "", second = ""] = await keysInTurn();
    simulator.nextWithKey(first, fault.status(401));
    const reply = await call();
    expect([reply.status, providerOf(reply)]).toEqual([200, "openai"]);
    expect(keysUsed()).toEqual([first, second]);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(second);
    const { state, keys } = await breakerOf("openai");
    expect(state).toBe("closed");
    const id = String(OPENAI_KEYS.indexOf(first) + 1);
    expect(keys.find((key: { id: string }) => key.id === id)).toEqual({
      id,
      state: "cooling-down",
      reason: "credentials",
      retry_in_seconds: 300,
    });
    expect(keys).toHaveLength(3);
    await clock.advance(300_000);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(first);
    expect((await breakerOf("openai")).keys.every((key: { state: string }) => key.state === "in-use")).toBe(true);
  });

  test("CM-5.1.7 a key whose account is out of money is left alone for an hour", async () => {
    const [first = ""] = await keysInTurn();
    simulator.nextWithKey(first, fault.status(402));
    await (await call()).text();
    const { keys } = await breakerOf("openai");
    const cooling = keys.filter((key: { state: string }) => key.state === "cooling-down");
    expect(cooling).toEqual([expect.objectContaining({ reason: "payment", retry_in_seconds: 3600 })]);
  });

  test("CM-5.1.8 a 403 is held against a key only where another key was taken: a refused prompt takes no key away", async () => {
    const [first = "", second = ""] = await keysInTurn();
    for (const key of OPENAI_KEYS) simulator.nextWithKey(key, fault.status(403));
    expect((await chat("openai/gpt-4o-mini", { session_id: "pool" })).headers.get("x-gateway-provider")).toBe(
      "openrouter",
    );
    expect((await breakerOf("openai")).keys.every((key: { state: string }) => key.state === "in-use")).toBe(true);
    simulator.reset();
    simulator.nextWithKey(first, fault.status(403));
    await (await call()).text();
    expect(keysUsed()).toEqual([first, second]);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(second);
  });

  test("F24 a limited key rests for as long as it was told, and another answers at once", async () => {
    const [first = "", second = ""] = await keysInTurn();
    simulator.nextWithKey(first, fault.rateLimited(20));
    expect((await call()).status).toBe(200);
    expect(keysUsed()).toEqual([first, second]);
    await clock.advance(19_000);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(second);
    await clock.advance(1_000);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(first);
  });

  test("CM-5.1.11 when every key is limited the first to be free again is waited for; the provider stays the same", async () => {
    const [first = "", second = "", third = ""] = await keysInTurn();
    simulator.nextWithKey(first, fault.rateLimited(20));
    simulator.nextWithKey(second, fault.rateLimited(3));
    simulator.nextWithKey(third, fault.rateLimited(25));
    const reply = chat("openai/gpt-4o-mini", { session_id: "pool" });
    await simulator.log.nth(3);
    await advanceUntil(reply, 500);
    expect(providerOf(await reply)).toBe("openai");
    expect(keysUsed()).toEqual([first, second, third, second]);
  });

  test("F25 the provider's breaker opens when all its keys are out, and not before", async () => {
    for (const key of OPENAI_KEYS.slice(0, 2)) simulator.nextWithKey(key, fault.status(401));
    simulator.nextWithKey(OPENAI_KEYS[2] ?? "", fault.status(401));
    const reply = await chat("openai/gpt-4o-mini");
    expect(providerOf(reply)).toBe("openrouter");
    expect(keysUsed().slice(0, 3).toSorted()).toEqual(OPENAI_KEYS.toSorted());
    await gateway.settled();
    expect((await breakerOf("openai")).state).toBe("open");
    await (await chat("openai/gpt-4o-mini")).text();
    expect(asked().filter((provider) => provider === "openai")).toHaveLength(3);
  });

  test("CM-5.1.4 a server error is not the key's: the next provider is asked, not the next key", async () => {
    simulator.next("openai", fault.status(503));
    await (await chat("openai/gpt-4o-mini")).text();
    expect(asked()).toEqual(["openai", "openrouter"]);
  });

  test("another instance knows of a key's rest, and a reset ends it everywhere", async () => {
    const [first = "", second = ""] = await keysInTurn();
    simulator.nextWithKey(first, fault.status(401));
    await (await call()).text();
    await gateway.settled();
    const field = `openai#${OPENAI_KEYS.indexOf(first) + 1}`;
    const shared = await gateway.stores.redis.hget("gw:breakers", field);
    expect(shared).toMatch(/^k:\d+:credentials$/);
    const reset = await fetch(`${gateway.url}/circuit-breakers/openai/reset`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    });
    expect((await reset.json()).keys.every((key: { state: string }) => key.state === "in-use")).toBe(true);
    expect(await gateway.stores.redis.hget("gw:breakers", field)).toBeNull();
    // What another instance has written is read with the next call's one round trip.
    await gateway.stores.redis.hset("gw:breakers", { [field]: shared });
    await clock.advance(1);
    await (await call()).text();
    expect(keysUsed().at(-1)).toBe(second);
  });
});

describe("hedging", () => {
  const streamed = (headers = METADATA) => chat("openai/gpt-4o-mini", { stream: true, session_id: "hedge" }, headers);

  test("a stream that is late is asked for at a second provider after the first one's p95; the first to speak wins and is charged", async () => {
    for (let call = 0; call < 5; call++) {
      simulator.next("openai", fault.hold("headers"));
      const reply = streamed();
      await (await simulator.log.nth(call + 1)).held;
      await clock.advance(400);
      simulator.release();
      await (await reply).text();
    }
    simulator.log.clear();
    await gateway.settled();
    const before = await gateway.balance();
    simulator.next("openai", fault.hold("headers"));
    const reply = streamed();
    const late = await simulator.log.nth(1);
    await late.held;
    await clock.advance(399);
    expect(asked()).toEqual(["openai"]);
    await clock.advance(1);
    const won = await reply;
    expect(providerOf(won)).toBe("openrouter");
    await late.closed;
    expect(late.state).toBe("aborted");
    expect(asked()).toEqual(["openai", "openrouter"]);
    await won.text();
    await gateway.settled();
    const [charge] = await gateway.transactions();
    expect(charge?.detail).toMatchObject({ provider: "openrouter" });
    const charged = charge?.amountNanoUsd ?? 0n;
    expect(before - (await gateway.balance())).toBe(charged);
    const { rows } = await sql<{ provider: string; outcome: string; cost: string }>`
      select provider, outcome, cost::text from provider_attempt where request_id = ${charge?.requestId}
      order by outcome`.execute(gateway.stores.database);
    expect(rows).toEqual([
      { provider: "openrouter", outcome: "answered", cost: String(charged) },
      { provider: "openai", outcome: "outrun", cost: "0" },
    ]);
  });

  test("a whole reply is not hedged, nor a stream whose provider has not been measured", async () => {
    simulator.next("together", fault.hold("headers"));
    const reply = chat(LLAMA, { stream: true, provider: { order: ["together"] } });
    await (await simulator.log.nth(1)).held;
    await clock.advance(5_000);
    expect(asked()).toEqual(["together"]);
    simulator.release();
    expect(providerOf(await reply)).toBe("together");
  });
});

describe("x-gateway-metadata", () => {
  test("tells on request who was to be asked, who was not and why, and what each try came to", async () => {
    simulator.next("deepinfra", fault.status(503));
    const provider = { order: ["deepinfra"], ignore: ["openrouter"] };
    const reply = await chat(LLAMA, { provider }, METADATA);
    const report = reportOf(reply);
    expect(report.attempts).toEqual([
      { provider: "deepinfra", model: LLAMA, key: "1", outcome: "overloaded", status: 503 },
      { provider: providerOf(reply), model: LLAMA, key: "1", outcome: "answered", status: 200 },
    ]);
    expect(report.candidates[0]).toEqual({ provider: "deepinfra", model: LLAMA, key: "1" });
    expect(report.excluded).toEqual([{ model: LLAMA, provider: "openrouter", reason: "provider.ignore" }]);
    expect((await chat(LLAMA, { provider })).headers.get("x-gateway-routing")).toBeNull();
  });

  test("tells why nobody was asked", async () => {
    const reply = await chat(LLAMA, { provider: { only: ["anthropic"] } }, METADATA);
    expect(reply.status).toBe(404);
    const { attempts, excluded } = reportOf(reply);
    expect(attempts).toEqual([]);
    expect(excluded).toContainEqual({ model: LLAMA, provider: "together", reason: "provider.only" });
  });

  test("tells of a failure too, and never a key", async () => {
    for (const key of OPENAI_KEYS) simulator.nextWithKey(key, fault.status(503));
    const reply = await chat("openai/gpt-4o-mini", { provider: { only: ["openai"] } }, METADATA);
    expect(reply.status).toBe(503);
    const text = reply.headers.get("x-gateway-routing") ?? "";
    expect(JSON.parse(text).attempts).toEqual([expect.objectContaining({ provider: "openai", outcome: "overloaded" })]);
    expect(text).not.toContain("key-of");
  });
});
