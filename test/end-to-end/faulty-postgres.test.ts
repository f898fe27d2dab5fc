import { type Kysely, sql } from "kysely";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../lib/database/tables.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { createNeonPostgres } from "../../lib/platform/postgres/neon-postgres.ts";
import { createTcpPostgres } from "../../lib/platform/postgres/tcp-postgres.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { type FaultyProxy, serverOf, startFaultyProxy, through } from "../support/faulty-proxy.ts";
import type { TestAccount } from "../support/register-account.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { openTestStores, realServers, type TestStores } from "../support/test-stores.ts";
import { ask } from "./ask.ts";

const POSTGRES_PORT = 5_432;
/** What the gateway gives a statement five seconds for. */
const STATEMENT_TIMEOUT_MS = 300;
const WAKE_MS = 800;

/** A way to a PostgreSQL through a proxy. */
interface Way {
  readonly open: (clock: Clock) => Promise<TestStores>;
  readonly address: (stores: TestStores) => string;
  readonly connect: (url: string, stores: TestStores) => { database: Kysely<Database>; close: () => Promise<void> };
}

const NEON: Way = {
  open: (clock) => openTestStores("http", clock),
  address: ({ environment }) => environment["NEON_HTTP_ENDPOINT"] ?? "",
  connect: (endpoint, { environment }) => {
    const database = createNeonPostgres(environment["DATABASE_URL"] ?? "", endpoint);
    return { database, close: () => database.destroy() };
  },
};
const TCP: Way = {
  open: (clock) => openTestStores("real", clock),
  address: ({ environment }) => environment["DATABASE_URL"] ?? "",
  connect: (url) => createTcpPostgres(url, STATEMENT_TIMEOUT_MS),
};

/** Counts the statements that are sent. */
function counted(database: Kysely<Database>): { readonly database: Kysely<Database>; sent(): number } {
  let sent = 0;
  const plugin: Parameters<Kysely<Database>["withPlugin"]>[0] = {
    transformQuery: ({ node }) => {
      sent += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return { database: database.withPlugin(plugin), sent: () => sent };
}

describe.each([
  ["Neon HTTP", NEON, false],
  // Without the servers' addresses there is no PostgreSQL to reach: see README, "Contributing".
  ["TCP", TCP, realServers() === null],
] as const)("a PostgreSQL reached over %s", (_, way, leftOut) => {
  let simulator: Simulator;
  let proxy: FaultyProxy;
  let gateway: TestGateway;
  let statements: ReturnType<typeof counted>;
  let closeDatabase: () => Promise<void>;
  beforeAll(async () => {
    if (leftOut) return;
    simulator = await startSimulator();
    const stores = await way.open(systemClock);
    const address = way.address(stores);
    proxy = await startFaultyProxy(serverOf(address, POSTGRES_PORT));
    const { database, close } = way.connect(through(proxy, address), stores);
    closeDatabase = close;
    statements = counted(database);
    gateway = await startGateway({ simulator, stores, ports: { database: statements.database } });
  });
  afterAll(async () => {
    if (leftOut) return;
    await closeDatabase();
    await gateway.stop();
    await proxy.close();
    await simulator.close();
  });
  afterEach(async () => {
    if (leftOut) return;
    simulator.reset();
    expect(await gateway.checkLedger()).toEqual([]);
  });

  const call = (account: TestAccount, stream = false) =>
    ask(gateway, { client: "openai", model: "openai/gpt-4o-mini", text: "count to 30", stream, account });
  /** What the account was charged for requests. */
  const charges = async (account: TestAccount) => {
    const transactions = await gateway.transactions(account.accountId);
    return transactions.flatMap(({ requestId, amountNanoUsd }) => (requestId === null ? [] : [amountNanoUsd]));
  };
  /** An account that has called once, so that nothing of it is unknown, and what a call costs it. */
  const warmAccount = async (creditUsd: string): Promise<[TestAccount, bigint]> => {
    const account = await gateway.register(creditUsd);
    expect((await call(account)).status).toBe(200);
    await gateway.settled();
    const [cost = 0n] = await charges(account);
    expect(cost).toBeGreaterThan(0n);
    return [account, cost];
  };
  const logged = (event: string) => gateway.logLines.filter((line) => line.includes(event)).length;

  test.skipIf(leftOut)("F17 that takes 800 ms to wake: the call waits for it, with one more try at most", async () => {
    const [account, cost] = await warmAccount("2");
    proxy.setFault("refuse");
    proxy.setFault("pass");
    proxy.sleepFor(WAKE_MS);
    const before = statements.sent();
    const start = performance.now();
    const answer = await call(account);
    expect(performance.now() - start).toBeGreaterThan(WAKE_MS - 10);
    expect(answer.status).toBe(200);
    await gateway.settled();
    expect(statements.sent() - before).toBeLessThanOrEqual(3); // the hold, perhaps again, and the settlement
    expect(await charges(account)).toEqual([cost, cost]);
  });

  test.skipIf(leftOut).each([
    ["F11", "an account with credit", "100"],
    ["F12", "one with little", "2"],
  ])(
    "%s that refuses connections: %s is served by its mirror, and charged by the next sweep",
    async (_row, _who, creditUsd) => {
      const [account, cost] = await warmAccount(creditUsd);
      proxy.setFault("refuse");
      const queued = logged("ledger_settle_queued");
      expect(await call(account, true)).toMatchObject({ status: 200, ended: true, error: null });
      await expect.poll(() => logged("ledger_settle_queued"), { timeout: 5_000 }).toBe(queued + 1);
      proxy.setFault("pass");
      await gateway.sweep();
      await gateway.settled();
      expect(await charges(account)).toEqual([cost, cost]);
    },
  );

  test.skipIf(leftOut)("F13 whose reply is lost after it charged: one charge", async () => {
    const [account, cost] = await warmAccount("100");
    proxy.setFault("lose-replies");
    const failed = logged("ledger_settle_failed");
    expect((await call(account)).status).toBe(200);
    await expect.poll(() => charges(account), { timeout: 5_000 }).toEqual([cost, cost]); // and the gateway does not know
    proxy.setFault("refuse");
    proxy.setFault("pass");
    await expect.poll(() => logged("ledger_settle_failed"), { timeout: 5_000 }).toBeGreaterThan(failed);
    await gateway.settled();
    expect(await charges(account)).toEqual([cost, cost]);
  });
});

// Two sessions need a real server: see README, "Contributing".
describe.skipIf(realServers() === null)("a real PostgreSQL", () => {
  let simulator: Simulator;
  let gateway: TestGateway;
  let closeDatabase: () => Promise<void>;
  let databaseUrl: string;
  beforeAll(async () => {
    simulator = await startSimulator();
    const stores = await openTestStores("real", systemClock);
    databaseUrl = stores.environment["DATABASE_URL"] ?? "";
    const { database, close } = createTcpPostgres(databaseUrl, STATEMENT_TIMEOUT_MS);
    closeDatabase = close;
    gateway = await startGateway({ simulator, stores, ports: { database } });
  });
  afterAll(async () => {
    await closeDatabase();
    await gateway.stop();
    await simulator.close();
  });

  const call = (account: TestAccount) =>
    ask(gateway, { client: "openai", model: "openai/gpt-4o-mini", text: "count to 30", stream: true, account });
  const logged = (event: string) => gateway.logLines.filter((line) => line.includes(event)).length;
  const lockRow = async (accountId: string) => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query("begin");
    await client.query("select 1 from credit_account where account_id = $1 for update", [accountId]);
    return async () => {
      await client.query("rollback");
      await client.end();
    };
  };

  test("a connection that went silent is closed, and the next statement has another", async () => {
    const proxy = await startFaultyProxy(serverOf(databaseUrl, POSTGRES_PORT));
    const { database, close } = createTcpPostgres(through(proxy, databaseUrl), STATEMENT_TIMEOUT_MS);
    const ask = () => sql<{ one: number }>`select 1 as one`.execute(database);
    const together = () => Promise.allSettled(Array.from({ length: 3 }, ask));
    await together();
    proxy.setFault("swallow");
    expect((await together()).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    proxy.healForNewConnections();
    expect((await together()).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    await close();
    await proxy.close();
  });

  test.each([
    [
      "F15 whose row is locked for longer than a statement may take: the client's stream is whole before the lock is gone",
      "100",
      "ledger_settle_failed",
    ],
    ["F16 that does not decide on a hold in a statement's time: the mirror's word stands", "2", "ledger_hold_failed"],
  ])("%s, and the charge is exact after it", async (_, creditUsd, event) => {
    const account = await gateway.register(creditUsd);
    const first = await call(account);
    await gateway.settled();
    const unlock = await lockRow(account.accountId);
    const failed = logged(event);
    const second = await call(account);
    expect(second).toMatchObject({ status: 200, ended: true, error: null, text: first.text });
    await expect.poll(() => logged(event), { timeout: 5_000 }).toBeGreaterThan(failed);
    await unlock();
    // A charge that was queued in the meantime is the sweep's.
    await gateway.sweep();
    await gateway.settled();
    const transactions = await gateway.transactions(account.accountId);
    const amounts = transactions.flatMap(({ requestId, amountNanoUsd }) => (requestId === null ? [] : [amountNanoUsd]));
    expect(amounts).toHaveLength(2);
    expect(new Set(amounts).size).toBe(1);
    expect(await gateway.checkLedger()).toEqual([]);
  });
});
