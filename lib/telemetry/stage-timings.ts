import type { Clock } from "../ports/clock.ts";

/** How long each stage of one request took, for the `Server-Timing` header (W3C Server Timing). */
export class StageTimings {
  readonly #clock: Clock;
  readonly #parts: string[] = [];
  #startedAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
  }

  /** Ends the stage that has run since the last call (or since the start) and names it. */
  mark(stage: string): void {
    const nowMs = this.#clock.monotonicMs();
    const durationMs = Math.round((nowMs - this.#startedAtMs) * 100) / 100;
    this.#parts.push(`${stage};dur=${durationMs}`);
    this.#startedAtMs = nowMs;
  }

  header(): string {
    return this.#parts.join(", ");
  }
}
