import {
  appendHold,
  finishHold,
  type HoldRequest,
  type Reservation,
  releaseGranted,
} from "../billing/reserve-credits.ts";
import { BREAKERS_KEY } from "../health/breaker-scripts.ts";
import { appendRateLimit, assertWithinLimit, type RateLimitOutcome, readRateLimit } from "../limits/take-rate-limit.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import { hashOf } from "../ports/redis-replies.ts";
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

interface PipelineReply {
  readonly result?: unknown;
  readonly error?: string;
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
  const replies = await roundTrip(ports, request, hold, nowMs);
  const limit = readRateLimit(replies?.[0] ?? null, gateway.limiter, keyId, requestsPerMinute, nowMs);
  if (replies !== null) gateway.breakers.absorb(hashOf(replies[1]?.result), nowMs);
  const degraded = limit.degraded ? ["ratelimit"] : [];
  if (hold === null) {
    assertWithinLimit(limit, nowMs);
    return { reservation: null, limit, degraded };
  }
  const holdReply = replies?.[2] ?? { error: "unavailable" };
  if (!limit.reading.allowed) {
    // Both were asked at once; the hold that this refusal leaves behind is given back.
    ports.background(releaseGranted(ports, hold, holdReply));
    assertWithinLimit(limit, nowMs);
  }
  const reservation = await finishHold(ports, hold, holdReply);
  return { reservation, limit, degraded };
}

function holdRequest(request: AdmitRequest): HoldRequest | null {
  if (request.amountNanoUsd === 0n) return null;
  const { requestId, accountId, amountNanoUsd, outputPerMillion } = request;
  return { requestId, accountId, amountNanoUsd, outputPerMillion };
}

async function roundTrip(
  ports: Ports,
  request: AdmitRequest,
  hold: HoldRequest | null,
  nowMs: number,
): Promise<readonly PipelineReply[] | null> {
  const pipeline = ports.redis.pipeline();
  appendRateLimit(pipeline, request.keyId, request.requestsPerMinute, nowMs);
  pipeline.hgetall(BREAKERS_KEY);
  if (hold !== null) appendHold(pipeline, hold, nowMs);
  try {
    return await pipeline.exec({ keepErrors: true });
  } catch {
    return null;
  }
}
