import { type Clock, withDeadline } from "../ports/clock.ts";
import { AuthorizationError } from "./authorization-error.ts";

/** A token that a key was exchanged for. */
export interface AccessToken {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** From here on before its end a token is renewed; one that cannot be renewed is used on. */
const RENEW_BEFORE_MS = 300_000;
/** A token that ends within this time may end on its way. */
const UNUSABLE_BEFORE_MS = 10_000;
/** After a renewal failed, while the old token still serves. */
const RENEW_RETRY_MS = 30_000;
const EXCHANGE_TIMEOUT_MS = 10_000;
/** Callers bring keys of their own: the oldest make room. */
const MAX_TOKENS = 1_000;

interface Held {
  readonly token: AccessToken;
  readonly renewAtMs: number;
}

type Exchange = (signal: AbortSignal) => Promise<AccessToken>;

/** The isolate's access tokens, by the key that they were given for. A token in memory costs a call nothing. */
export class AccessTokens {
  readonly #held = new Map<string, Held>();
  readonly #exchanges = new Map<string, Promise<AccessToken>>();

  /**
   * The token of `key`, exchanged for where there is none or it ends soon. Single flight: many callers at once are one
   * exchange, which does not end with the caller that began it.
   * @param signal aborts this caller's wait; its reason is thrown
   * @throws AuthorizationError
   */
  async get(clock: Clock, key: string, signal: AbortSignal, exchange: Exchange): Promise<string> {
    const held = this.#held.get(key);
    const nowMs = clock.now();
    if (held !== undefined && nowMs < held.renewAtMs) return held.token.value;
    try {
      return (await abortable(this.#exchanged(clock, key, exchange), signal)).value;
    } catch (error) {
      if (signal.aborted || held === undefined || clock.now() > held.token.expiresAtMs - UNUSABLE_BEFORE_MS)
        throw error;
      this.#held.set(key, { token: held.token, renewAtMs: nowMs + RENEW_RETRY_MS });
      return held.token.value;
    }
  }

  /** Drops a token that its provider refused before its time. */
  forget(key: string): void {
    this.#held.delete(key);
  }

  /** In workerd an exchange can die with the request that began it: who waits for it gives it up in time. */
  async #exchanged(clock: Clock, key: string, exchange: Exchange): Promise<AccessToken> {
    const flight = this.#exchanges.get(key) ?? this.#begin(clock, key, exchange);
    const late = () => new AuthorizationError("unreachable", "The access token did not come in time.");
    try {
      return await withDeadline(clock, flight, EXCHANGE_TIMEOUT_MS, late);
    } finally {
      if (this.#exchanges.get(key) === flight) this.#exchanges.delete(key);
    }
  }

  #begin(clock: Clock, key: string, exchange: Exchange): Promise<AccessToken> {
    const controller = new AbortController();
    const cancelTimer = clock.schedule(EXCHANGE_TIMEOUT_MS, () => controller.abort());
    const flight = exchange(controller.signal)
      .then((token) => this.#hold(key, token, clock.now()))
      .finally(cancelTimer);
    this.#exchanges.set(key, flight);
    return flight;
  }

  #hold(key: string, token: AccessToken, nowMs: number): AccessToken {
    // Of a token that lives shorter than the margin, half of its life is used.
    const lifeMs = token.expiresAtMs - nowMs;
    const renewAtMs = token.expiresAtMs - Math.min(RENEW_BEFORE_MS, Math.max(0, lifeMs / 2));
    this.#held.delete(key);
    this.#held.set(key, { token, renewAtMs });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_TOKENS && oldest !== undefined) this.#held.delete(oldest);
    return token;
  }
}

/** What `promise` brings, unless `signal` aborts first. */
function abortable<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
