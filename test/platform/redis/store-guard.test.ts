import { beforeEach, describe, expect, test } from "vitest";
import { StoreGuard } from "../../../lib/platform/redis/store-guard.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";

let clock: FakeClock;
let guard: StoreGuard;
let asked: number;
beforeEach(() => {
  clock = createFakeClock();
  guard = new StoreGuard(clock);
  asked = 0;
});

const outcomeOf = (asking: Promise<unknown>) =>
  asking.then(String, (error: unknown) => (error instanceof Error ? error.name : "?"));
const answered = () =>
  outcomeOf(
    guard.run(async () => {
      asked += 1;
      return "answered";
    }),
  );
const failing = () =>
  outcomeOf(
    guard.run(() => {
      asked += 1;
      return Promise.reject(new RangeError("refused"));
    }),
  );
const silent = () =>
  outcomeOf(
    guard.run(() => {
      asked += 1;
      return new Promise(() => {});
    }),
  );

describe("F2 the guard of a store", () => {
  test("waits 150 ms for a store that says nothing, and not a millisecond more", async () => {
    let outcome = "waiting";
    void silent().then((known) => {
      outcome = known;
    });
    await clock.advance(149);
    expect(outcome).toBe("waiting");
    await clock.advance(1);
    expect(outcome).toBe("StoreUnavailable");
  });

  test("asks no more after five failures in a row, and says so at once", async () => {
    for (let times = 0; times < 4; times++) await failing();
    expect(await answered()).toBe("answered"); // four and then none: it starts again
    for (let times = 0; times < 5; times++) expect(await failing()).toBe("RangeError");
    for (let times = 0; times < 20; times++) expect(await answered()).toBe("StoreUnavailable");
    expect(asked).toBe(10);
  });

  test("counts silence as it counts a refusal", async () => {
    const waiting = Array.from({ length: 5 }, silent);
    await clock.advance(150);
    await Promise.all(waiting);
    expect(await answered()).toBe("StoreUnavailable");
  });

  test("after ten seconds one call finds out, while the others are still told at once", async () => {
    for (let times = 0; times < 5; times++) await failing();
    await clock.advance(9_999);
    expect(await answered()).toBe("StoreUnavailable");
    await clock.advance(1);
    const probe = silent();
    for (let times = 0; times < 20; times++) expect(await answered()).toBe("StoreUnavailable");
    await clock.advance(150);
    expect(await probe).toBe("StoreUnavailable");
    expect(await answered()).toBe("StoreUnavailable"); // for ten seconds more
    await clock.advance(10_000);
    expect(await answered()).toBe("answered");
    expect(await Promise.all(Array.from({ length: 20 }, answered))).toEqual(Array(20).fill("answered"));
    expect(asked).toBe(27);
  });

  test("an answer that comes after its time is nobody's, and ends no outage", async () => {
    const late = Promise.withResolvers<string>();
    const calls = Array.from({ length: 5 }, () => outcomeOf(guard.run(() => late.promise)));
    await clock.advance(150);
    late.resolve("late");
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["StoreUnavailable"]));
    expect(await answered()).toBe("StoreUnavailable");
  });
});
