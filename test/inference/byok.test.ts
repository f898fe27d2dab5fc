import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestApp, get, post } from "../http/test-app.ts";
import type { TestAccount } from "../support/register-account.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { customerKey } from "../support/simulator/vendors.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const QUESTION = { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "Hello there" }] };

let simulator: Simulator;
let gateway: TestGateway;
let account: TestAccount;
let withFee: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  const environment = { ENCRYPTION_KEYS, GROQ_BASE_URL: simulator.baseUrl("groq") };
  gateway = await startGateway({ simulator, providers: ["openai", "openrouter"], environment });
  withFee = await startGateway({
    simulator,
    providers: ["openai"],
    environment: { ...environment, BYOK_FEE_PERCENT: "5" },
  });
});
beforeEach(async () => {
  account = await gateway.register("1");
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  expect(await withFee.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await withFee.stop();
  await simulator.close();
});

const as = (key: string) => ({ authorization: `Bearer ${key}` });
const bring = async (body: object, who = account, at = gateway) => {
  const reply = await at.post("/user/provider-keys", body, as(who.key));
  return { status: reply.status, body: await reply.json() };
};
const ask = (more: object = {}, who = account, at = gateway) =>
  at.post("/v1/chat/completions", { ...QUESTION, ...more }, as(who.key));
const keyOf = (index: number) => simulator.log.all[index]?.headers["authorization"];
const charged = async (who = account, at = gateway) => {
  await at.settled();
  return (await at.transactions(who.accountId))
    .filter(({ kind }) => kind === "settle")
    .reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
};

describe("calls", () => {
  test("go out with the account's own key, cost nothing by default, and say so", async () => {
    await bring({ provider: "openai", api_key: customerKey("openai") });
    for (const stream of [false, true]) {
      const reply = await ask({ stream });
      expect(reply.status).toBe(200);
      expect(reply.headers.get("x-gateway-byok")).toBe("true");
      await reply.text();
    }
    expect([keyOf(0), keyOf(1)]).toEqual([`Bearer ${customerKey("openai")}`, `Bearer ${customerKey("openai")}`]);
    expect(await charged()).toBe(0n);
    const [charge] = await gateway.transactions(account.accountId);
    expect(charge?.detail).toMatchObject({ byok: true, provider: "openai" });
  });

  test("of another account go out with the operator's, and are charged", async () => {
    await bring({ provider: "openai", api_key: customerKey("openai") });
    const other = await gateway.register("1");
    const reply = await ask({}, other);
    expect(reply.headers.get("x-gateway-byok")).toBeNull();
    expect(keyOf(0)).toBe("Bearer key-of-openai");
    await reply.text();
    expect(await charged(other)).toBeGreaterThan(0n);
  });

  test("are charged the operator's fee, in percent of the price", async () => {
    const [own, operators] = [await withFee.register("1"), await withFee.register("1")];
    await bring({ provider: "openai", api_key: customerKey("openai") }, own, withFee);
    for (const who of [own, operators]) await (await ask({}, who, withFee)).text();
    const full = await charged(operators, withFee);
    expect(await charged(own, withFee)).toBe((full * 5n + 99n) / 100n);
  });

  test("reach a provider that the operator has no key for", async () => {
    await bring({ provider: "groq", api_key: customerKey("groq"), mode: "only" });
    const reply = await ask({ model: "groq/openai/gpt-oss-120b" });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-gateway-provider")).toBe("groq");
    expect(keyOf(0)).toBe(`Bearer ${customerKey("groq")}`);
  });

  test("with a key alone need no credit", async () => {
    const poor = await gateway.register("0");
    expect((await ask({}, poor)).status).toBe(402);
    await bring({ provider: "openrouter", api_key: customerKey("openrouter"), mode: "only" }, poor);
    await bring({ provider: "openai", api_key: customerKey("openai"), mode: "only" }, poor);
    expect((await ask({}, poor)).status).toBe(200);
  });
});

describe("a key that is refused", () => {
  test("`first`: the operator's serves instead, and the breaker does not hear of it", async () => {
    await bring({ provider: "openai", api_key: "sk-not-a-key-of-anyone" });
    for (let times = 0; times < 6; times++) {
      const reply = await ask();
      expect([reply.status, reply.headers.get("x-gateway-provider")]).toEqual([200, "openai"]);
      expect(reply.headers.get("x-gateway-byok")).toBeNull();
      await reply.text();
    }
    expect(await charged()).toBeGreaterThan(0n);
    const listed = await fetch(`${gateway.url}/circuit-breakers`, { headers: as(gateway.adminKey) });
    expect(JSON.stringify(await listed.json())).not.toMatch(/open"/);
    expect(gateway.logLines.join("\n")).not.toContain("provider_refused_our_key");
  });

  test("calls with it that get no answer open no breaker for the others", async () => {
    for (const provider of ["openai", "openrouter"]) {
      await bring({ provider, api_key: customerKey(provider), mode: "only" });
    }
    for (let times = 0; times < 6; times++) {
      for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.reset(0));
      expect((await ask()).status).toBeGreaterThanOrEqual(500);
    }
    const listed = await fetch(`${gateway.url}/circuit-breakers`, { headers: as(gateway.adminKey) });
    expect(JSON.stringify(await listed.json())).not.toMatch(/open"/);
  });

  test("that would not fit into a header is not taken", async () => {
    const body = { provider: "openai", api_key: "sk-one-line\nand-another", mode: "first" };
    const headers = { ...as(gateway.key), "content-type": "application/json" };
    const url = `${gateway.url}/user/provider-keys`;
    const refused = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { code: "invalid_value", param: "api_key" } });
  });

  test.each([
    [401, "refuses it (status 401)"],
    [402, "has no credit"],
    [403, "refuses it (status 403)"],
  ])("`only`: %i is told as the key's own fault, and others' calls go on", async (status, why) => {
    for (const provider of ["openai", "openrouter"]) {
      await bring({ provider, api_key: customerKey(provider), mode: "only" });
    }
    for (let times = 0; times < 6; times++) {
      for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.status(status));
      const reply = await ask();
      expect(reply.status).toBe(403);
      const { error } = await reply.json();
      expect(error.code).toBe("provider_key_refused");
      expect(error.message).toContain(why);
    }
    const other = await gateway.register("1");
    const served = await ask({}, other);
    expect(served.headers.get("x-gateway-provider")).toBe("openai");
    await served.text();
    expect(await charged()).toBe(0n);
  });

  test("a limit of the caller's key is not waited out while the operator's stands behind it", async () => {
    await bring({ provider: "openai", api_key: customerKey("openai") });
    simulator.next("openai", fault.status(429));
    const reply = await ask();
    expect([reply.status, keyOf(1)]).toEqual([200, "Bearer key-of-openai"]);
    await reply.text();
  });
});

describe("keys", () => {
  test("are shown by their last four characters only, replaced, removed, and kept from other accounts", async () => {
    const first = await bring({ provider: "openai", api_key: "sk-CANARY-0123456789" });
    expect([first.status, first.body.last4, first.body.mode]).toEqual([201, "6789", "first"]);
    const second = await bring({ provider: "openai", api_key: customerKey("openai"), mode: "only" });
    const list = async (who: TestAccount) => {
      const reply = await fetch(`${gateway.url}/user/provider-keys`, { headers: as(who.key) });
      return (await reply.json()).data;
    };
    expect(await list(account)).toEqual([second.body]);
    const other = await gateway.register("1");
    expect(await list(other)).toEqual([]);
    const remove = async (id: string, who: TestAccount) => {
      const url = `${gateway.url}/user/provider-keys/${id}`;
      return (await fetch(url, { method: "DELETE", headers: as(who.key) })).status;
    };
    expect(await remove(second.body.id, other)).toBe(404);
    expect(await remove(second.body.id, account)).toBe(200);
    expect(await remove(second.body.id, account)).toBe(404);
    const reply = await ask();
    expect(reply.headers.get("x-gateway-byok")).toBeNull();
    await reply.text();
    const rows = await gateway.stores.database.selectFrom("provider_key").selectAll().execute();
    expect(JSON.stringify([first, second, rows, gateway.logLines])).not.toContain("CANARY");
  });

  test("the operator brings them for an account, and a key for none but its own (B102)", async () => {
    const body = { provider: "openai", api_key: customerKey("openai"), account_id: account.accountId };
    const operator = await gateway.post("/user/provider-keys", body, as(gateway.adminKey));
    expect(operator.status).toBe(201);
    const reply = await ask();
    expect(reply.headers.get("x-gateway-byok")).toBe("true");
    await reply.text();
    const stranger = await gateway.register("1");
    expect((await bring(body, stranger)).status).toBe(400);
    const nobody = await gateway.post(
      "/user/provider-keys",
      { ...body, account_id: "acct_none" },
      as(gateway.adminKey),
    );
    expect(nobody.status).toBe(404);
  });

  test("are refused for a provider that is unknown or takes none, and in a wrong shape", async () => {
    for (const wrong of [
      { provider: "nobody", api_key: "sk-0123456789" },
      { provider: "ollama", api_key: "sk-0123456789" },
      { provider: "gangway", api_key: "sk-0123456789" },
      { provider: "openai", api_key: "short" },
      { provider: "openai", api_key: "sk-0123456789\u0000" },
      { provider: "openai", api_key: "sk-0123456789", mode: "last" },
      { provider: "openai", api_key: "sk-0123456789", base_url: "http://127.0.0.1" },
    ]) {
      expect([wrong, (await bring(wrong)).status]).toEqual([wrong, 400]);
    }
  });

  test("F57 without the operator's encryption key none is taken: 503 that names what to set", async () => {
    const app = await createTestApp();
    const body = { provider: "openai", api_key: customerKey("openai") };
    const reply = await app.fetch(post("/user/provider-keys", body, as(app.key)));
    expect(reply.status).toBe(503);
    expect(await reply.text()).toContain("ENCRYPTION_KEYS");
  });

  test("F57 a key that cannot be opened any more: the operator's serves, or nobody where it was to be used alone", async () => {
    const secret = (byte: number) => Buffer.alloc(32, byte).toString("base64");
    const app = await createTestApp({ encryptionKeys: [{ id: "k1", secret: secret(1) }] });
    const bringAs = (mode: string) =>
      app.fetch(post("/user/provider-keys", { provider: "openai", api_key: customerKey("openai"), mode }, as(app.key)));
    expect((await bringAs("first")).status).toBe(201);
    Reflect.set(
      app.gateway,
      "secrets",
      Reflect.construct(app.gateway.secrets.constructor, [[{ id: "k2", secret: secret(2) }]]),
    );
    const question = () => app.fetch(post("/v1/chat/completions", QUESTION, as(app.key)));
    const served = await question();
    expect([served.status, served.headers.get("x-gateway-byok")]).toEqual([200, null]);
    Reflect.set(
      app.gateway,
      "secrets",
      Reflect.construct(app.gateway.secrets.constructor, [[{ id: "k1", secret: secret(1) }]]),
    );
    expect((await bringAs("only")).status).toBe(201);
    Reflect.set(app.gateway, "secrets", Reflect.construct(app.gateway.secrets.constructor, [[]]));
    const refused = await question();
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "provider_key_unreadable"]);
    await app.settle();
  });

  test("a warm call with the account's own key needs no SQL before the provider", async () => {
    const app = await createTestApp({
      encryptionKeys: [{ id: "k1", secret: Buffer.alloc(32, 1).toString("base64") }],
    });
    await app.fetch(
      post("/user/provider-keys", { provider: "openai", api_key: "sk-0123456789", mode: "only" }, as(app.key)),
    );
    const question = () => app.fetch(post("/v1/chat/completions", QUESTION, as(app.key)));
    await (await question()).text();
    await app.settle();
    const before = [app.redisCalls(), app.sqlCalls()];
    const reply = await question();
    expect(reply.headers.get("x-gateway-byok")).toBe("true");
    expect([app.redisCalls(), app.sqlCalls()]).toEqual([Number(before[0]) + 1, before[1]]);
    expect(app.upstreamCalls.at(-1)?.headers["authorization"]).toBe("Bearer sk-0123456789");
    expect(JSON.stringify(app.redisContent())).not.toContain("sk-0123456789");
    expect((await app.fetch(get("/user/provider-keys", as(app.key)))).status).toBe(200);
  });
});
