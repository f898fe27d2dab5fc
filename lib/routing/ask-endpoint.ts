import { COOL_DOWN_MS, type CoolDownReason, type KeyCoolDowns } from "../health/key-cool-downs.ts";
import { sleep } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { AttemptFailure } from "./attempt-failure.ts";
import { type AttemptLimits, type AttemptResult, type FailedAttempt, failedAttempt } from "./attempt-result.ts";
import type { Candidate } from "./candidate.ts";
import { type Endpoint, usableKeys } from "./endpoint.ts";

/** One try at a provider, as the ledger and the call's routing report keep it. */
export interface AttemptRecord {
  readonly provider: string;
  /** The canonical id of the model that was asked for there. */
  readonly model: string;
  /** The id of the key, never the key; null where there is none. */
  readonly key: string | null;
  /** `skipped`: its breaker was open. `outrun`: another provider answered first (hedging). */
  readonly outcome: AttemptFailure["kind"] | "answered" | "skipped" | "abandoned" | "outrun";
  readonly status: number | null;
}

/** What asking an endpoint came to, and the key that came to it. */
export interface Asked<Reply> {
  readonly result: AttemptResult<Reply>;
  readonly candidate: Candidate;
}

/** One try at one candidate; never rejects. `signal` aborts when nobody waits for its answer any more. */
export type Attempt<Reply> = (candidate: Candidate, signal: AbortSignal | null) => Promise<AttemptResult<Reply>>;

export interface AskOptions {
  readonly limits: AttemptLimits;
  /** Milliseconds that a provider's 429 is waited out at the most; beyond it the client is told to come back. */
  readonly maxRateLimitWaitMs: number;
  /** `provider.failover_on_rate_limit`: the client would rather go to another provider than wait. */
  readonly failoverOnRateLimit: boolean;
  readonly clientSignal: AbortSignal | null;
  /** Told of each try as it ends, also of those before an error. */
  readonly onAttempt: (record: AttemptRecord) => void;
}

/** Tries with one key that keeps answering 429, the first included. */
const MAX_RATE_LIMITED_TRIES = 3;
const BACKOFF_MS = 500;

interface LimitedKey {
  readonly candidate: Candidate;
  readonly result: FailedAttempt;
  readonly untilMs: number;
}

type AskPorts = Pick<Ports, "clock" | "redis" | "log" | "background">;

/**
 * Asks one endpoint, with one key after the other while it is the key that is refused: 401 and 402 leave it alone for a
 * while at once, 403 once another key was taken where it was not (a refused prompt says nothing of a key), 429 for as long
 * as the provider says. When every key is limited the first to be free again is waited for (CM-5.1.11). Anything else is
 * the provider's own, and the other keys would not change it.
 */
export async function askEndpoint<Reply>(
  ports: AskPorts,
  coolDowns: KeyCoolDowns,
  endpoint: Endpoint,
  attempt: Attempt<Reply>,
  options: AskOptions,
): Promise<Asked<Reply>> {
  const { limits, clientSignal } = options;
  const startedAtMs = ports.clock.now();
  const waitUntilMs = Math.min(limits.deadlineMs, startedAtMs + options.maxRateLimitWaitMs);
  const queue = [...usableKeys(endpoint, coolDowns, startedAtMs)];
  const tries = new Map<Candidate, number>();
  const forbidden: Candidate[] = [];
  let limited: LimitedKey[] = [];
  let last: Asked<Reply> = { result: UNTRIED, candidate: endpoint.keys[0] };
  for (;;) {
    const candidate = queue.shift();
    if (candidate === undefined) {
      const [next] = limited.toSorted((a, b) => a.untilMs - b.untilMs);
      if (next === undefined) return last;
      const waitMs = next.untilMs - ports.clock.now();
      if (options.failoverOnRateLimit || (tries.get(next.candidate) ?? 0) >= MAX_RATE_LIMITED_TRIES) return next;
      if (next.untilMs > waitUntilMs) return { ...next, result: { ...next.result, retryAfterMs: waitMs } };
      if (!(await waited(ports, waitMs, clientSignal))) return { ...next, result: { kind: "abandoned" } };
      limited = limited.filter((entry) => entry !== next);
      queue.push(next.candidate);
      continue;
    }
    const result = await attempt(candidate, clientSignal);
    options.onAttempt(recordOf(candidate, result));
    if (result.kind !== "failed") {
      if (result.kind === "answered") noteAnswer(ports, coolDowns, candidate, forbidden);
      return { result, candidate };
    }
    last = { result, candidate };
    switch (result.failure.kind) {
      case "rate-limited": {
        const tried = (tries.get(candidate) ?? 0) + 1;
        tries.set(candidate, tried);
        const waitMs = result.retryAfterMs ?? jittered(BACKOFF_MS * 2 ** (tried - 1));
        coolDown(ports, coolDowns, candidate, "rate-limited", waitMs);
        limited.push({ candidate, result, untilMs: ports.clock.now() + waitMs });
        break;
      }
      case "credentials":
      case "payment":
        coolDown(ports, coolDowns, candidate, result.failure.kind, COOL_DOWN_MS[result.failure.kind]);
        break;
      case "forbidden":
        forbidden.push(candidate);
        break;
      default:
        return last;
    }
  }
}

const UNTRIED = failedAttempt({ kind: "unreachable", status: null });

function recordOf(candidate: Candidate, result: AttemptResult<unknown>): AttemptRecord {
  const { provider, modelId, credential } = candidate;
  const where = { provider: provider.id, model: modelId, key: credential?.id ?? null };
  switch (result.kind) {
    case "answered":
      return { ...where, outcome: "answered", status: 200 };
    case "abandoned":
      return { ...where, outcome: "abandoned", status: null };
    case "failed":
      return { ...where, outcome: result.failure.kind, status: result.failure.status };
  }
}

function coolDown(
  ports: AskPorts,
  coolDowns: KeyCoolDowns,
  { provider, credential }: Candidate,
  reason: CoolDownReason,
  forMs: number,
): void {
  if (credential?.pooled !== true) return;
  ports.background(coolDowns.start(ports, provider.id, credential.id, reason, forMs));
}

/** This key was taken: so those that were forbidden before it are themselves what was refused. */
function noteAnswer(
  ports: AskPorts,
  coolDowns: KeyCoolDowns,
  { provider, credential }: Candidate,
  forbidden: readonly Candidate[],
): void {
  for (const refused of forbidden) coolDown(ports, coolDowns, refused, "forbidden", COOL_DOWN_MS.forbidden);
  if (credential?.pooled !== true) return;
  const shared = coolDowns.noteAnswer(ports, provider.id, credential.id);
  if (shared !== null) ports.background(shared);
}

/** False when the client has left meanwhile. */
async function waited(ports: AskPorts, waitMs: number, signal: AbortSignal | null): Promise<boolean> {
  try {
    await sleep(ports.clock, waitMs, signal ?? undefined);
    return true;
  } catch {
    return false;
  }
}

/** Between half of `delayMs` and all of it, so that many waiting callers do not come back at once. */
function jittered(delayMs: number): number {
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
  return Math.round(delayMs * (0.5 + random / 131_072));
}
