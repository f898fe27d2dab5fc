import { EdgeVM } from "@edge-runtime/vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { createEdgeApp } from "../../api/_edge-app.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { bundleEntry } from "../support/bundle-worker.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { openTestStores, type TestStores } from "../support/test-stores.ts";

const ADMIN_KEY = "admin-key-of-the-edge-tests";
const CRON_SECRET = "cron-secret-of-the-edge-tests";

let simulator: Simulator;
let stores: TestStores;
let environment: Record<string, string>;

beforeAll(async () => {
  simulator = await startSimulator();
  stores = await openTestStores("http", systemClock);
  environment = {
    ...stores.environment,
    ...simulator.environment(["openai", "anthropic"]),
    ADMIN_API_KEY: ADMIN_KEY,
    API_GATEWAY_SALT: "salt-of-the-edge-tests",
    CRON_SECRET,
  };
});
afterAll(async () => {
  await stores.close();
  await simulator.close();
});

test("CM-17.1 the app factory returns a ready application", async () => {
  const { app } = createEdgeApp(environment);
  expect(createApp).toBeTypeOf("function");
  const reply = await app.fetch(new Request("http://gangway/health"));
  expect(reply.status).toBe(200);
  expect(await reply.json()).toMatchObject({ status: "healthy" });
});

test("CM-17.2 the serverless entry exports the app, and runs in Vercel's edge runtime", async () => {
  const { code } = await bundleEntry("api/index.ts", "edge-light");
  const edge = new EdgeVM({
    extend: (context) => Object.assign(context, { process: { env: environment }, started: [] as Promise<unknown>[] }),
  });
  edge.evaluate(`${code};globalThis.entry = entry;`);
  const call = (path: string, init: object = {}): Promise<Response> =>
    edge.evaluate(
      `entry.default(new Request("http://gangway" + ${JSON.stringify(path)}, ${JSON.stringify(init)}), { waitUntil: (task) => started.push(task) })`,
    );
  expect(edge.evaluate("entry.config.runtime")).toBe("edge");
  expect((await call("/health")).status).toBe(200);

  const admin = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
  const registered = await call("/auth/register", {
    method: "POST",
    headers: admin,
    body: JSON.stringify({ name: "edge", credit_usd: "10" }),
  });
  const { key } = await registered.json();
  const headers = { authorization: `Bearer ${key.api_key}`, "content-type": "application/json" };
  const body = JSON.stringify({
    model: "openai/gpt-4o-mini",
    stream: true,
    max_tokens: 50,
    messages: [{ role: "user", content: "Say hello." }],
  });
  const reply = await call("/v1/chat/completions", { method: "POST", headers, body });
  expect(reply.status).toBe(200);
  expect(await reply.text()).toContain("data: [DONE]");
  await edge.evaluate("Promise.all(started)");
  const charged = await call("/user/credit-transactions", { headers });
  expect((await charged.json()).data[0]).toMatchObject({ type: "settle" });

  expect((await call("/api/cron/sweep")).status).toBe(401);
  const swept = await call("/api/cron/sweep", { headers: { authorization: `Bearer ${CRON_SECRET}` } });
  // Other tests' accounts live in the same database, and may have left holds that are due.
  expect(await swept.json()).toEqual({
    queuedSettled: expect.any(Number),
    swept: expect.any(Number),
    expiredResponses: expect.any(Number),
    repliesDropped: expect.any(Number),
    filesDropped: expect.any(Number),
    batches: expect.any(Number),
  });
}, 60_000);
