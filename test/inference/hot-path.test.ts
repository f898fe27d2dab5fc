import { expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { ampleApp, countRoundTrips } from "../support/count-round-trips.ts";

test("the hot path's budget: one Redis round trip and no SQL before the provider, one of each after the answer", async () => {
  const app = await ampleApp();
  await countRoundTrips(app);
  for (let call = 0; call < 3; call++) {
    expect(await countRoundTrips(app)).toEqual({ atProvider: { redis: 1, sql: 0 }, after: { redis: 1, sql: 1 } });
  }
});

test("a cold isolate needs two Redis round trips and no SQL before the provider", async () => {
  const app = await ampleApp();
  await countRoundTrips(app);
  // Another isolate on the same stores: nothing in its memory.
  const cold = createApp(
    createGateway(app.gateway.configuration, createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 })),
    app.ports,
  );
  const { atProvider } = await countRoundTrips(app, async (request) => cold.fetch(request));
  expect(atProvider).toEqual({ redis: 2, sql: 0 });
});
