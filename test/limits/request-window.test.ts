import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LocalLimiter } from "../../lib/limits/local-limiter.ts";
import { usedInWindow, WINDOW_MS, waitForRoom } from "../../lib/limits/request-window.ts";
import { takeRequestScript } from "../../lib/limits/take-request-script.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);

/** The counters as a store keeps them, driven through the script's native form. */
function memoryCounters() {
  const counters = new Map<string, number>();
  return (limit: number, nowMs: number) => {
    const minute = Math.floor(nowMs / WINDOW_MS);
    const reply = takeRequestScript.native(
      (command, key) => {
        const name = String(key);
        if (command === "GET") return counters.has(name) ? String(counters.get(name)) : null;
        if (command === "INCR") counters.set(name, (counters.get(name) ?? 0) + 1);
        return counters.get(name) ?? 0;
      },
      [`${minute}`, `${minute - 1}`],
      [String(limit), String(nowMs % WINDOW_MS)],
    );
    const [allowed, current, previous] = (Array.isArray(reply) ? reply : []).map(Number);
    return { allowed: allowed === 1, current: current ?? 0, previous: previous ?? 0 };
  };
}

describe("requests per minute", () => {
  test("P31 within any one minute of the grid no more than the limit is admitted, and at most twice it in any sliding minute", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 300 }),
        (limit, gaps) => {
          const take = memoryCounters();
          let nowMs = 1_700_000_000_000;
          const perMinute = new Map<number, number>();
          for (const gap of gaps) {
            nowMs += gap;
            if (!take(limit, nowMs).allowed) continue;
            const minute = Math.floor(nowMs / WINDOW_MS);
            perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
          }
          for (const [minute, admitted] of perMinute) {
            expect(admitted).toBeLessThanOrEqual(limit);
            expect(admitted + (perMinute.get(minute - 1) ?? 0)).toBeLessThanOrEqual(2 * limit);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("P32 a request repeated after the advised wait is admitted, and one sent a millisecond earlier is not always", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 30, maxLength: 200 }),
        (limit, gaps) => {
          const take = memoryCounters();
          let nowMs = 1_700_000_000_000;
          for (const gap of gaps) {
            nowMs += gap;
            const refused = take(limit, nowMs);
            if (refused.allowed) continue;
            nowMs += waitForRoom(refused.current, refused.previous, nowMs % WINDOW_MS, limit);
            expect(take(limit, nowMs).allowed).toBe(true);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("the last minute's requests fade out evenly", () => {
    expect(usedInWindow(0, 10, 0)).toBe(10);
    expect(usedInWindow(0, 10, 30_000)).toBe(5);
    expect(usedInWindow(3, 10, 59_999)).toBe(3);
  });

  test("the isolate's own limiter grants a tenth of the limit and forgets the oldest of 500 keys", () => {
    const limiter = new LocalLimiter();
    const nowMs = 1_700_000_000_000;
    for (let i = 0; i < 6; i++) expect(limiter.take("key", 60, nowMs).allowed).toBe(true);
    expect(limiter.take("key", 60, nowMs).allowed).toBe(false);
    for (let i = 0; i < 500; i++) limiter.take(`other-${i}`, 60, nowMs);
    expect(limiter.take("key", 60, nowMs).allowed).toBe(true);
  });
});
