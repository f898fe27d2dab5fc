import { expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { ampleApp, countRoundTrips } from "../support/count-round-trips.ts";

const BODY = {
  model: "openai/gpt-4o-mini",
  max_tokens: 50,
  messages: [{ role: "user", content: "hi" }],
  models: ["openai/gpt-4o", "openai/gpt-4.1-mini", "openai/gpt-4.1"],
  provider: { sort: "price", data_collection: "deny" },
  session_id: "conversation-1",
};
const ROUTED = { path: "/v1/chat/completions", body: BODY };

test("preferences, a session and models to fall back to cost a warm call nothing: one Redis round trip and no SQL", async () => {
  const app = await ampleApp();
  await countRoundTrips(app, app.fetch, ROUTED);
  for (let call = 0; call < 3; call++) {
    const counted = await countRoundTrips(app, app.fetch, ROUTED);
    expect(counted).toEqual({ atProvider: { redis: 1, sql: 0 }, after: { redis: 1, sql: 1 } });
  }
});

test("a cold isolate reads all of a call's models with the caller's identity: two Redis round trips", async () => {
  const app = await ampleApp();
  await countRoundTrips(app, app.fetch, ROUTED);
  const settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
  const cold = createApp(createGateway(app.gateway.configuration, settler), app.ports);
  const { atProvider } = await countRoundTrips(app, async (request) => cold.fetch(request), ROUTED);
  expect(atProvider).toEqual({ redis: 2, sql: 0 });
});

test("an isolate that knows the caller and not the models reads them together", async () => {
  const app = await ampleApp();
  await countRoundTrips(app, app.fetch, ROUTED);
  const settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
  const other = createApp(createGateway(app.gateway.configuration, settler), app.ports);
  const fetch = async (request: Request) => other.fetch(request);
  await countRoundTrips(app, fetch);
  const { atProvider } = await countRoundTrips(app, fetch, ROUTED);
  expect(atProvider).toEqual({ redis: 2, sql: 0 });
});
