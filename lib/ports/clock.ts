/** The only source of time in `lib/`; tests move a fake one by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Fractional milliseconds on a clock that never goes back; only differences mean anything. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function is called before. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Resolves after `delayMs`; rejects with the signal's reason when `signal` aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** What `promise` brings, or a rejection with `late()` when that has not come after `waitMs`. */
export function withDeadline<Result>(
  clock: Clock,
  promise: Promise<Result>,
  waitMs: number,
  late: () => Error,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(waitMs, () => reject(late()));
    promise.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** What `promise` brings within `waitMs`, else null. */
export async function firstOf<T>(clock: Clock, promise: Promise<T>, waitMs: number): Promise<T | null> {
  let cancel = () => {};
  const late = new Promise<null>((resolve) => {
    cancel = clock.schedule(waitMs, () => resolve(null));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
