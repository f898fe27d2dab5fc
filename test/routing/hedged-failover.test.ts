import { describe, expect, test } from "vitest";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { BreakerView } from "../../lib/health/breakers.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import { createEngineRedis } from "../../lib/platform/redis/requester.ts";
import type { Attempt, AttemptRecord } from "../../lib/routing/ask-endpoint.ts";
import { type AttemptFailure, failureOfStatus } from "../../lib/routing/attempt-failure.ts";
import type { AttemptResult } from "../../lib/routing/attempt-result.ts";
import { callWithFailover } from "../../lib/routing/call-with-failover.ts";
import type { Candidate } from "../../lib/routing/candidate.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { candidateOf } from "../support/replay-stream.ts";

/** What a provider does: an answer or a status, after so many milliseconds; until it is aborted, when that is never. */
type Script = Readonly<Record<string, readonly [afterMs: number, outcome: "answers" | number]>>;

const HEDGE_AFTER_MS = 100;

/** One call over scripted providers, on a clock moved by hand and a Redis of its own. */
function startCall(
  script: Script,
  wish: { readonly candidates?: readonly Candidate[]; readonly hedged?: boolean; readonly open?: string } = {},
) {
  const clock = createFakeClock();
  const redis = createEngineRedis(createEmbeddedRedis({ clock, scripts: ALL_SCRIPTS }), clock);
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const breakers = new BreakerView();
  const attempts: AttemptRecord[] = [];
  const asked: string[] = [];
  const discarded: string[] = [];
  const leaving = new AbortController();
  const attempt: Attempt<string> = ({ provider: { id } }, signal) => {
    asked.push(id);
    const [afterMs, outcome] = script[id] ?? [0, 503];
    return new Promise<AttemptResult<string>>((resolve) => {
      const cancel = clock.schedule(afterMs, () => {
        if (outcome === "answers") return resolve({ kind: "answered", reply: id });
        const failure: AttemptFailure = failureOfStatus(outcome);
        resolve({ kind: "failed", failure, refusal: null, retryAfterMs: null });
      });
      signal?.addEventListener("abort", () => {
        cancel();
        resolve({ kind: "abandoned" });
      });
    });
  };
  const ports = {
    clock,
    redis,
    log,
    callUpstream: async () => Promise.reject(new Error("unused")),
    background: () => {},
  };
  for (let failure = 0; wish.open !== undefined && failure < 5; failure++)
    void breakers.record(ports, wish.open, "failure");
  const candidates = wish.candidates ?? ["openai", "openrouter", "together"].map((id) => candidateOf(id));
  const reply = callWithFailover(ports, breakers, candidates, attempt, {
    limits: { firstTokenMs: 30_000, idleMs: 30_000, deadlineMs: clock.now() + 600_000 },
    maxRateLimitWaitMs: 30_000,
    failoverOnRateLimit: false,
    clientSignal: leaving.signal,
    onAttempt: (record) => attempts.push(record),
    hedge:
      wish.hedged === false ? null : { delayMs: () => HEDGE_AFTER_MS, discard: (late) => void discarded.push(late) },
  });
  const outcomes = () => attempts.map(({ provider, outcome }) => `${provider} ${outcome}`);
  return { clock, reply: reply.catch((error: unknown) => error), asked, discarded, outcomes, breakers, leaving };
}

describe("staged hedging", () => {
  test("a provider that is in time is alone", async () => {
    const call = startCall({ openai: [99, "answers"] });
    await call.clock.advance(99);
    expect(await call.reply).toBe("openai");
    expect(call.asked).toEqual(["openai"]);
  });

  test("one that fails in time is failed over from, and the next may be hedged", async () => {
    const call = startCall({ openai: [50, 503], openrouter: [500, "answers"], together: [10, "answers"] });
    await call.clock.advance(1_000);
    expect(await call.reply).toBe("together");
    expect(call.outcomes()).toEqual(["openai overloaded", "together answered", "openrouter outrun"]);
  });

  test("the first may still win after the second was asked, which is then aborted", async () => {
    const call = startCall({ openai: [150, "answers"], openrouter: [500, "answers"] });
    await call.clock.advance(1_000);
    expect(await call.reply).toBe("openai");
    expect(call.outcomes()).toEqual(["openai answered", "openrouter outrun"]);
  });

  test("never more than one: when both fail the others are asked one at a time", async () => {
    const call = startCall({ openai: [500, 503], openrouter: [500, 502], together: [500, "answers"] });
    await call.clock.advance(600);
    expect(call.asked).toEqual(["openai", "openrouter", "together"]);
    await call.clock.advance(500);
    expect(await call.reply).toBe("together");
    for (const provider of ["openai", "openrouter"]) {
      expect(call.breakers.state(provider)).toEqual({ kind: "closed", consecutiveFailures: 1 });
    }
  });

  test("when the second fails the first is waited for", async () => {
    const call = startCall({ openai: [800, "answers"], openrouter: [10, 503] });
    await call.clock.advance(1_000);
    expect(await call.reply).toBe("openai");
    expect(call.asked).toEqual(["openai", "openrouter"]);
  });

  test("a refusal of the request ends both", async () => {
    const call = startCall({ openai: [300, 400], openrouter: [900, "answers"] });
    await call.clock.advance(1_000);
    expect(await call.reply).toMatchObject({ code: "provider_rejected_request" });
    expect(call.outcomes()).toEqual(["openai rejected", "openrouter outrun"]);
  });

  test("two answers at one moment are one answer: the other is let go of", async () => {
    const call = startCall({ openai: [200, "answers"], openrouter: [100, "answers"] });
    await call.clock.advance(1_000);
    expect(["openai", "openrouter"]).toContain(await call.reply);
    const [late = null] = call.discarded;
    if (late !== null) expect(late).not.toBe(await call.reply);
    expect(call.outcomes().filter((outcome) => outcome.endsWith("answered")).length).toBe(1);
  });

  test("a provider with an open breaker is nobody's rival, nor is another model's", async () => {
    const other = { ...candidateOf("together"), modelId: "vendor/other" };
    const candidates = [candidateOf("openai"), candidateOf("openrouter"), other];
    const call = startCall({ openai: [500, "answers"] }, { candidates, open: "openrouter" });
    await call.clock.advance(1_000);
    expect(await call.reply).toBe("openai");
    expect(call.asked).toEqual(["openai"]);
  });

  test("a client that leaves ends both calls", async () => {
    const call = startCall({ openai: [5_000, "answers"], openrouter: [5_000, "answers"] });
    await call.clock.advance(200);
    call.leaving.abort();
    expect(await call.reply).toBeNull();
    expect(call.outcomes()).toEqual(["openai abandoned", "openrouter abandoned"]);
    expect(call.asked).toEqual(["openai", "openrouter"]);
  });

  test("without hedging a late provider is waited for", async () => {
    const call = startCall({ openai: [5_000, "answers"] }, { hedged: false });
    await call.clock.advance(5_000);
    expect(await call.reply).toBe("openai");
    expect(call.asked).toEqual(["openai"]);
  });
});

test("every provider has failed: the error is a GatewayError of the catalog", async () => {
  const call = startCall({ openai: [1, 503], openrouter: [1, 503], together: [1, 503] });
  await call.clock.advance(10);
  expect(await call.reply).toBeInstanceOf(GatewayError);
});
