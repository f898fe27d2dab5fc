import { expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";

const body = { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };

async function ample(): Promise<TestApp> {
  const app = await createTestApp();
  const key = "test:ample";
  await addCredit(app.ports, {
    key,
    accountId: "acct_a",
    amountNanoUsd: 900_000_000_000n,
    bucket: "purchased",
    kind: "admin_credit",
    description: null,
  });
  return app;
}

/** Store calls of one request: before the provider is called, and after. */
async function countCalls(app: TestApp, fetch = app.fetch) {
  await app.settle();
  const before = { redis: app.redisCalls(), sql: app.sqlCalls(), upstream: app.upstreamCalls.length };
  let atProvider = { redis: 0, sql: 0 };
  const { push } = Array.prototype;
  // The upstream's list grows at the very moment at which the provider is called.
  Object.defineProperty(app.upstreamCalls, "push", {
    configurable: true,
    value: (...calls: never[]) => {
      atProvider = { redis: app.redisCalls() - before.redis, sql: app.sqlCalls() - before.sql };
      return push.apply(app.upstreamCalls, calls);
    },
  });
  const reply = await fetch(post("/v1/chat/completions", body, { authorization: `Bearer ${app.key}` }));
  expect(reply.status).toBe(200);
  await reply.text();
  await app.settle();
  expect(app.upstreamCalls.length).toBe(before.upstream + 1);
  return {
    atProvider,
    after: {
      redis: app.redisCalls() - before.redis - atProvider.redis,
      sql: app.sqlCalls() - before.sql - atProvider.sql,
    },
  };
}

test("the hot path's budget: one Redis round trip and no SQL before the provider, one of each after the answer", async () => {
  const app = await ample();
  await countCalls(app);
  for (let call = 0; call < 3; call++) {
    expect(await countCalls(app)).toEqual({ atProvider: { redis: 1, sql: 0 }, after: { redis: 1, sql: 1 } });
  }
});

test("a cold isolate needs two Redis round trips and no SQL before the provider", async () => {
  const app = await ample();
  await countCalls(app);
  // Another isolate on the same stores: nothing in its memory.
  const cold = createApp(
    createGateway(app.gateway.configuration, createBatchingSettler({ maxBatch: 1, maxDelayMs: 0 })),
    app.ports,
  );
  const { atProvider } = await countCalls(app, async (request) => cold.fetch(request));
  expect(atProvider).toEqual({ redis: 2, sql: 0 });
});
