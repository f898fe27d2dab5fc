import {
  finishHold,
  type HoldRequest,
  holdInput,
  type Reservation,
  releaseGranted,
} from "../billing/reserve-credits.ts";
import {
  finishHoldOnce,
  holdOnceInput,
  type OnceKey,
  type OnceOutcome,
  releaseGrantedOnce,
} from "../billing/reserve-once.ts";
import { BREAKERS_KEY } from "../health/breaker-scripts.ts";
import {
  assertWithinLimit,
  type RateLimitOutcome,
  readRateLimit,
  takeRequestInput,
} from "../limits/take-rate-limit.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import { hashOf } from "../ports/redis-replies.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import { admitScript } from "./admit-script.ts";
import type { Gateway } from "./gateway.ts";

export interface AdmitRequest {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly requestsPerMinute: number;
  /** 0 for a call that cannot cost anything: nothing is held or settled for it. */
  readonly amountNanoUsd: NanoUsd;
  /** Nano-dollars per million output tokens, so that a refusal can say how many would be affordable. */
  readonly outputPerMillion: bigint;
  /** The call came with an Idempotency-Key: it is held even if it cannot cost anything, so that it is made once. */
  readonly once?: OnceKey | null;
}

/** A request that came before under the same Idempotency-Key. */
export type EarlierCall = Exclude<OnceOutcome, { readonly kind: "held" }>;

export interface Admission {
  readonly reservation: Reservation | null;
  /** Not null: nothing is held, and no provider may be called. */
  readonly earlier: EarlierCall | null;
  readonly limit: RateLimitOutcome;
  /** Features that went without their store, for the `x-degraded` header. */
  readonly degraded: readonly string[];
}

/**
 * The hot path's one round trip: takes the key's request, holds the expected cost and reads the breakers.
 * The limit and the breakers fail open; the hold falls to Postgres and fails closed (ledger, section 1).
 * @throws GatewayError `rate_limit_exceeded`, and what `finishHold` throws
 */
export async function admitCall(gateway: Gateway, ports: Ports, request: AdmitRequest): Promise<Admission> {
  const nowMs = ports.clock.now();
  const { keyId, requestsPerMinute, once = null } = request;
  const hold = holdRequest(request);
  const reply = await askRedis(ports, request, hold, nowMs);
  const limit = readRateLimit(reply?.[0], gateway.limiter, keyId, requestsPerMinute, nowMs);
  if (Array.isArray(reply?.[1])) gateway.breakers.absorb(hashOf(reply[1]), nowMs);
  // The script holds nothing for a request that it refuses; here the isolate's own limit may have refused instead.
  if (!limit.reading.allowed && hold !== null) {
    const release =
      once === null ? releaseGranted(ports, hold, reply?.[2]) : releaseGrantedOnce(ports, hold, once, reply?.[2]);
    ports.background(release);
  }
  assertWithinLimit(limit, nowMs);
  const degraded = limit.degraded ? ["ratelimit"] : [];
  if (hold === null) return { reservation: null, earlier: null, limit, degraded };
  if (once === null) {
    return { reservation: await finishHold(ports, hold, reply?.[2]), earlier: null, limit, degraded };
  }
  const outcome = await finishHoldOnce(ports, hold, once, reply?.[2]);
  return outcome.kind === "held"
    ? { reservation: outcome.reservation, earlier: null, limit, degraded }
    : { reservation: null, earlier: outcome, limit, degraded };
}

function holdRequest(request: AdmitRequest): HoldRequest | null {
  if (request.amountNanoUsd === 0n && (request.once ?? null) === null) return null;
  const { requestId, accountId, amountNanoUsd, outputPerMillion } = request;
  return { requestId, accountId, amountNanoUsd, outputPerMillion };
}

/** `admitScript`'s reply, or null when Redis does not answer. */
async function askRedis(
  ports: Ports,
  request: AdmitRequest,
  hold: HoldRequest | null,
  nowMs: number,
): Promise<readonly unknown[] | null> {
  const taken = takeRequestInput(request.keyId, request.requestsPerMinute, nowMs);
  const held = holdInputOf(request, hold, nowMs);
  const keys = [...taken.keys, BREAKERS_KEY, ...held.keys];
  try {
    const reply: unknown = await ports.redis.eval(admitScript.lua, keys, [...taken.args, ...held.args]);
    return Array.isArray(reply) ? reply : null;
  } catch {
    return null;
  }
}

function holdInputOf({ once = null }: AdmitRequest, hold: HoldRequest | null, nowMs: number): ScriptInput {
  if (hold === null) return { keys: [], args: [] };
  return once === null ? holdInput(hold, nowMs) : holdOnceInput(hold, once, nowMs);
}
