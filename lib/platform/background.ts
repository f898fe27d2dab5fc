import type { Log } from "../ports/log.ts";

export interface TrackedBackground {
  readonly background: (task: Promise<unknown>) => void;
  /** Resolves when every task has ended, those that they started included, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

/** Background work on Node: remembered, so that a shutdown can wait for it; its failures are logged, never thrown. */
export function createTrackedBackground(log: Log): TrackedBackground {
  const running = new Set<Promise<unknown>>();
  return {
    background(task) {
      const tracked: Promise<void> = task.then(
        () => void running.delete(tracked),
        (error: unknown) => {
          running.delete(tracked);
          log.error("background_task_failed", error);
        },
      );
      running.add(tracked);
    },
    async drain(timeoutMs) {
      const end = Date.now() + timeoutMs;
      while (running.size > 0 && Date.now() < end) {
        await Promise.race([Promise.all(running), new Promise((resolve) => setTimeout(resolve, end - Date.now()))]);
      }
    },
  };
}
