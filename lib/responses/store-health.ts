/** How long clients are told of a response that could not be kept. */
const TOLD_FOR_MS = 60_000;

/** Whether the last response of this isolate could be kept: known only after its reply has gone out. */
export class StoreHealth {
  #failedAtMs: number | null = null;

  note(kept: boolean, nowMs: number): void {
    this.#failedAtMs = kept ? null : nowMs;
  }

  /** True while replies are to say that they may not be kept. */
  isDegraded(nowMs: number): boolean {
    return this.#failedAtMs !== null && nowMs - this.#failedAtMs < TOLD_FOR_MS;
  }
}
