import { type LimitReading, readWindow, WINDOW_MS } from "./request-window.ts";

const MAX_KEYS = 500; // CM-2.4.2
/** An isolate alone grants a tenth of the limit: there may be many isolates, and the hold bounds money anyway. */
const SHARE_OF_LIMIT = 10;

/** The isolate's own request counter, for when the shared one does not answer. Bounded; the oldest key goes first. */
export class LocalLimiter {
  readonly #windows = new Map<string, { minute: number; taken: number }>();

  take(keyId: string, requestsPerMinute: number, nowMs: number): LimitReading {
    const limit = Math.max(1, Math.floor(requestsPerMinute / SHARE_OF_LIMIT));
    const minute = Math.floor(nowMs / WINDOW_MS);
    const window = this.#windows.get(keyId);
    const taken = window?.minute === minute ? window.taken : 0;
    const allowed = taken < limit;
    this.#windows.delete(keyId);
    this.#windows.set(keyId, { minute, taken: allowed ? taken + 1 : taken });
    if (this.#windows.size > MAX_KEYS) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    return readWindow({ allowed, current: allowed ? taken + 1 : taken, previous: 0 }, limit, nowMs);
  }
}
