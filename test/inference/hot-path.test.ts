import { expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { storeResponse } from "../../lib/responses/response-store.ts";
import type { TestApp } from "../http/test-app.ts";
import { ampleApp, countRoundTrips } from "../support/count-round-trips.ts";

test("the hot path's budget: one Redis round trip and no SQL before the provider, one of each after the answer", async () => {
  const app = await ampleApp();
  await countRoundTrips(app);
  for (let call = 0; call < 3; call++) {
    expect(await countRoundTrips(app)).toEqual({ atProvider: { redis: 1, sql: 0 }, after: { redis: 1, sql: 1 } });
  }
});

const VECTOR = JSON.stringify({
  object: "list",
  data: [{ object: "embedding", index: 0, embedding: [0.5] }],
  model: "text-embedding-3-small",
  usage: { prompt_tokens: 1, total_tokens: 1 },
});

test("the same budget for what is no chat", async () => {
  const app = await ampleApp();
  app.setUpstreamReply(VECTOR);
  const request = { path: "/v1/embeddings", body: { model: "openai/text-embedding-3-small", input: "hi" } };
  await countRoundTrips(app, app.fetch, request);
  for (let call = 0; call < 3; call++) {
    const counted = await countRoundTrips(app, app.fetch, request);
    expect(counted).toEqual({ atProvider: { redis: 1, sql: 0 }, after: { redis: 1, sql: 1 } });
  }
});

test("so much for a response that goes on from nothing; what it goes on from costs one SQL read", async () => {
  const app = await ampleApp();
  const ask = (more: object) => ({
    path: "/v1/responses",
    body: { model: "openai/gpt-4o-mini", input: "hi", ...more },
  });
  await countRoundTrips(app, app.fetch, ask({}));
  const { atProvider } = await countRoundTrips(app, app.fetch, ask({}));
  expect(atProvider).toEqual({ redis: 1, sql: 0 });
  const access = { database: app.ports.database, secrets: app.gateway.secrets };
  const stored = { id: "resp_00000001", input: [], responseText: '{"id":"resp_00000001","output":[]}' };
  await storeResponse(access, "acct_a", stored, app.clock.now());
  const goingOn = await countRoundTrips(app, app.fetch, ask({ previous_response_id: "resp_00000001" }));
  expect(goingOn.atProvider).toEqual({ redis: 1, sql: 1 });
});

/** Another isolate on the same stores: nothing in its memory. */
function coldIsolate(app: TestApp, ports: Ports = app.ports): ReturnType<typeof createApp> {
  const settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
  return createApp(createGateway(app.gateway.configuration, settler), ports);
}

test("a cold isolate needs two Redis round trips and no SQL before the provider", async () => {
  const app = await ampleApp();
  await countRoundTrips(app);
  const cold = coldIsolate(app);
  const { atProvider } = await countRoundTrips(app, async (request) => cold.fetch(request));
  expect(atProvider).toEqual({ redis: 2, sql: 0 });
});

test("F1 F2 a cold isolate that Redis does not answer reads there once, and what else it needs from Postgres at once", async () => {
  const app = await ampleApp();
  await countRoundTrips(app);
  const asked: string[] = [];
  const redis = new Proxy(app.ports.redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value === "function" && (name === "get" || name === "mget")) asked.push(name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  app.breakRedis(true);
  const cold = coldIsolate(app, { ...app.ports, redis });
  await countRoundTrips(app, async (request) => cold.fetch(request));
  expect(asked).toEqual(["mget"]);
  app.breakRedis(false);
});
