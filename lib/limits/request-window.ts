/** One minute: the window of a key's requests-per-minute limit. */
export const WINDOW_MS = 60_000;

/** What a limit said: enough for the response headers and for a refusal. */
export interface LimitReading {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until this window ends. */
  readonly resetMs: number;
  /** Milliseconds after which one more request is allowed; 0 when this one was. */
  readonly retryAfterMs: number;
}

/** How many requests count now: all of this window's, and the part of the last one that a sliding minute still covers. */
export function usedInWindow(current: number, previous: number, elapsedMs: number): number {
  return current + Math.floor((previous * (WINDOW_MS - elapsedMs)) / WINDOW_MS);
}

/** Milliseconds until `usedInWindow` leaves room for one more, assuming that nothing else arrives. */
export function waitForRoom(current: number, previous: number, elapsedMs: number, limit: number): number {
  const untilEnd = WINDOW_MS - elapsedMs;
  // floor(count * share) <= room holds as soon as count * share < room + 1.
  const shareTime = (count: number, room: number) =>
    count < room + 1 ? 0 : Math.floor(WINDOW_MS - (WINDOW_MS * (room + 1)) / count) + 1;
  const roomNow = limit - 1 - current;
  if (roomNow >= 0) return Math.max(0, Math.min(untilEnd, shareTime(previous, roomNow) - elapsedMs));
  return untilEnd + shareTime(current, limit - 1);
}

/** Builds the reading from the two counters. `counted` says whether this request is already in `current`. */
export function readWindow(
  counters: { readonly current: number; readonly previous: number; readonly allowed: boolean },
  limit: number,
  nowMs: number,
): LimitReading {
  const elapsedMs = nowMs % WINDOW_MS;
  const used = usedInWindow(counters.current, counters.previous, elapsedMs);
  return {
    allowed: counters.allowed,
    limit,
    remaining: counters.allowed ? Math.max(0, limit - used) : 0,
    resetMs: WINDOW_MS - elapsedMs,
    retryAfterMs: counters.allowed ? 0 : waitForRoom(counters.current, counters.previous, elapsedMs, limit),
  };
}
