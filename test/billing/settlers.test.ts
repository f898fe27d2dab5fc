import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { holdScript } from "../../lib/billing/ledger-scripts.ts";
import { checkLedger, readBalance } from "../../lib/billing/ledger-store.ts";
import { finishHold, holdInput, type Reservation } from "../../lib/billing/reserve-credits.ts";
import type { SettlePorts } from "../../lib/billing/settle-credits.ts";
import type { Settler } from "../../lib/billing/settler.ts";
import { createSharedSettler } from "../../lib/billing/shared-settler.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openTestStores, type TestStores } from "../support/test-stores.ts";

const USD = 1_000_000_000n;
const clock = createFakeClock(Date.now());
const log = { info: () => {}, warn: () => {}, error: () => {} };
let stores: TestStores;
let statements = 0;

beforeAll(async () => {
  stores = await openTestStores("embedded", clock);
});
afterEach(async () => {
  expect(await checkLedger(stores.database)).toEqual([]);
});
afterAll(() => stores.close());

/** What one request's isolate gives it; `time` is its own clock, which stops with it. */
function portsOf(time: Clock = clock): SettlePorts {
  const database = new Proxy(stores.database, {
    get(target, name) {
      if (name === "getExecutor") statements += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { clock: time, redis: stores.redis, database, log };
}

async function account(): Promise<string> {
  const id = `acct_${crypto.randomUUID()}`;
  await insertAccount(stores.database, { id, name: null, email: null });
  await addCredit(
    { ...portsOf(), database: stores.database },
    {
      key: `purchase:${id}`,
      accountId: id,
      amountNanoUsd: 1_000n * USD,
      bucket: "purchased",
      kind: "purchase",
      description: null,
    },
  );
  return id;
}

async function hold(accountId: string): Promise<Reservation> {
  const request = { requestId: `req_${crypto.randomUUID()}`, accountId, amountNanoUsd: USD, outputPerMillion: 0n };
  const { keys, args } = holdInput(request, clock.now());
  const ports = { ...portsOf(), database: stores.database, background: () => {} };
  return finishHold(ports, request, await stores.redis.eval(holdScript.lua, keys, args).catch(() => null));
}

const charge = (amountNanoUsd: bigint) => ({ amountNanoUsd, detail: {}, attempts: [] });
const spent = async (id: string) => 1_000n * USD - ((await readBalance(stores.database, id))?.purchased ?? 0n);

async function settleTogether(settler: Settler, requests: number): Promise<string> {
  const id = await account();
  const reservations = await Promise.all(Array.from({ length: requests }, () => hold(id)));
  statements = 0;
  const settled = Promise.all(
    reservations.map((one, index) => settler.settle(portsOf(), one, charge(BigInt(index + 1)))),
  );
  await clock.advance(100);
  await settled;
  return id;
}

describe("settlers", () => {
  test.each([
    ["batching", () => createBatchingSettler({ maxBatch: 100, maxDelayMs: 10, maxStatements: 4 })],
    ["shared", () => createSharedSettler({ maxBatch: 100, maxDelayMs: 10, patienceMs: 1_000 })],
  ] as const)("%s: charges that come together are one statement, each exact", async (_, create) => {
    const id = await settleTogether(create(), 30);
    expect(statements).toBe(1);
    expect(await spent(id)).toBe(465n);
  });

  test.each([
    ["batching", () => createBatchingSettler({ maxBatch: 10, maxDelayMs: 10, maxStatements: 4 })],
    ["shared", () => createSharedSettler({ maxBatch: 10, maxDelayMs: 10, patienceMs: 1_000 })],
  ] as const)("%s: a statement takes no more than its most", async (_, create) => {
    const id = await settleTogether(create(), 30);
    expect(statements).toBe(3);
    expect(await spent(id)).toBe(465n);
  });

  test("batching: an account whose charge fails and is tried again holds up no other account", async () => {
    const settler = createBatchingSettler({ maxBatch: 100, maxDelayMs: 10, maxStatements: 4 });
    const id = await account();
    const mine = await hold(id);
    const unknown = settler.settle(portsOf(), { ...mine, accountId: "acct_unknown" }, charge(1n));
    await clock.advance(11);
    const settled = settler.settle(portsOf(), mine, charge(20n));
    await clock.advance(11);
    await settled;
    expect(await spent(id)).toBe(20n);
    // Its tries end in the log. The statements between its waits take real time.
    let given = false;
    void unknown.then(() => {
      given = true;
    });
    while (!given) await clock.advance(100);
  });

  test("batching: what comes for an account while its statement runs makes one more statement, and a shutdown writes all", async () => {
    const settler = createBatchingSettler({ maxBatch: 100, maxDelayMs: 10, maxStatements: 4 });
    const id = await account();
    const reservations = await Promise.all(Array.from({ length: 20 }, () => hold(id)));
    statements = 0;
    const all = reservations.map((one, index) => {
      const settled = settler.settle(portsOf(), one, charge(BigInt(index + 1)));
      if (index === 0) void settler.flush();
      return settled;
    });
    await settler.flush();
    await Promise.all(all);
    expect(statements).toBe(2);
    expect(await spent(id)).toBe(210n);
  });

  test("F49 R1 shared: when the isolate of the request that writes for all has died, each of the others writes its own, once", async () => {
    const settler = createSharedSettler({ maxBatch: 100, maxDelayMs: 10, patienceMs: 1_000 });
    const id = await account();
    const [first, second, third] = [await hold(id), await hold(id), await hold(id)];
    const timers: (() => void)[] = [];
    const stopped: Clock = {
      ...clock,
      schedule: (_, callback) => {
        timers.push(callback);
        return () => {};
      },
    };
    const lost = settler.settle(portsOf(stopped), first, charge(100n));
    const others = [settler.settle(portsOf(), second, charge(20n)), settler.settle(portsOf(), third, charge(3n))];
    await clock.advance(999);
    expect(await spent(id)).toBe(0n);
    await clock.advance(2);
    await Promise.all(others);
    expect(await spent(id)).toBe(23n);
    // It was only paused: its statement repeats what the others wrote, and brings its own charge.
    for (const callback of timers) callback();
    await lost;
    expect(await spent(id)).toBe(123n);
  });

  test("shared: while one group waits for a dead isolate, later requests form another", async () => {
    const settler = createSharedSettler({ maxBatch: 2, maxDelayMs: 10, patienceMs: 1_000 });
    const id = await account();
    const [first, second, third] = [await hold(id), await hold(id), await hold(id)];
    const stopped: Clock = { ...clock, schedule: () => () => {} };
    void settler.settle(portsOf(stopped), first, charge(100n));
    const follower = settler.settle(portsOf(), second, charge(20n));
    const later = settler.settle(portsOf(), third, charge(3n));
    await clock.advance(20);
    await later;
    expect(await spent(id)).toBe(3n);
    await clock.advance(1_000);
    await follower;
    expect(await spent(id)).toBe(23n);
  });
});
