import {
  finishHold,
  type HoldRequest,
  holdInput,
  type Reservation,
  releaseGranted,
} from "../billing/reserve-credits.ts";
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
}

export interface Admission {
  readonly reservation: Reservation | null;
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
  const { keyId, requestsPerMinute } = request;
  const hold = holdRequest(request);
  const reply = await askRedis(ports, request, hold, nowMs);
  const limit = readRateLimit(reply?.[0], gateway.limiter, keyId, requestsPerMinute, nowMs);
  if (Array.isArray(reply?.[1])) gateway.breakers.absorb(hashOf(reply[1]), nowMs);
  // The script holds nothing for a request that it refuses; here the isolate's own limit may have refused instead.
  if (!limit.reading.allowed && hold !== null) ports.background(releaseGranted(ports, hold, reply?.[2]));
  assertWithinLimit(limit, nowMs);
  const reservation = hold === null ? null : await finishHold(ports, hold, reply?.[2]);
  return { reservation, limit, degraded: limit.degraded ? ["ratelimit"] : [] };
}

function holdRequest(request: AdmitRequest): HoldRequest | null {
  if (request.amountNanoUsd === 0n) return null;
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
  const held = hold === null ? { keys: [], args: [] } : holdInput(hold, nowMs);
  const keys = [...taken.keys, BREAKERS_KEY, ...held.keys];
  try {
    const reply: unknown = await ports.redis.eval(admitScript.lua, keys, [...taken.args, ...held.args]);
    return Array.isArray(reply) ? reply : null;
  } catch {
    return null;
  }
}
