import { sleep } from "../ports/clock.ts";
import type { SettleItem } from "./ledger-store.ts";
import { type SettlePorts, settleItems } from "./settle-credits.ts";
import { itemOf, type Settler } from "./settler.ts";

/**
 * Charges of requests that end within a moment in one statement and one pipeline, for isolates at the edge: the first of
 * them writes for all, within its own `waitUntil`. An isolate may end that request's work at any time, so the others wait
 * only so long and then write their own; a charge is keyed, so that written twice it counts once.
 * @param maxDelayMs how long the first charge waits for others
 * @param patienceMs how long the others wait for the first
 */
export function createSharedSettler(options: {
  readonly maxBatch: number;
  readonly maxDelayMs: number;
  readonly patienceMs: number;
}): Settler {
  interface Group {
    readonly items: SettleItem[];
    readonly written: Promise<void>;
  }
  let open: Group | null = null;

  /** Begins a group that this request will write. */
  function lead(ports: SettlePorts, item: SettleItem): Promise<void> {
    const group: Group = {
      items: [item],
      written: sleep(ports.clock, options.maxDelayMs).then(() => write(ports, group)),
    };
    open = group;
    return group.written;
  }

  function write(ports: SettlePorts, group: Group): Promise<void> {
    if (open === group) open = null;
    return settleItems(ports, group.items);
  }

  async function follow(ports: SettlePorts, item: SettleItem, group: Group): Promise<void> {
    group.items.push(item);
    if (group.items.length >= options.maxBatch) open = null;
    const alone = new AbortController();
    const late = sleep(ports.clock, options.patienceMs, alone.signal).then(() => "late" as const);
    const first = await Promise.race([group.written, late.catch(() => undefined)]);
    alone.abort();
    if (first === "late") await settleItems(ports, [item]);
  }

  return {
    settle(ports, reservation, charge) {
      const item = itemOf(reservation, charge);
      return open === null ? lead(ports, item) : follow(ports, item, open);
    },
    flush: () => Promise.resolve(),
  };
}
