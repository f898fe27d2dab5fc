import { GatewayError } from "../errors/gateway-error.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import type { LocalLimiter } from "./local-limiter.ts";
import { type LimitReading, readWindow, WINDOW_MS } from "./request-window.ts";

/** What `takeRequestScript` is called with for one request of a key; its reply goes to `readRateLimit`. */
export function takeRequestInput(keyId: string, requestsPerMinute: number, nowMs: number): ScriptInput {
  const minute = Math.floor(nowMs / WINDOW_MS);
  return {
    keys: [`rate_limit:${keyId}:${minute}`, `rate_limit:${keyId}:${minute - 1}`],
    args: [String(requestsPerMinute), String(nowMs % WINDOW_MS)],
  };
}

export interface RateLimitOutcome {
  readonly reading: LimitReading;
  /** True when the shared counter did not answer and the isolate's own allowance decided (fail open). */
  readonly degraded: boolean;
}

/** Interprets the script's reply. A store that failed costs no request: the isolate's own smaller limit takes over. */
export function readRateLimit(
  reply: unknown,
  local: LocalLimiter,
  keyId: string,
  requestsPerMinute: number,
  nowMs: number,
): RateLimitOutcome {
  const [allowed, current, previous] = Array.isArray(reply) ? reply.map(Number) : [];
  if (allowed === undefined || current === undefined || previous === undefined) {
    return { reading: local.take(keyId, requestsPerMinute, nowMs), degraded: true };
  }
  return {
    reading: readWindow({ allowed: allowed === 1, current, previous }, requestsPerMinute, nowMs),
    degraded: false,
  };
}

/** @throws GatewayError `rate_limit_exceeded`, with the seconds after which a retry succeeds */
export function assertWithinLimit(outcome: RateLimitOutcome, nowMs: number): void {
  const { reading } = outcome;
  if (reading.allowed) return;
  const retryAfterSeconds = Math.max(1, Math.ceil(reading.retryAfterMs / 1000));
  throw new GatewayError(
    "rate_limit_exceeded",
    `This key's limit of ${reading.limit} requests per minute is used up. Retry in ${retryAfterSeconds} s.`,
    { retryAfterSeconds, headers: rateLimitHeaders(outcome, nowMs) },
  );
}

/**
 * The limit as response headers, in the classic spelling (reset: epoch seconds) and in OpenAI's
 * (reset: a Go duration; platform.openai.com/docs/guides/rate-limits, read 2026-11-23). None while degraded.
 */
export function rateLimitHeaders(outcome: RateLimitOutcome, nowMs: number): Readonly<Record<string, string>> {
  if (outcome.degraded) return {};
  const { limit, remaining, resetMs } = outcome.reading;
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(Math.ceil((nowMs + resetMs) / 1000)),
    "x-ratelimit-limit-requests": String(limit),
    "x-ratelimit-remaining-requests": String(remaining),
    "x-ratelimit-reset-requests": resetMs < 1000 ? `${resetMs}ms` : `${Math.ceil(resetMs / 1000)}s`,
  };
}
