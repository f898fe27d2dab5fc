import type { Clock } from "../../ports/clock.ts";

/** No command of ours takes this long on a store that is well (ledger, section 6). */
const TIMEOUT_MS = 150;
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;

class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/**
 * Keeps a slow or dead store from slowing every request: a call that takes too long is given up, and after five failures
 * in a row none is made for ten seconds, then one by one. Lives as long as the isolate.
 */
export class StoreGuard {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #failures = 0;
  #openUntilMs = 0;
  #probing = false;

  constructor(clock: Clock, timeoutMs = TIMEOUT_MS) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** @param call may ask for a signal, which aborts when the guard gives the call up */
  run<Result>(call: (signal: () => AbortSignal) => Promise<Result>): Promise<Result> {
    const probe = this.#failures >= FAILURES_TO_OPEN;
    if (probe && (this.#probing || this.#clock.now() < this.#openUntilMs)) {
      return Promise.reject(new StoreUnavailable("The store did not answer lately; it is not asked for a while."));
    }
    this.#probing = probe;
    return new Promise((resolve, reject) => {
      let given = false;
      let controller: AbortController | null = null;
      const giveUp = (error: unknown) => {
        if (given) return;
        given = true;
        cancel();
        this.#noteFailure(probe);
        reject(error);
      };
      const cancel = this.#clock.schedule(this.#timeoutMs, () => {
        const late = new StoreUnavailable("The store did not answer in time.");
        giveUp(late);
        controller?.abort(late);
      });
      const signal = () => {
        controller ??= new AbortController();
        return controller.signal;
      };
      call(signal).then((result) => {
        if (given) return;
        given = true;
        cancel();
        this.#failures = 0;
        if (probe) this.#probing = false;
        resolve(result);
      }, giveUp);
    });
  }

  #noteFailure(probe: boolean): void {
    this.#failures += 1;
    if (this.#failures >= FAILURES_TO_OPEN) this.#openUntilMs = this.#clock.now() + OPEN_MS;
    if (probe) this.#probing = false;
  }
}
