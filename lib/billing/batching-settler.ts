import type { SettleItem } from "./ledger-store.ts";
import { type SettlePorts, settleItems } from "./settle-credits.ts";
import { itemOf, type Settler } from "./settler.ts";

/**
 * Charges of many requests in one statement and one pipeline: for Node, where requests share a process. Nothing is lost by
 * the wait: until it is written a charge stands behind its hold, which the sweeper knows.
 * @param maxDelayMs how long the first charge of a batch waits for others
 */
export function createBatchingSettler(options: { readonly maxBatch: number; readonly maxDelayMs: number }): Settler {
  let waiting: SettleItem[] = [];
  let written = Promise.withResolvers<void>();
  let ports: SettlePorts | null = null;
  let cancel: (() => void) | null = null;
  let writing: Promise<void> = Promise.resolve();

  function write(): Promise<void> {
    cancel?.();
    cancel = null;
    if (waiting.length === 0 || ports === null) return writing;
    const batch = waiting;
    const done = written;
    const using = ports;
    waiting = [];
    written = Promise.withResolvers<void>();
    // One batch after the other: what arrives meanwhile makes the next one larger.
    writing = writing.then(() => settleItems(using, batch)).then(done.resolve);
    return writing;
  }

  return {
    settle(using, reservation, charge) {
      ports = using;
      waiting.push(itemOf(reservation, charge));
      const { promise } = written;
      if (waiting.length >= options.maxBatch) void write();
      else cancel ??= using.clock.schedule(options.maxDelayMs, () => void write());
      return promise;
    },
    flush: write,
  };
}
