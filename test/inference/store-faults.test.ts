import { afterEach, beforeEach, expect, test } from "vitest";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { mirrorKey } from "../../lib/billing/ledger-scripts.ts";
import { checkLedger, readBalance } from "../../lib/billing/ledger-store.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
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

const call = (more: object = {}) =>
  app.fetch(
    post(
      "/v1/chat/completions",
      { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }], ...more },
      { authorization: `Bearer ${app.key}` },
    ),
  );
const warmUp = async () => {
  expect((await call()).status).toBe(200);
  await app.settle();
};
/** Lets retries and background work end on the clock that stands still. */
const settle = async () => {
  for (let step = 0; step < 20; step++) await app.clock.advance(500);
  await app.settle();
};
const spent = async () => GIVEN - ((await readBalance(app.ports.database, "acct_a"))?.purchased ?? 0n);

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
