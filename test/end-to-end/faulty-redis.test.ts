import type { Redis } from "@upstash/redis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../lib/platform/clock.ts";
import { createEngineRedis, createUpstashRedis } from "../../lib/platform/redis/requester.ts";
import { createTcpRedis } from "../../lib/platform/redis/tcp-redis.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { type FaultyProxy, type ProxyFault, serverOf, startFaultyProxy, through } from "../support/faulty-proxy.ts";
import type { TestAccount } from "../support/register-account.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { openTestStores, realServers, type TestStores } from "../support/test-stores.ts";
import { ask } from "./ask.ts";

const REDIS_PORT = 6_379;
/** After so long the guard asks a store again that it had given up. */
const OUTAGE_MS = 10_000;
const HOLD_MS = 660_000;

/** A way to a Redis through a proxy. */
interface Way {
  readonly open: (clock: Clock) => Promise<TestStores>;
  readonly address: (stores: TestStores) => string;
  readonly connect: (url: string, stores: TestStores, clock: Clock) => { redis: Redis; close: () => Promise<void> };
}

const UPSTASH: Way = {
  open: (clock) => openTestStores("http", clock),
  address: ({ environment }) => environment["UPSTASH_REDIS_REST_URL"] ?? "",
  connect: (url, { environment }, clock) => {
    const token = environment["UPSTASH_REDIS_REST_TOKEN"] ?? "";
    return { redis: createUpstashRedis({ url, token, clock }), close: async () => {} };
  },
};
const TCP: Way = {
  open: (clock) => openTestStores("real", clock),
  address: ({ environment }) => environment["REDIS_URL"] ?? "",
  connect: (url, _, clock) => {
    const engine = createTcpRedis(url);
    return { redis: createEngineRedis(engine, clock), close: () => engine.close() };
  },
};

describe.each([
  ["Upstash REST", UPSTASH, false],
  // Without the servers' addresses there is no Redis to reach: see README, "Contributing".
  ["TCP", TCP, realServers() === null],
] as const)("a Redis reached over %s", (_, way, leftOut) => {
  let laterMs = 0;
  /** The real time, and later when a test has no time to wait. */
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + laterMs };
  let simulator: Simulator;
  let proxy: FaultyProxy;
  let gateway: TestGateway;
  /** Another isolate on the same stores, whose Redis is well: what calls take at the same time on the same machine. */
  let healthy: TestGateway;
  let closeRedis: () => Promise<void>;
  beforeAll(async () => {
    if (leftOut) return;
    simulator = await startSimulator();
    const stores = await way.open(clock);
    const address = way.address(stores);
    proxy = await startFaultyProxy(serverOf(address, REDIS_PORT));
    const { redis, close } = way.connect(through(proxy, address), stores, clock);
    closeRedis = close;
    gateway = await startGateway({ simulator, clock, stores, ports: { redis } });
    healthy = await startGateway({ simulator, clock, stores: { ...stores, close: async () => {} } });
  });
  afterAll(async () => {
    if (leftOut) return;
    proxy.setFault("refuse");
    await closeRedis();
    await healthy.stop();
    await gateway.stop();
    await proxy.close();
    await simulator.close();
  });
  afterEach(() => simulator?.reset());

  const call = (account: TestAccount, isolate = gateway) =>
    ask(isolate, { client: "openai", model: "openai/gpt-4o-mini", text: "Hello", stream: false, account });
  /** The milliseconds that a call takes. */
  const timed = async (account: TestAccount, isolate = gateway): Promise<number> => {
    const start = performance.now();
    expect((await call(account, isolate)).status).toBe(200);
    return performance.now() - start;
  };
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  /** How much longer twenty calls take than twenty others, made in turn with them, of the isolate that is well. */
  const addedMs = async (account: TestAccount): Promise<number> => {
    const taken: number[] = [];
    const usual: number[] = [];
    for (let times = 0; times < 20; times++) {
      taken.push(await timed(account));
      usual.push(await timed(account, healthy));
    }
    return median(taken) - median(usual);
  };
  /** Waits until Redis is asked again and answers. */
  const recovered = () =>
    expect
      .poll(
        async () => {
          laterMs += OUTAGE_MS;
          return (await call(gateway)).headers.get("x-degraded");
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBeNull();
  /** The end of every hold that lost its request on the way. */
  const sweepEverything = async () => {
    laterMs += HOLD_MS + OUTAGE_MS;
    await expect.poll(async () => [await gateway.sweep(), await gateway.stores.redis.zcard("gw:open")][1]).toBe(0);
    await gateway.settled();
  };
  /** What each of the account's requests was charged, a guess of the sweeper's and its correction together. */
  const charges = async (account: TestAccount): Promise<readonly bigint[]> => {
    const sums = new Map<string, bigint>();
    for (const { requestId, amountNanoUsd } of await gateway.transactions(account.accountId)) {
      if (requestId !== null) sums.set(requestId, (sums.get(requestId) ?? 0n) + amountNanoUsd);
    }
    return [...sums.values()];
  };

  test.skipIf(leftOut).each<[string, ProxyFault]>([
    ["F1 that refuses connections", "refuse"],
    ["F2 that swallows everything", "swallow"],
    ["F3 that takes two seconds", 2_000],
  ])(
    "%s delays a call or two and then none; each is charged once; and it is used again when it is back",
    async (_, fault) => {
      const account = await gateway.register("100");
      for (let times = 0; times < 5; times++) await timed(account, times % 2 === 0 ? gateway : healthy);
      proxy.setFault(fault);
      for (let times = 0; times < 5; times++) expect(await timed(account)).toBeLessThan(1_000);
      expect(await addedMs(account)).toBeLessThan(20);
      if (fault === "swallow") proxy.healForNewConnections();
      else proxy.setFault("pass");
      await recovered();
      for (let times = 0; times < 2; times++) await timed(account);
      await sweepEverything();
      const amounts = await charges(account);
      expect(amounts).toHaveLength(52);
      expect(new Set(amounts).size).toBe(1);
      expect(await gateway.checkLedger()).toEqual([]);
    },
  );

  test.skipIf(leftOut)("F4 whose replies are lost: each call is charged once, no hold is left", async () => {
    const account = await gateway.register("100");
    for (let times = 0; times < 2; times++) await timed(account);
    proxy.setFault("lose-replies");
    for (let times = 0; times < 2; times++) await timed(account);
    proxy.setFault("refuse");
    proxy.setFault("pass");
    await recovered();
    await sweepEverything();
    const amounts = await charges(account);
    expect(amounts).toHaveLength(4);
    expect(new Set(amounts).size).toBe(1);
    expect(await gateway.checkLedger()).toEqual([]);
  });
});
