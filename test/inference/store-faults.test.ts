import { afterEach, beforeEach, expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { createKey } from "../../lib/accounts/create-key.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { mirrorKey, OPEN_KEY } from "../../lib/billing/ledger-scripts.ts";
import { checkLedger, readBalance } from "../../lib/billing/ledger-store.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { hashOf } from "../../lib/ports/redis-replies.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";

let app: TestApp;
const GIVEN = 905_000_000_000n; // $5 of the app's own and $900 of ours
/** gpt-4o-mini: 5 tokens in at $0.15, 1 out at $0.60 per million. */
const COST = 1_350n;

beforeEach(async () => {
  app = await createTestApp();
  await addCredit(app.ports, {
    key: "test:ample",
    accountId: "acct_a",
    amountNanoUsd: 900_000_000_000n,
    bucket: "purchased",
    kind: "admin_credit",
    description: null,
  });
});
afterEach(async () => {
  await app.settle();
  expect(await checkLedger(app.ports.database)).toEqual([]);
});

const call = (key = app.key) =>
  app.fetch(
    post(
      "/v1/chat/completions",
      { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
      { authorization: `Bearer ${key}` },
    ),
  );
/** What a call comes to when the clock moves this far while it waits, and no further. */
const callWithin = async (waitMs: number, key = app.key) => {
  const calling = call(key);
  await app.clock.advance(waitMs);
  return (await calling).status;
};
const warmUp = async () => {
  expect((await call()).status).toBe(200);
  await app.settle();
};
/** Lets retries and background work end on the clock that stands still. */
const settle = async () => {
  for (let step = 0; step < 20; step++) await app.clock.advance(500);
  await app.settle();
};
/** A call that has reached its provider, and the function that lets it be answered: what is between hold and settlement. */
const callInFlight = async (waitMs = 0, key = app.key) => {
  const resume = app.pauseProvider();
  const before = app.upstreamCalls.length;
  const calling = call(key);
  await app.clock.advance(waitMs);
  await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(before + 1);
  return async () => {
    resume();
    return (await calling).status;
  };
};
const logged = (event: string) => app.logLines.filter((line) => line.includes(event)).length;
const purchased = async (accountId: string) => (await readBalance(app.ports.database, accountId))?.purchased ?? 0n;
const spent = async () => GIVEN - (await purchased("acct_a"));

/** An account with $2, whose every hold Postgres has to agree to; its key is known already. */
const SMALL = 2_000_000_000n;
async function smallAccount(): Promise<{ readonly key: string; spent(): Promise<bigint> }> {
  const accountId = "acct_small";
  await insertAccount(app.ports.database, { id: accountId, name: null, email: null });
  const credit = { accountId, amountNanoUsd: SMALL, bucket: "purchased", description: null } as const;
  await addCredit(app.ports, { ...credit, key: "test:small", kind: "admin_credit" });
  const wish = { accountId, name: "test", environment: "dev", requestsPerMinute: 250, expiresAt: null } as const;
  const { apiKey: key } = await createKey(app.ports, app.gateway.hasher, wish);
  expect((await call(key)).status).toBe(200);
  await app.settle();
  return { key, spent: async () => SMALL - (await purchased(accountId)) };
}

test("F1 R9 with Redis away a paying account is served, limits open, and charged exactly", async () => {
  await warmUp();
  app.breakRedis(true);
  for (let times = 0; times < 10; times++) {
    const reply = await call();
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-degraded")).toContain("ratelimit");
    expect(reply.headers.get("x-ratelimit-limit")).toBeNull();
    await settle();
  }
  expect(await spent()).toBe(11n * COST);
});

test.each([
  ["F2 a Redis that swallows everything", "silent"],
  ["F3 a Redis that takes two seconds", 2_000],
] as const)("%s adds 150 ms to a request and, once it was given up, nothing to twenty more", async (_, fault) => {
  await warmUp();
  const { apiKey } = await app.newKey({ requestsPerMinute: 1_000 });
  expect((await call(apiKey)).status).toBe(200);
  await app.settle();
  app.setRedisFault(fault);
  const before = app.redisCalls();
  let requests = 2;
  for (; app.redisCalls() < before + 5; requests++) expect(await callWithin(150, apiKey)).toBe(200);
  await app.clock.advance(150);
  const asked = app.redisCalls();
  for (let times = 0; times < 20; times++, requests++) expect(await callWithin(0, apiKey)).toBe(200);
  expect(app.redisCalls()).toBe(asked);
  app.setRedisFault("none");
  await settle();
  expect((await call(apiKey)).headers.get("x-degraded")).toBeNull(); // asked again, and well
  await settle();
  expect(await spent()).toBe(BigInt(requests + 1) * COST);
});

test("F4 Redis' reply is lost after it held: Postgres holds too, and both are closed when the call is settled", async () => {
  await warmUp();
  app.setRedisFault("reply-lost");
  const answer = await callInFlight();
  const mirror = async () => hashOf(await app.ports.redis.hgetall(mirrorKey("acct_a")));
  app.setRedisFault("none");
  const held = (await readBalance(app.ports.database, "acct_a"))?.held ?? 0n;
  expect(held).toBeGreaterThan(0n);
  expect(await mirror()).toMatchObject({ held: String(held) });
  expect(await answer()).toBe(200);
  await settle();
  expect(await spent()).toBe(2n * COST);
  expect(await readBalance(app.ports.database, "acct_a")).toMatchObject({ held: 0n, heldShadow: 0n });
  expect(await mirror()).toMatchObject({ held: "0", pend: "0", base: String(await purchased("acct_a")) });
  expect(await app.ports.redis.zcard(OPEN_KEY)).toBe(0);
});

test("F5 Redis dies between hold and settle: the charge is exact in Postgres", async () => {
  await warmUp();
  const reply = await call();
  app.breakRedis(true);
  expect(reply.status).toBe(200);
  await settle();
  app.breakRedis(false);
  await app.clock.advance(700_000);
  await sweep(app.ports);
  expect(await spent()).toBe(2n * COST);
});

test("F11 with Postgres away an active account is served from the mirror, and the charge is written once it is back", async () => {
  await warmUp();
  app.breakDatabase(true);
  const reply = await call();
  expect(reply.status).toBe(200);
  await settle();
  app.breakDatabase(false);
  await sweep(app.ports);
  await sweep(app.ports);
  expect(await spent()).toBe(2n * COST);
  expect(await app.ports.redis.hget(mirrorKey("acct_a"), "pend")).toBe("0");
});

test("F12 with Postgres away and no mirror nobody knows the balance: 503, and no provider is called", async () => {
  await warmUp();
  await app.ports.redis.del(mirrorKey("acct_a"));
  app.breakDatabase(true);
  const before = app.upstreamCalls.length;
  const reply = await call();
  expect(reply.status).toBe(503);
  expect((await reply.json()).error.code).toBe("billing_unavailable");
  expect(app.upstreamCalls).toHaveLength(before);
  app.breakDatabase(false);
});

test("F12 with Postgres away an account of little credit is served from a warm mirror, no further than that goes", async () => {
  const { key, spent } = await smallAccount();
  app.breakDatabase(true);
  expect((await call(key)).status).toBe(200);
  await settle();
  expect(logged("ledger_settle_queued")).toBe(1);
  await app.ports.redis.hset(mirrorKey("acct_small"), { base: "5" });
  const reply = await call(key);
  expect([reply.status, (await reply.json()).error.code]).toEqual([402, "insufficient_credits"]);
  app.breakDatabase(false);
  await sweep(app.ports);
  expect(await spent()).toBe(2n * COST);
});

test.each([
  ["once", 1],
  ["each time, until the charge is queued in Redis", 4],
])("F13 R1 Postgres' reply is lost after it charged, %s: one charge", async (_, times) => {
  await warmUp();
  const answer = await callInFlight();
  app.setDatabaseFault("reply-lost");
  expect(await answer()).toBe(200);
  await expect.poll(() => logged("ledger_settle_failed"), { interval: 2 }).toBe(1);
  while (logged("ledger_settle_failed") < times) await app.clock.advance(100);
  app.setDatabaseFault("none");
  await settle();
  expect(logged("ledger_settle_queued")).toBe(times === 4 ? 1 : 0);
  await sweep(app.ports);
  expect(await spent()).toBe(2n * COST);
  expect(hashOf(await app.ports.redis.hgetall(mirrorKey("acct_a")))).toMatchObject({ held: "0", pend: "0" });
  expect(await app.ports.redis.zcard(OPEN_KEY)).toBe(0);
});

test("F16 Postgres does not come to a decision on a hold: after two seconds the mirror's word stands", async () => {
  const { key, spent } = await smallAccount();
  app.setDatabaseFault(60_000);
  const answer = await callInFlight(2_000, key);
  app.setDatabaseFault("none");
  expect(await answer()).toBe(200);
  await settle();
  expect(await spent()).toBe(2n * COST);
});

test("F16 and with Redis away as well the call is refused, after two seconds and before any provider", async () => {
  const { key, spent } = await smallAccount();
  app.breakRedis(true);
  app.setDatabaseFault(60_000);
  const before = app.upstreamCalls.length;
  expect(await callWithin(2_000, key)).toBe(503);
  expect(app.upstreamCalls).toHaveLength(before);
  app.setDatabaseFault("none");
  app.breakRedis(false);
  // What was granted after all is nobody's, and is given back.
  expect((await readBalance(app.ports.database, "acct_small"))?.held).toBeGreaterThan(0n);
  await app.clock.advance(60_000);
  await app.settle();
  expect((await readBalance(app.ports.database, "acct_small"))?.held).toBe(0n);
  expect(await spent()).toBe(COST);
});

test("F17 Postgres takes 800 ms to wake: the call waits for it, and it is asked once", async () => {
  const { key, spent } = await smallAccount();
  const before = app.sqlCalls();
  app.setDatabaseFault(800);
  const answer = await callInFlight(800, key);
  app.setDatabaseFault("none");
  expect(app.sqlCalls() - before).toBe(1);
  expect(await answer()).toBe(200);
  await settle();
  expect(await spent()).toBe(2n * COST);
});

test("F19 B115 with both stores away the call is refused before anything is spent", async () => {
  await warmUp();
  app.breakRedis(true);
  app.breakDatabase(true);
  const before = app.upstreamCalls.length;
  for (const path of ["/v1/chat/completions", "/v1/messages"]) {
    const reply = await app.fetch(
      post(
        path,
        { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }] },
        { authorization: `Bearer ${app.key}` },
      ),
    );
    expect(reply.status).toBe(503);
    expect(reply.headers.get("retry-after")).toBe("5");
    expect(await reply.text()).toMatch(/billing_unavailable|overloaded_error/);
  }
  expect(app.upstreamCalls).toHaveLength(before);
  app.breakRedis(false);
  app.breakDatabase(false);
});

test("F6 everything in Redis is lost with calls in flight: all of them settle", async () => {
  await warmUp();
  const replies = await Promise.all(Array.from({ length: 20 }, () => call()));
  await app.ports.redis.flushdb();
  for (const reply of replies) expect(reply.status).toBe(200);
  await settle();
  expect(await spent()).toBe(21n * COST);
});

test("B95 over the key's requests per minute: which limit, when to retry, and where it stands", async () => {
  const { apiKey } = await app.newKey({ requestsPerMinute: 2 });
  const limited = (path: string) =>
    app.fetch(
      post(
        path,
        { model: "openai/gpt-4o-mini", max_tokens: 5, messages: [{ role: "user", content: "hi" }] },
        { authorization: `Bearer ${apiKey}` },
      ),
    );
  for (let times = 0; times < 2; times++) expect((await limited("/v1/chat/completions")).status).toBe(200);
  await app.settle();
  const before = app.upstreamCalls.length;
  for (const path of ["/v1/chat/completions", "/v1/messages"]) {
    const reply = await limited(path);
    expect(reply.status).toBe(429);
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(reply.headers.get("x-ratelimit-limit")).toBe("2");
    expect(reply.headers.get("x-ratelimit-remaining")).toBe("0");
    expect(await reply.text()).toContain("2 requests per minute");
  }
  expect(app.upstreamCalls).toHaveLength(before);
  await app.settle();
  expect(Object.keys(app.redisContent()).filter((key) => key === "gw:open")).toEqual([]);
});
