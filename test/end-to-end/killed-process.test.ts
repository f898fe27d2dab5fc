import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OPEN_KEY } from "../../lib/billing/ledger-scripts.ts";
import { checkLedger, listTransactions, readBalance } from "../../lib/billing/ledger-store.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { createLog } from "../../lib/platform/log.ts";
import { createEmbeddedPostgres } from "../../lib/platform/postgres/embedded-postgres.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import { createEngineRedis } from "../../lib/platform/redis/requester.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { serverOf, startFaultyProxy, through } from "../support/faulty-proxy.ts";
import { ADMIN_KEY, registerAccount } from "../support/register-account.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { type GatewayProcess, startProcess } from "../support/start-process.ts";
import { openTestStores, realServers, type TestStores } from "../support/test-stores.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());
afterEach(() => simulator.reset());

const CALLERS = 8;
/** After how many answers each process is killed. */
const ROUNDS = [1, 7, 25];
const LATER_MS = 3_600_000;

/** Keeps calling, whole and streamed, until the gateway is gone; `onAnswer` is told of each answer. */
async function callOn(url: string, key: string, onAnswer: () => void): Promise<void> {
  for (let call = 0; ; call += 1) {
    try {
      const reply = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({
          model: "openai/gpt-4o-mini",
          stream: call % 2 === 0,
          messages: [{ role: "user", content: "count to 300" }],
        }),
      });
      await reply.text();
      if (reply.status !== 200) throw new Error(`answered ${reply.status}`);
      onAnswer();
    } catch {
      return;
    }
  }
}

/** Runs the gateway under load and kills it after so many answers. Some of its calls are held, and die with it. */
async function killUnderLoad(running: GatewayProcess, key: string, answersBefore: number): Promise<number> {
  simulator.next("openai", fault.none().times(3));
  simulator.next("openai", fault.hold(40).times(2));
  let answers = 0;
  const enough = Promise.withResolvers<void>();
  const callers = Array.from({ length: CALLERS }, () =>
    callOn(running.url, key, () => {
      answers += 1;
      if (answers === answersBefore) enough.resolve();
    }),
  );
  await enough.promise;
  await running.kill();
  simulator.reset();
  await Promise.all(callers);
  return answers;
}

/** What a sweep after the holds' time does, and what the ledger then says. */
async function sweepAndCheck({ database, redis }: Pick<TestStores, "database" | "redis">): Promise<void> {
  await sql`update credit_hold set expires_at = clock_timestamp() - interval '1 second' where state = 'held'`.execute(
    database,
  );
  const clock = createFakeClock(Date.now() + LATER_MS);
  await sweep({ clock, redis, database, log: createLog(() => {}) });
  expect(await checkLedger(database)).toEqual([]);
}

async function chargesOf(database: TestStores["database"], accountId: string): Promise<number> {
  const transactions = await listTransactions(database, accountId, { limit: 1000, before: null });
  const requests = transactions.flatMap(({ requestId }) => requestId ?? []);
  expect(new Set(requests).size).toBe(requests.length);
  return requests.length;
}

describe("kill -9 under load", () => {
  test("F47 F48 on the embedded stores, thrice on the same data: the key goes on working, the ledger is in order", async () => {
    const directory = mkdtempSync(join(tmpdir(), "gangway-killed-"));
    const environment = { GANGWAY_DATA_DIR: directory, ...simulator.environment(["openai"]) };
    const keys = new Set<string>();
    let answers = 0;
    for (const round of ROUNDS) {
      const running = await startProcess(environment);
      keys.add(running.key);
      answers += await killUnderLoad(running, running.key, round);
    }
    expect(keys.size).toBe(1);
    const postgres = await createEmbeddedPostgres(join(directory, "postgres"));
    const clock = createFakeClock();
    const redis = createEngineRedis(createEmbeddedRedis({ clock, scripts: ALL_SCRIPTS }), clock);
    await sweepAndCheck({ database: postgres.database, redis });
    const balance = await readBalance(postgres.database, "local");
    expect(balance).toMatchObject({ held: 0n, heldShadow: 0n });
    expect(balance?.purchased).toBeGreaterThan(0n);
    expect(balance?.purchased).toBeLessThan(5_000_000_000n);
    expect(await chargesOf(postgres.database, "local")).toBeLessThanOrEqual(answers + CALLERS * ROUNDS.length);
    await postgres.close();
    rmSync(directory, { recursive: true });
  }, 120_000);

  // Without the servers' addresses there is nothing to kill it on: see README, "Contributing".
  test.skipIf(realServers() === null)(
    "F47 F48 on real PostgreSQL and Redis",
    async () => {
      const stores = await openTestStores("real", createFakeClock(Date.now()));
      const environment = {
        ADMIN_API_KEY: ADMIN_KEY,
        API_GATEWAY_SALT: "salt-of-the-test-harness",
        ...stores.environment,
        ...simulator.environment(["openai"]),
      };
      let account = null;
      for (const round of ROUNDS) {
        const running = await startProcess(environment);
        account ??= await registerAccount(running.url, "100");
        await killUnderLoad(running, account.key, round);
      }
      await sweepAndCheck(stores);
      const accountId = account?.accountId ?? "";
      expect(await readBalance(stores.database, accountId)).toMatchObject({ held: 0n, heldShadow: 0n });
      expect(await chargesOf(stores.database, accountId)).toBeGreaterThan(0);
      await stores.close();
    },
    120_000,
  );
});

test("F49 R1 kill -9 between the charge in Postgres and the news of it: one charge, and no hold is left", async () => {
  const stores = await openTestStores("http", createFakeClock(Date.now()));
  const { NEON_HTTP_ENDPOINT: endpoint = "" } = stores.environment;
  const proxy = await startFaultyProxy(serverOf(endpoint, 80));
  const running = await startProcess({
    ADMIN_API_KEY: ADMIN_KEY,
    API_GATEWAY_SALT: "salt-of-the-test-harness",
    ...stores.environment,
    NEON_HTTP_ENDPOINT: through(proxy, endpoint),
    ...simulator.environment(["openai"]),
  });
  const { accountId, key } = await registerAccount(running.url, "100");
  const call = () =>
    fetch(`${running.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] }),
    });
  const charged = () => expect.poll(() => chargesOf(stores.database, accountId), { timeout: 5_000 });
  expect((await call()).status).toBe(200);
  await charged().toBe(1);
  await expect.poll(() => stores.redis.zcard(OPEN_KEY)).toBe(0);
  proxy.setFault("lose-replies");
  expect((await call()).status).toBe(200);
  await charged().toBe(2);
  await running.kill();
  expect(await stores.redis.zcard(OPEN_KEY)).toBe(1);
  const before = await readBalance(stores.database, accountId);
  await sweepAndCheck(stores);
  expect(await chargesOf(stores.database, accountId)).toBe(2);
  expect(await readBalance(stores.database, accountId)).toMatchObject({ purchased: before?.purchased, held: 0n });
  expect(await stores.redis.zcard(OPEN_KEY)).toBe(0);
  await proxy.close();
  await stores.close();
});
