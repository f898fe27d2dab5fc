import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../lib/platform/clock.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openTestStores, type StoreKind, type TestStores } from "../support/test-stores.ts";
import { PROFILES, type Profile, simulate } from "./simulate.ts";

const SEEDS = Number(process.env["SIMULATOR_SEEDS"] ?? 3);
const real = process.env["TEST_DATABASE_URL"] !== undefined && process.env["TEST_REDIS_URL"] !== undefined;
const kinds: readonly StoreKind[] = real ? ["embedded", "real"] : ["embedded"];

describe.each(kinds)("ledger simulator on %s stores", (kind) => {
  const clock = createFakeClock(Date.now());
  let stores: TestStores;
  beforeAll(async () => {
    // Real stores answer in real time: their guard must not take a jump of the simulation's clock for silence.
    stores = await openTestStores(kind, systemClock);
  });
  afterAll(() => stores.close());

  test.each(Object.entries<Profile>(PROFILES))(
    "P1 P3 no invariant breaks under %s",
    async (_, profile) => {
      for (let seed = 1; seed <= SEEDS; seed++)
        expect([seed, await simulate(stores, clock, seed, profile)]).toEqual([seed, []]);
    },
    120_000,
  );

  test.each(["new key per retry", "charge nobody held"] as const)(
    "a planted bug is caught: %s",
    async (bug) => {
      const found = [];
      for (let seed = 1; seed <= 3; seed++) found.push(...(await simulate(stores, clock, seed, PROFILES.clean, bug)));
      expect(found).not.toEqual([]);
    },
    60_000,
  );
});
