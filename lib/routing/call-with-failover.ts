import type { GatewayError } from "../errors/gateway-error.ts";
import { admission, secondsUntilRetry } from "../health/breaker-state.ts";
import type { BreakerView } from "../health/breakers.ts";
import { sleep } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import { type AttemptFailure, breakerOutcome, isOfKey, mayGoElsewhere } from "./attempt-failure.ts";
import type { AttemptLimits, AttemptResult } from "./attempt-result.ts";
import { isCallers } from "./caller-priced.ts";
import type { Candidate } from "./candidate.ts";
import { callerKeyRefused, exhaustedError, rateLimitedError, rejectedError } from "./routing-errors.ts";

/** One try at a provider, as the ledger keeps it. */
export interface AttemptRecord {
  readonly provider: string;
  readonly outcome: AttemptFailure["kind"] | "answered" | "skipped" | "abandoned";
  readonly status: number | null;
}

export interface FailoverOptions {
  readonly limits: AttemptLimits;
  /** Milliseconds that a provider's 429 is waited out at the most; beyond it the client is told to come back. */
  readonly maxRateLimitWaitMs: number;
  /** `provider.failover_on_rate_limit`: the client would rather go to another provider than wait. */
  readonly failoverOnRateLimit: boolean;
  readonly clientSignal: AbortSignal | null;
  /** Told of each try as it ends, also of those before an error. */
  readonly onAttempt: (record: AttemptRecord) => void;
}

/** Tries at one provider that keeps answering 429, the first included. */
const MAX_RATE_LIMITED_TRIES = 3;
const BACKOFF_MS = 500;

type FailoverPorts = Pick<Ports, "clock" | "callUpstream" | "redis" | "log" | "background">;

/**
 * Asks the candidates in order until one answers. Before a provider has said anything the client does not see
 * which one it was (CM-5.1.12); after that there is no other provider.
 * @param attempt one try at one candidate; never rejects
 * @returns the committed reply, or null when the client has left
 * @throws GatewayError `provider_rejected_request` and `context_length_exceeded` (the provider was right to refuse),
 *   `provider_rate_limited`, `provider_timeout`, `provider_error`, `no_provider_available`
 */
export async function callWithFailover<Reply>(
  ports: FailoverPorts,
  breakers: BreakerView,
  candidates: readonly Candidate[],
  attempt: (candidate: Candidate) => Promise<AttemptResult<Reply>>,
  options: FailoverOptions,
): Promise<Reply | null> {
  const nowMs = ports.clock.now();
  // A model's providers are never all left alone: with every breaker open the first is probed before its time.
  const allOpen = candidates.every(({ provider }) => admission(breakers.state(provider.id), nowMs) === "skip");
  let lastFailure: AttemptFailure | null = null;
  let refusedKey: GatewayError | null = null;
  for (const [index, candidate] of candidates.entries()) {
    const provider = candidate.provider.id;
    if (!(await breakers.admit(ports, provider, allOpen && index === 0))) {
      options.onAttempt({ provider, outcome: "skipped", status: null });
      continue;
    }
    // A limit of the caller's own key is not waited out while the operator's stands behind it.
    const next = candidates[index + 1];
    const spare = isCallers(candidate) && next !== undefined && next.provider.id === provider;
    const asked = spare ? { ...options, failoverOnRateLimit: true } : options;
    const result = await attemptThroughRateLimits(ports, candidate, attempt, asked);
    switch (result.kind) {
      case "answered":
        options.onAttempt({ provider, outcome: "answered", status: 200 });
        report(ports, breakers, provider, "success");
        return result.reply;
      case "abandoned":
        options.onAttempt({ provider, outcome: "abandoned", status: null });
        return null;
      case "failed": {
        const { failure } = result;
        options.onAttempt({ provider, outcome: failure.kind, status: failure.status });
        const ofCallersKey = isCallers(candidate) && isOfKey(failure.kind);
        refusedKey = ofCallersKey && failure.kind !== "rate-limited" ? callerKeyRefused(provider, failure) : null;
        const outcome = ofCallersKey ? null : breakerOutcome(failure.kind);
        if (outcome !== null) report(ports, breakers, provider, outcome);
        if (failure.kind === "credentials" && !ofCallersKey)
          ports.log.error("provider_refused_our_key", null, { provider });
        if (failure.kind === "rejected") throw rejectedError(result.refusal);
        if (!mayGoElsewhere(failure.kind) && !asked.failoverOnRateLimit) throw rateLimitedError(result.retryAfterMs);
        lastFailure = failure;
      }
    }
    if (ports.clock.now() >= options.limits.deadlineMs) break;
  }
  if (refusedKey !== null) throw refusedKey;
  throw exhaustedError(lastFailure, retrySeconds(ports, breakers, candidates));
}

/** One candidate, and again while it answers 429 and says when to come back (CM-5.1.11). */
async function attemptThroughRateLimits<Reply>(
  ports: FailoverPorts,
  candidate: Candidate,
  attempt: (candidate: Candidate) => Promise<AttemptResult<Reply>>,
  options: FailoverOptions,
): Promise<AttemptResult<Reply>> {
  const { limits, clientSignal } = options;
  const waitUntilMs = Math.min(limits.deadlineMs, ports.clock.now() + options.maxRateLimitWaitMs);
  for (let tries = 1; ; tries++) {
    const result = await attempt(candidate);
    const limited = result.kind === "failed" && result.failure.kind === "rate-limited";
    if (!limited || options.failoverOnRateLimit || tries >= MAX_RATE_LIMITED_TRIES) return result;
    const waitMs = result.retryAfterMs ?? jittered(BACKOFF_MS * 2 ** (tries - 1));
    if (ports.clock.now() + waitMs > waitUntilMs) return { ...result, retryAfterMs: waitMs };
    options.onAttempt({ provider: candidate.provider.id, outcome: "rate-limited", status: 429 });
    try {
      await sleep(ports.clock, waitMs, clientSignal ?? undefined);
    } catch {
      return { kind: "abandoned" };
    }
  }
}

/** Between half of `delayMs` and all of it, so that many waiting callers do not come back at once. */
function jittered(delayMs: number): number {
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
  return Math.round(delayMs * (0.5 + random / 131_072));
}

function report(
  ports: FailoverPorts,
  breakers: BreakerView,
  provider: string,
  outcome: "success" | "failure" | "credentials-refused",
): void {
  const shared = breakers.record(ports, provider, outcome);
  if (shared !== null) ports.background(shared);
}

/** When it is worth coming back: the earliest probe of an open breaker, at least a few seconds. */
function retrySeconds(ports: FailoverPorts, breakers: BreakerView, candidates: readonly Candidate[]): number {
  const nowMs = ports.clock.now();
  const waits = candidates.map(({ provider }) => secondsUntilRetry(breakers.state(provider.id), nowMs));
  return Math.max(5, Math.min(...waits));
}
