import { addCredit } from "../../lib/billing/add-credit.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";

const body = { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };

/** A gateway in this process whose account has more than enough: no hold of its is a strict one. */
export async function ampleApp(): Promise<TestApp> {
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

export interface RoundTrips {
  readonly redis: number;
  readonly sql: number;
}

/** Store calls of one request: before the provider is called, and after. */
export async function countRoundTrips(
  app: TestApp,
  fetch = app.fetch,
  asked: { readonly path: string; readonly body: object } = { path: "/v1/chat/completions", body },
): Promise<{ readonly atProvider: RoundTrips; readonly after: RoundTrips }> {
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
  const reply = await fetch(post(asked.path, asked.body, { authorization: `Bearer ${app.key}` }));
  await reply.text();
  await app.settle();
  if (app.upstreamCalls.length !== before.upstream + 1) throw new Error(`The provider was not called: ${reply.status}`);
  return {
    atProvider,
    after: {
      redis: app.redisCalls() - before.redis - atProvider.redis,
      sql: app.sqlCalls() - before.sql - atProvider.sql,
    },
  };
}
