import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { createKey } from "../../lib/accounts/create-key.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { checkLedger, listTransactions } from "../../lib/billing/ledger-store.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import type { Configuration } from "../../lib/ports/configuration.ts";
import type { UpstreamReply } from "../../lib/ports/upstream.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";

const DAY_MS = 86_400_000;
const BODY = { model: "openai/gpt-4o-mini", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
const ENCRYPTION_KEYS = [{ id: "k1", secret: Buffer.alloc(32, 7).toString("base64") }];

let app: TestApp;
const start = async (overrides: Partial<Configuration> = {}) => {
  app = await createTestApp({ encryptionKeys: ENCRYPTION_KEYS, ...overrides });
  await addCredit(app.ports, {
    key: "test:ample",
    accountId: "acct_a",
    amountNanoUsd: 900_000_000_000n,
    bucket: "purchased",
    kind: "admin_credit",
    description: null,
  });
};
beforeEach(() => start());
afterEach(async () => {
  app.setRedisFault("none");
  app.setDatabaseFault("none");
  await settle();
  expect(await checkLedger(app.ports.database)).toEqual([]);
});

const settle = async () => {
  for (let step = 0; step < 10; step++) await app.clock.advance(500);
  await app.settle();
};
interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly error: { readonly code?: string; readonly message?: string; readonly request_id?: string };
}
async function read(response: Response): Promise<Told> {
  const text = await response.text();
  const body: { error?: Told["error"] } = text.startsWith("{") ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, text, error: body.error ?? {} };
}
interface Wish {
  readonly body?: object;
  readonly path?: string;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
const request = (
  key: string,
  { body = BODY, path = "/v1/chat/completions", apiKey = app.key, headers = {} }: Wish = {},
) => post(path, body, { authorization: `Bearer ${apiKey}`, "idempotency-key": key, ...headers });
const call = async (key: string, wish: Wish = {}) => read(await app.fetch(request(key, wish)));
const charges = async (accountId = "acct_a") => {
  const all = await listTransactions(app.ports.database, accountId, { limit: 100, before: null });
  return all.filter(({ kind }) => kind === "settle");
};
/** A day on, a mirror that has seen keys all the time is trusted without Postgres. */
const warmUp = async () => {
  await call("warm-up");
  await settle();
  await app.clock.advance(2 * DAY_MS);
  await call("warm-up-again");
  await settle();
};

/** What the provider does from now on, instead of saying hello. */
function provider(status: number, body: string): void {
  const reply: UpstreamReply = {
    status,
    header: (name) => (name === "content-type" ? "application/json" : null),
    body: {
      text: async () => body,
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        yield new TextEncoder().encode(body);
      },
    },
  };
  Reflect.set(app.ports, "callUpstream", async (sent: never) => {
    Reflect.apply(Array.prototype.push, app.upstreamCalls, [sent]);
    return reply;
  });
}

describe("the outcome table", () => {
  test("R12 a repetition of an answered request is never made again: 409 with its id and its charge", async () => {
    const first = await call("once");
    expect(first.status).toBe(200);
    await settle();
    const second = await call("once");
    expect([second.status, second.error.code]).toEqual([409, "idempotency_completed"]);
    expect(second.error.request_id).toBe(first.headers.get("x-request-id"));
    expect(second.headers.get("x-request-id")).toBe(first.headers.get("x-request-id"));
    expect(second.error.message).toContain(`$${first.headers.get("x-gateway-cost")}`);
    expect(second.headers.get("x-gateway-cost")).toBe(first.headers.get("x-gateway-cost"));
    expect(second.headers.get("x-should-retry")).toBe("false");
    expect(app.upstreamCalls).toHaveLength(1);
    expect((await charges()).map(({ requestId }) => requestId)).toEqual([first.headers.get("x-request-id")]);
  });

  test("B91 the same in Anthropic's dialect", async () => {
    const wish = { path: "/v1/messages" };
    expect((await call("once", wish)).status).toBe(200);
    await settle();
    const second = await call("once", wish);
    expect(second.status).toBe(409);
    expect(JSON.parse(second.text)).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    expect(second.headers.get("request-id")).toMatch(/^req_[0-9a-f]{32}$/);
    expect(app.upstreamCalls).toHaveLength(1);
  });

  test("B90 a repetition while the first still runs: 409, Retry-After, and the first one's id", async () => {
    const resume = app.pauseProvider();
    const first = app.fetch(request("once"));
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(1);
    const second = await call("once");
    expect([second.status, second.error.code, second.headers.get("retry-after")]).toEqual([
      409,
      "idempotency_in_progress",
      "2",
    ]);
    // Both vendors' clients wait and try again by themselves.
    expect(second.headers.get("x-should-retry")).toBeNull();
    resume();
    expect((await first).headers.get("x-request-id")).toBe(second.error.request_id);
    expect(app.upstreamCalls).toHaveLength(1);
  });

  test("B89 another body, or another route, under the same key: 422", async () => {
    const first = await call("once");
    await settle();
    for (const wish of [{ body: { ...BODY, max_tokens: 51 } }, { path: "/v1/messages" }]) {
      const second = await call("once", wish);
      expect([second.status, second.headers.get("x-should-retry")]).toEqual([422, "false"]);
      expect(second.text).toContain(String(first.headers.get("x-request-id")));
    }
    expect(app.upstreamCalls).toHaveLength(1);
  });

  test("a kept reply is given again with its body, its id, and no charge", async () => {
    const wish = { headers: { "x-idempotency-store": "true" } };
    const first = await call("once", wish);
    await settle();
    const second = await call("once");
    expect([second.status, second.text]).toEqual([200, first.text]);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(second.headers.get("x-request-id")).toBe(first.headers.get("x-request-id"));
    expect(app.upstreamCalls).toHaveLength(1);
    await settle();
    expect(await charges()).toHaveLength(1);
    const { rows } = await sql<{ sealed_body: string }>`select sealed_body from idempotent_reply`.execute(
      app.ports.database,
    );
    expect(rows[0]?.sealed_body).toMatch(/^k1\./);
    expect(JSON.stringify([rows, app.redisContent(), app.logLines])).not.toContain("hello");
  });

  test("the operator's setting keeps replies too, and a request may say no", async () => {
    await start({ keepReplies: true });
    await call("kept");
    await call("not", { headers: { "x-idempotency-store": "false" } });
    await settle();
    expect((await call("kept")).status).toBe(200);
    expect((await call("not")).status).toBe(409);
  });

  test("a reply of more than 256 KiB is not kept", async () => {
    const content = "x".repeat(256 * 1024);
    provider(
      200,
      JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }] }),
    );
    expect((await call("once", { headers: { "x-idempotency-store": "true" } })).text).toContain(content);
    await settle();
    expect((await call("once")).error.code).toBe("idempotency_completed");
  });

  test("without the operator's encryption key nothing is kept: 503 that says so, before any hold", async () => {
    await start({ encryptionKeys: [] });
    const told = await call("once", { headers: { "x-idempotency-store": "true" } });
    expect([told.status, told.error.code]).toEqual([503, "encryption_not_configured"]);
    expect(told.error.message).toContain("ENCRYPTION_KEYS");
    expect(app.upstreamCalls).toHaveLength(0);
    expect((await call("once")).status).toBe(200);
  });

  test("a first try that failed and cost nothing is made again, as often as it takes, and charged once", async () => {
    const { callUpstream } = app.ports;
    provider(503, "{}");
    for (let times = 0; times < 4; times++) {
      const told = await call("once");
      expect(told.status).toBe(503);
      await settle();
      await app.clock.advance(400_000); // past the breaker
    }
    expect(app.upstreamCalls).toHaveLength(4);
    Reflect.set(app.ports, "callUpstream", callUpstream);
    const answered = await call("once");
    expect(answered.status).toBe(200);
    await settle();
    expect((await call("once")).error.code).toBe("idempotency_completed");
    const all = await charges();
    expect(all.map(({ amountNanoUsd }) => amountNanoUsd > 0n)).toEqual([true, false, false, false, false]);
    expect(new Set(all.map(({ requestId }) => requestId)).size).toBe(5);
  });

  test("a client is told of a failure once its key is free: who comes back at once is not told that it still runs", async () => {
    const { redis } = app.ports;
    const pipeline = redis.pipeline.bind(redis);
    const gate = Promise.withResolvers<void>();
    Reflect.set(redis, "pipeline", () => {
      const made = pipeline();
      const exec = made.exec.bind(made);
      Reflect.set(made, "exec", async () => {
        await gate.promise;
        return exec();
      });
      return made;
    });
    provider(503, "{}");
    let isTold = false;
    const first = call("once").then((told) => {
      isTold = true;
      return told;
    });
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(1);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isTold).toBe(false);
    gate.resolve();
    expect((await first).status).toBe(503);
    expect((await call("once")).status).toBe(503);
    expect(app.upstreamCalls).toHaveLength(2);
    Reflect.set(redis, "pipeline", pipeline);
    await settle();
  });

  test("a request that was refused leaves its key free", async () => {
    expect((await call("once", { body: { ...BODY, model: "no/such" } })).status).toBe(404);
    const { apiKey } = await app.newKey({ requestsPerMinute: 1 });
    expect((await call("other", { apiKey })).status).toBe(200);
    expect((await call("once", { apiKey })).status).toBe(429);
    expect((await call("once")).status).toBe(200);
  });

  test.each([
    ["", "empty"],
    ["k".repeat(256), "256 characters"],
    ["schlüssel", "not ASCII"],
  ])("B88 a key that is %s is refused", async (key) => {
    const told = await call(key);
    expect([told.status, told.error.code]).toEqual([400, "invalid_idempotency_key"]);
    expect(app.upstreamCalls).toHaveLength(0);
  });

  test("a key of 255 characters is taken", async () => {
    expect((await call("k".repeat(255))).status).toBe(200);
  });

  test("two accounts with the same key never see one another", async () => {
    const accountId = "acct_b";
    await insertAccount(app.ports.database, { id: accountId, name: null, email: null });
    const credit = { accountId, amountNanoUsd: 9_000_000_000n, bucket: "purchased", description: null } as const;
    await addCredit(app.ports, { ...credit, key: "test:b", kind: "admin_credit" });
    const wish = { accountId, name: "b", environment: "dev", requestsPerMinute: 250, expiresAt: null } as const;
    const { apiKey } = await createKey(app.ports, app.gateway.hasher, wish);
    const [a, b] = [await call("once"), await call("once", { apiKey, body: { ...BODY, max_tokens: 9 } })];
    expect([a.status, b.status]).toEqual([200, 200]);
    expect(a.headers.get("x-request-id")).not.toBe(b.headers.get("x-request-id"));
    await settle();
    expect([(await charges()).length, (await charges(accountId)).length]).toEqual([1, 1]);
  });

  test("a key is remembered for a day, over midnight too, and is new after two", async () => {
    const first = await call("once");
    await settle();
    await app.clock.advance(DAY_MS - 10_000);
    expect((await call("once")).error.request_id).toBe(first.headers.get("x-request-id"));
    await app.clock.advance(DAY_MS + 20_000);
    const later = await call("once");
    expect(later.status).toBe(200);
    expect(later.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    await settle();
    expect(await charges()).toHaveLength(2);
  });
});

describe("many at once", () => {
  test.each(["fast", "strict", "Postgres alone"])(
    "C3 100 with one key, %s: one provider call, one charge",
    async (tier) => {
      const { apiKey } = await app.newKey({ requestsPerMinute: 10_000 });
      if (tier === "fast") await warmUp();
      await call("other", { apiKey });
      await settle();
      if (tier === "Postgres alone") app.breakRedis(true);
      const before = app.upstreamCalls.length;
      const resume = app.pauseProvider();
      const statuses: number[] = [];
      const answers = Array.from({ length: 100 }, async () => {
        const told = await call("once", { apiKey });
        statuses.push(told.status);
      });
      await expect.poll(() => statuses.length, { interval: 5, timeout: 20_000 }).toBeGreaterThanOrEqual(99);
      resume();
      await Promise.all(answers);
      // Without Redis the isolate's own smaller limit stands before it.
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(new Set(statuses)).toEqual(new Set(tier === "Postgres alone" ? statuses : [200, 409]));
      expect(app.upstreamCalls.length - before).toBe(1);
    },
  );

  test("50 streams with one key in one isolate are one stream: every connection gets all of it, one pays", async () => {
    await warmUp();
    const before = app.upstreamCalls.length;
    const earlier = (await charges()).length;
    const resume = app.pauseProvider();
    const wish = { body: { ...BODY, stream: true } };
    const admissions = app.redisCalls();
    const answering = Array.from({ length: 50 }, () => call("stream", wish));
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(before + 1);
    // The stream is short: whoever comes after its end is told that it was answered.
    await expect.poll(() => app.redisCalls() - admissions, { interval: 2 }).toBe(50);
    resume();
    const answers = await Promise.all(answering);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.text).toContain("hello");
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true")).toHaveLength(49);
    expect(app.upstreamCalls).toHaveLength(before + 1);
    await settle();
    expect((await charges()).length - earlier).toBe(1);
    expect((await call("stream", wish)).error.code).toBe("idempotency_completed");
  });

  test("a stream that runs in another isolate cannot be joined: 409", async () => {
    await warmUp();
    const settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
    const other = createApp(createGateway(app.gateway.configuration, settler), app.ports);
    const resume = app.pauseProvider();
    const wish = { body: { ...BODY, stream: true } };
    const before = app.upstreamCalls.length;
    const first = app.fetch(request("stream", wish));
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(before + 1);
    const second = await read(await other.fetch(request("stream", wish)));
    expect([second.status, second.error.code]).toEqual([409, "idempotency_in_progress"]);
    resume();
    await (await first).text();
  });

  test("a stream is left when the last of its listeners has left, not before", async () => {
    await warmUp();
    const resume = app.pauseProvider();
    const [first, second] = [new AbortController(), new AbortController()];
    const before = app.upstreamCalls.length;
    const connect = (controller: AbortController) =>
      app.fetch(new Request(request("stream", { body: { ...BODY, stream: true } }), { signal: controller.signal }));
    const [a, b] = [connect(first), connect(second)];
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(before + 1);
    await app.clock.advance(1);
    first.abort();
    resume();
    expect(await (await b).text()).toContain("hello");
    await (await a).text();
  });
});

describe("stores", () => {
  test("the hot path is one Redis round trip and no SQL, with a key too", async () => {
    await warmUp();
    const before = { redis: app.redisCalls(), sql: app.sqlCalls() };
    const resume = app.pauseProvider();
    const calls = app.upstreamCalls.length;
    const answering = call("hot");
    await expect.poll(() => app.upstreamCalls.length, { interval: 1 }).toBe(calls + 1);
    expect(app.redisCalls() - before.redis).toBe(1);
    resume();
    expect((await answering).status).toBe(200);
    await settle();
    // The shadow of the hold and the settlement, both in the background.
    expect(app.sqlCalls() - before.sql).toBe(2);
  });

  test("F1 with Redis away Postgres knows the key, running or done", async () => {
    await warmUp();
    const first = await call("once");
    await settle();
    const resume = app.pauseProvider();
    const calls = app.upstreamCalls.length;
    const running = app.fetch(request("other"));
    await expect.poll(() => app.upstreamCalls.length, { interval: 1 }).toBe(calls + 1);
    await app.clock.advance(1);
    app.breakRedis(true);
    const done = await call("once");
    expect([done.error.code, done.error.request_id]).toEqual([
      "idempotency_completed",
      first.headers.get("x-request-id"),
    ]);
    expect((await call("other")).error.code).toBe("idempotency_in_progress");
    expect((await call("once", { body: { ...BODY, max_tokens: 3 } })).status).toBe(422);
    resume();
    await running;
    expect((await call("new")).status).toBe(200);
    await settle();
    expect((await call("new")).error.code).toBe("idempotency_completed");
    expect(app.upstreamCalls).toHaveLength(calls + 2);
    app.breakRedis(false);
  });

  test("F6 with everything in Redis lost the key is still known", async () => {
    await warmUp();
    await call("once");
    await settle();
    await app.ports.redis.flushdb();
    expect((await app.fetch(post("/v1/chat/completions", BODY, { authorization: `Bearer ${app.key}` }))).status).toBe(
      200,
    );
    const calls = app.upstreamCalls.length;
    expect((await call("once")).error.code).toBe("idempotency_completed");
    expect((await call("new")).status).toBe(200);
    await settle();
    expect((await call("new")).error.code).toBe("idempotency_completed");
    expect(app.upstreamCalls).toHaveLength(calls + 1);
  });

  test("F11 with Postgres away Redis knows the key", async () => {
    await warmUp();
    await call("once");
    await settle();
    app.breakDatabase(true);
    const told = await call("once");
    expect([told.status, told.error.code]).toEqual([409, "idempotency_completed"]);
    expect((await call("new")).status).toBe(200);
    await settle();
    expect((await call("new")).error.code).toBe("idempotency_completed");
    app.breakDatabase(false);
    await sweep(app.ports);
    expect(await charges()).toHaveLength(4);
  });

  test("F19 with both away 503, and no provider is called", async () => {
    await warmUp();
    const calls = app.upstreamCalls.length;
    app.breakRedis(true);
    app.breakDatabase(true);
    expect((await call("once")).error.code).toBe("billing_unavailable");
    expect(app.upstreamCalls).toHaveLength(calls);
    app.breakRedis(false);
    app.breakDatabase(false);
    await app.clock.advance(20_000);
    expect((await call("once")).status).toBe(200);
  });

  test("F4 F13 a reply of either store that is lost makes no second run and locks nobody out", async () => {
    await warmUp();
    const calls = app.upstreamCalls.length;
    app.setRedisFault("reply-lost");
    const first = await call("redis");
    expect(first.status).toBe(200);
    app.setRedisFault("none");
    await settle();
    app.breakRedis(true);
    app.setDatabaseFault("reply-lost");
    const lost = call("postgres");
    await app.clock.advance(1);
    app.setDatabaseFault("none");
    expect([200, 503]).toContain((await lost).status);
    app.breakRedis(false);
    await settle();
    expect((await call("redis")).error.code).toBe("idempotency_completed");
    expect(app.upstreamCalls.length - calls).toBeLessThanOrEqual(2);
  });

  test("F48 an isolate that dies with the call: nothing is charged, and the key is free again once it was swept", async () => {
    await warmUp();
    app.pauseProvider();
    const calls = app.upstreamCalls.length;
    const settler = { settle: () => new Promise<void>(() => {}), flush: async () => {} };
    const dying = createApp(createGateway(app.gateway.configuration, settler), {
      ...app.ports,
      background: () => {},
      clock: { ...app.clock, schedule: () => () => {} },
    });
    void dying.fetch(request("once"));
    await expect.poll(() => app.upstreamCalls.length, { interval: 2 }).toBe(calls + 1);
    expect((await call("once")).error.code).toBe("idempotency_in_progress");
    await app.clock.advance(700_000);
    await sweep(app.ports);
    const resume = app.pauseProvider();
    resume();
    const again = await call("once");
    expect(again.status).toBe(200);
    expect(again.headers.get("x-request-id")).toMatch(/-2$/);
  });
});
