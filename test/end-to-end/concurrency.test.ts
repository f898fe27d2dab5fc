import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mirrorKey } from "../../lib/billing/ledger-scripts.ts";
import { formatUsd } from "../../lib/money/nano-usd.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { open } from "./ask.ts";

const REQUESTS = 1_000;
const AFFORDABLE = 50;
const QUESTION = {
  client: "openai",
  model: "openai/gpt-4o-mini",
  text: "Hello",
  stream: false,
  extra: { max_tokens: 1000 },
} as const;

describe("on the embedded stores", () => {
  let simulator: Simulator;
  let gateway: TestGateway;
  beforeAll(async () => {
    simulator = await startSimulator();
    gateway = await startGateway({ simulator });
  });
  afterAll(async () => {
    await gateway.stop();
    await simulator.close();
  });

  /** What one request holds while it runs, nano-dollars. */
  async function holdOfOne(): Promise<bigint> {
    simulator.reset();
    simulator.next("openai", fault.hold("request"));
    const account = await gateway.register("1");
    const answering = open(gateway, { ...QUESTION, account });
    await (await simulator.log.nth(1)).held;
    const held = await gateway.stores.redis.hget<string>(mirrorKey(account.accountId), "held");
    simulator.release();
    expect((await answering).status).toBe(200);
    return BigInt(held ?? 0);
  }

  test("C1 of a thousand requests at once exactly those that the balance covers reach a provider", async () => {
    const hold = await holdOfOne();
    expect(hold).toBeGreaterThan(0n);
    await gateway.settled();
    simulator.reset();
    simulator.script.always("openai", fault.hold("request"));
    const account = await gateway.register(formatUsd(hold * BigInt(AFFORDABLE) + hold / 2n));
    const statuses: number[] = [];
    let refused = 0;
    const allRefused = Promise.withResolvers<void>();
    const answers = Array.from({ length: REQUESTS }, async () => {
      const { status } = await open(gateway, { ...QUESTION, account });
      statuses.push(status);
      if (status === 402) refused += 1;
      if (refused === REQUESTS - AFFORDABLE) allRefused.resolve();
    });
    await Promise.race([allRefused.promise, Promise.all(answers)]);
    simulator.release();
    await Promise.all(answers);
    expect(statuses.filter((status) => status === 200)).toHaveLength(AFFORDABLE);
    expect(statuses.filter((status) => status === 402)).toHaveLength(REQUESTS - AFFORDABLE);
    expect(simulator.log.count("openai")).toBe(AFFORDABLE);
    await gateway.settled();
    expect(await gateway.balance(account.accountId)).toBeGreaterThanOrEqual(0n);
    expect(await gateway.checkLedger()).toEqual([]);
  });

  test("C2 500 first requests at once of an account that Redis does not know", async () => {
    simulator.reset();
    const account = await gateway.register("5");
    await gateway.stores.redis.del(mirrorKey(account.accountId));
    const answers = await Promise.all(Array.from({ length: 500 }, () => open(gateway, { ...QUESTION, account })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await gateway.settled();
    const charges = (await gateway.transactions(account.accountId)).filter(({ requestId }) => requestId !== null);
    expect(charges).toHaveLength(100); // one page of them
    expect(await gateway.checkLedger()).toEqual([]);
  });
});
