import type { Clock } from "../ports/clock.ts";
import type { UpstreamReply } from "../ports/upstream.ts";
import { failureOfStatus } from "./attempt-failure.ts";
import { type FailedAttempt, failedAttempt } from "./attempt-result.ts";
import type { Candidate } from "./candidate.ts";

const MAX_ERROR_BYTES = 64 * 1024;

/** What a reply of status 300 or more means; reads its body, of which nothing but the wire's own verdict is kept. */
export async function readFailure(
  clock: Clock,
  { wire }: Pick<Candidate, "wire">,
  upstream: UpstreamReply,
): Promise<FailedAttempt> {
  const failure = failureOfStatus(upstream.status);
  if (upstream.status < 400) {
    upstream.body.cancel(); // a redirect is not followed: hosts are ours to name (K1)
    return failedAttempt(failure);
  }
  let text = "";
  try {
    text = await upstream.body.text(MAX_ERROR_BYTES);
  } catch {
    upstream.body.cancel();
  }
  // Some say with 400 what others say with 401 or 429, and when to come back in the body only.
  const told = wire.decodeFailure(upstream.status, text);
  const meant = told.meantStatus === undefined ? failure : failureOfStatus(told.meantStatus);
  return {
    kind: "failed",
    failure: meant,
    refusal: meant.kind === "rejected" ? told : null,
    retryAfterMs: retryAfter(clock, upstream) ?? told.retryAfterMs ?? null,
  };
}

/** `Retry-After` in either form, or OpenAI's `retry-after-ms`; null when there is none to trust. */
function retryAfter(clock: Clock, upstream: UpstreamReply): number | null {
  const milliseconds = Number(upstream.header("retry-after-ms") ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const value = upstream.header("retry-after");
  if (value === null) return null;
  const seconds = Number(value);
  if (seconds >= 0) return seconds * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - clock.now());
}
