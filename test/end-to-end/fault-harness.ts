import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import type { TestAccount } from "../support/register-account.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import type { Question } from "./ask.ts";
import { ANTHROPIC_MODEL, GEMINI_MODEL, OPENAI_MODEL, type SdkModel } from "./sdk-target.ts";

/** The provider that stands behind each model's own. */
export const FALLBACK = "openrouter";

/** One model of each wire with its own provider A; B is OpenRouter. */
export const FAULTY: readonly SdkModel[] = [OPENAI_MODEL, ANTHROPIC_MODEL, GEMINI_MODEL];

/** The ways to ask: each client format, whole and streamed. */
export const WAYS = [
  { client: "openai", stream: false },
  { client: "openai", stream: true },
  { client: "anthropic", stream: false },
  { client: "anthropic", stream: true },
] as const satisfies readonly Pick<Question, "client" | "stream">[];

export interface FaultHarness {
  readonly simulator: Simulator;
  readonly gateway: TestGateway;
  readonly clock: FakeClock;
  /** An account of this test alone, with $10. */
  readonly account: TestAccount;
  /** What the account was charged for requests, nano-dollars, and for how many. */
  charged(): Promise<{ readonly requests: number; readonly nanoUsd: bigint }>;
}

/** A gateway on a clock moved by hand, for a whole file; after each test the ledger must be in order. */
export function useFaultHarness(environment: Readonly<Record<string, string>> = {}): () => FaultHarness {
  const clock = createFakeClock();
  let simulator: Simulator;
  let gateway: TestGateway;
  let account: TestAccount;
  beforeAll(async () => {
    simulator = await startSimulator();
    gateway = await startGateway({ simulator, clock, environment });
  });
  afterAll(async () => {
    await gateway.stop();
    await simulator.close();
  });
  beforeEach(async () => {
    account = await gateway.register("10");
  });
  afterEach(async () => {
    simulator.reset();
    await gateway.resetBreakers();
    expect(await gateway.checkLedger()).toEqual([]);
  });
  return () => ({
    simulator,
    gateway,
    clock,
    account,
    charged: async () => {
      await gateway.settled();
      const usages = (await gateway.transactions(account.accountId)).filter((one) => one.requestId !== null);
      return { requests: usages.length, nanoUsd: usages.reduce((sum, one) => sum + one.amountNanoUsd, 0n) };
    },
  });
}

/** Takes a step, which moves time on, until one says that what is waited for has happened; gives up after some seconds. */
export async function until(step: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (await step()) return;
    // Sockets need real time to deliver.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("It did not happen.");
}
