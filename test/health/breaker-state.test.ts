import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recordOutcomeScript } from "../../lib/health/breaker-scripts.ts";
import {
  admission,
  afterOutcome,
  type BreakerOutcome,
  type BreakerState,
  CLOSED,
  formatBreakerState,
  OPEN_MS,
  parseBreakerState,
  secondsUntilRetry,
} from "../../lib/health/breaker-state.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const outcome = fc.constantFrom<BreakerOutcome>("success", "failure", "credentials-refused");
const steps = fc.array(fc.record({ outcome, waitMs: fc.integer({ min: 0, max: 2 * OPEN_MS }) }), { maxLength: 60 });

/** Runs a history the way the gateway does: an admitted call reports its outcome, a skipped one none. */
function run(
  history: readonly { outcome: BreakerOutcome; waitMs: number }[],
  visit: (from: BreakerState, to: BreakerState, nowMs: number) => void,
) {
  let state = CLOSED;
  let nowMs = 1_700_000_000_000;
  for (const step of history) {
    nowMs += step.waitMs;
    const verdict = admission(state, nowMs);
    if (verdict === "skip") continue;
    if (verdict === "probe" && state.kind !== "closed") {
      state = { kind: "half-open", openedAtMs: state.openedAtMs, probeStartedAtMs: nowMs };
    }
    const next = afterOutcome(state, step.outcome, nowMs);
    visit(state, next, nowMs);
    state = next;
  }
}

describe("breaker state machine", () => {
  test("P17 only legal transitions happen", () => {
    const legal = new Set(["closed>closed", "closed>open", "half-open>closed", "half-open>open"]);
    fc.assert(
      fc.property(steps, (history) => run(history, (from, to) => expect(legal).toContain(`${from.kind}>${to.kind}`))),
      { numRuns: RUNS },
    );
  });

  test("P18 an open breaker lets nothing through before its time, and then one probe", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * OPEN_MS }), (waitedMs) => {
        const open: BreakerState = { kind: "open", openedAtMs: 1000 };
        expect(admission(open, 1000 + waitedMs)).toBe(waitedMs >= OPEN_MS ? "probe" : "skip");
      }),
      { numRuns: RUNS },
    );
  });

  test("P19 while a probe is out nothing else is let through", () => {
    const probing: BreakerState = { kind: "half-open", openedAtMs: 0, probeStartedAtMs: OPEN_MS };
    expect(admission(probing, OPEN_MS + 1)).toBe("skip");
    expect(secondsUntilRetry(probing, OPEN_MS)).toBe(60);
  });

  test("the state survives its own notation, and garbage reads as closed", () => {
    fc.assert(
      fc.property(steps, (history) =>
        run(history, (_from, to) => expect(parseBreakerState(formatBreakerState(to))).toEqual(to)),
      ),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(fc.string(), (text) => void parseBreakerState(text)),
      { numRuns: RUNS },
    );
    expect(parseBreakerState("o:NaN")).toEqual(CLOSED);
  });

  test("the shared script takes the same step as the pure function", () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 20 }), (history) => {
        let field: string | null = null;
        let expected = CLOSED;
        for (const [index, step] of history.entries()) {
          expected = afterOutcome(expected, step, index);
          recordOutcomeScript.native(
            (command, _key, _field, value) => {
              if (command === "HGET") return field;
              if (command === "HDEL") field = null;
              if (command === "HSET") field = String(value);
              return 1;
            },
            ["gw:breakers"],
            ["acme", step, String(index)],
          );
          expect(parseBreakerState(field ?? "c:0")).toEqual(expected);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
