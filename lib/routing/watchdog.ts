import type { Clock } from "../ports/clock.ts";

/**
 * Fires once when nothing has happened for a while. Touching it costs an assignment: the timer is not moved, it looks
 * at the last touch when it goes off and sleeps on for what is left.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onExpire: () => void;
  #timeoutMs: number;
  #touchedAtMs: number;
  #cancel: () => void;

  constructor(clock: Clock, timeoutMs: number, onExpire: () => void) {
    this.#clock = clock;
    this.#onExpire = onExpire;
    this.#timeoutMs = timeoutMs;
    this.#touchedAtMs = clock.now();
    this.#cancel = clock.schedule(timeoutMs, () => this.#check());
  }

  touch(): void {
    this.#touchedAtMs = this.#clock.now();
  }

  /** Starts over with another timeout. */
  reset(timeoutMs: number): void {
    this.#cancel();
    this.#timeoutMs = timeoutMs;
    this.#touchedAtMs = this.#clock.now();
    this.#cancel = this.#clock.schedule(timeoutMs, () => this.#check());
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    const leftMs = this.#touchedAtMs + this.#timeoutMs - this.#clock.now();
    if (leftMs <= 0) this.#onExpire();
    else this.#cancel = this.#clock.schedule(leftMs, () => this.#check());
  }
}
