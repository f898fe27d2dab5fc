import type { SettleItem } from "./ledger-store.ts";
import { type SettlePorts, settleItems } from "./settle-credits.ts";
import { itemOf, type Settler } from "./settler.ts";

interface Waiting {
  readonly item: SettleItem;
  readonly written: () => void;
}

/**
 * Charges of many requests in one statement and one pipeline: for Node, where requests share a process. Nothing is lost by
 * the wait: until it is written a charge stands behind its hold, which the sweeper knows. An account is in one statement at
 * a time, whose row it locks; what comes for it meanwhile makes its next one larger, and other accounts do not wait for it.
 * @param maxBatch the most charges in a statement
 * @param maxDelayMs how long the first charge of a batch waits for others; 0 writes each at once
 * @param maxStatements how many statements run at a time
 */
export function createBatchingSettler(options: {
  readonly maxBatch: number;
  readonly maxDelayMs: number;
  readonly maxStatements: number;
}): Settler {
  const queues = new Map<string, Waiting[]>();
  const busyAccounts = new Set<string>();
  const statements = new Set<Promise<void>>();
  let cancelTimer: (() => void) | null = null;
  /** The time of what is left in the queues has come; the end of a statement writes it. */
  let overdue = false;

  function takeBatch(): readonly Waiting[] {
    const batch: Waiting[] = [];
    for (const [accountId, queue] of queues) {
      if (busyAccounts.has(accountId)) continue;
      batch.push(...queue.splice(0, options.maxBatch - batch.length));
      if (queue.length === 0) queues.delete(accountId);
      if (batch.length === options.maxBatch) break;
    }
    return batch;
  }

  function write(ports: SettlePorts): void {
    cancelTimer?.();
    cancelTimer = null;
    while (statements.size < options.maxStatements) {
      const batch = takeBatch();
      if (batch.length === 0) break;
      const statement: Promise<void> = writeBatch(ports, batch).then(() => {
        statements.delete(statement);
        if (overdue) write(ports);
      });
      statements.add(statement);
    }
    overdue = queues.size > 0;
  }

  async function writeBatch(ports: SettlePorts, batch: readonly Waiting[]): Promise<void> {
    const accounts = new Set(batch.map(({ item }) => item.account));
    for (const account of accounts) busyAccounts.add(account);
    await settleItems(
      ports,
      batch.map(({ item }) => item),
    );
    for (const account of accounts) busyAccounts.delete(account);
    for (const { written } of batch) written();
  }

  let latestPorts: SettlePorts | null = null;
  return {
    settle(ports, reservation, charge) {
      latestPorts = ports;
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiting = { item: itemOf(reservation, charge), written: resolve };
      const queue = queues.get(reservation.accountId);
      if (queue === undefined) queues.set(reservation.accountId, [waiting]);
      else queue.push(waiting);
      if (options.maxDelayMs === 0) write(ports);
      else cancelTimer ??= ports.clock.schedule(options.maxDelayMs, () => write(ports));
      return promise;
    },
    async flush() {
      if (latestPorts !== null) write(latestPorts);
      while (statements.size > 0) await Promise.all(statements);
    },
  };
}
