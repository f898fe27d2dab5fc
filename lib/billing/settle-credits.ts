import type { NanoUsd } from "../money/nano-usd.ts";
import { sleep } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import { ackScript, mirrorKey, OPEN_KEY, openMember, recordKey, spendScript } from "./ledger-scripts.ts";
import { type SettleItem, type SettleReply, settleInPostgres } from "./ledger-store.ts";
import type { Reservation } from "./reserve-credits.ts";

/** What a request is charged and why, kept on its transaction. */
interface Charge {
  readonly amountNanoUsd: NanoUsd;
  readonly detail: object;
  readonly attempts: readonly { readonly provider: string; readonly outcome: string; readonly costNanoUsd: NanoUsd }[];
}

export type SettlePorts = Pick<Ports, "clock" | "redis" | "database" | "log">;

/** Writes charges. A charge is keyed by its request: written twice it counts once. Never rejects. */
export interface Settler {
  settle(ports: SettlePorts, reservation: Reservation, charge: Charge): Promise<void>;
  /** Writes what is still waiting; for a shutdown. */
  flush(): Promise<void>;
}

/** Each charge at once, in one statement and one Redis command: for runtimes that share nothing between requests. */
export function createDirectSettler(): Settler {
  return {
    settle: (ports, reservation, charge) => settleItems(ports, [itemOf(reservation, charge)]),
    flush: () => Promise.resolve(),
  };
}

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

function itemOf(reservation: Reservation, charge: Charge): SettleItem {
  return {
    request: reservation.requestId,
    account: reservation.accountId,
    amount: String(charge.amountNanoUsd),
    detail: charge.detail,
    attempts: charge.attempts.map(({ provider, outcome, costNanoUsd }) => ({
      provider,
      outcome,
      cost: String(costNanoUsd),
    })),
  };
}

/** Waits between tries at Postgres, each shortened by chance. An unknown outcome is tried again under the same key. */
const RETRY_MS = [50, 200, 800];

/** Postgres first, then the mirror; Redis alone when Postgres is away; the log when both are. Never rejects. */
export async function settleItems(ports: SettlePorts, items: readonly SettleItem[]): Promise<void> {
  let left = items;
  for (let tries = 0; ; tries++) {
    try {
      const replies = await settleInPostgres(ports.database, left);
      const settled = replies.filter(({ status }) => status !== "failed");
      await acknowledge(ports, left, settled);
      const failed = new Set(replies.flatMap(({ status, request_id: id }) => (status === "failed" ? [id] : [])));
      left = left.filter(({ request }) => failed.has(request));
      if (left.length === 0) return;
    } catch (error) {
      ports.log.warn("ledger_settle_failed", {
        items: left.length,
        reason: error instanceof Error ? error.name : "unknown",
      });
    }
    const waitMs = RETRY_MS[tries];
    if (waitMs === undefined) break;
    await sleep(ports.clock, Math.ceil(waitMs * (0.5 + Math.abs(randomShare()) / 2)));
  }
  await queueInRedis(ports, left);
}

/** A number in [0, 1). */
function randomShare(): number {
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
  return random / 65_536;
}

/** Closes the requests' records and moves the mirrors forward, in one pipeline. A failure leaves that to the sweeper. */
async function acknowledge(
  ports: SettlePorts,
  items: readonly SettleItem[],
  replies: readonly SettleReply[],
): Promise<void> {
  const accounts = new Map(items.map(({ request, account }) => [request, account]));
  const settled = new Map<string, Acknowledged>();
  for (const { request_id: requestId, base, version } of replies) {
    const accountId = accounts.get(requestId);
    if (accountId === undefined || base === null || version === null) continue;
    const before = settled.get(accountId);
    const newest = before === undefined || BigInt(version) > BigInt(before.version);
    settled.set(accountId, {
      requestIds: [...(before?.requestIds ?? []), requestId],
      base: newest ? String(base) : before.base,
      version: newest ? String(version) : before.version,
    });
  }
  if (settled.size === 0) return;
  const pipeline = ports.redis.pipeline();
  for (const [accountId, acknowledged] of settled) {
    const { keys, args } = ackInput(accountId, acknowledged);
    pipeline.eval(ackScript.lua, keys, args);
  }
  try {
    await pipeline.exec({ keepErrors: true });
  } catch (error) {
    ports.log.warn("ledger_ack_failed", {
      items: replies.length,
      reason: error instanceof Error ? error.name : "unknown",
    });
  }
}

/** Requests of one account that Postgres has settled, and what the account's mirror counts from since. */
interface Acknowledged {
  readonly requestIds: readonly string[];
  readonly base: string;
  readonly version: string;
}

/** What `ackScript` is called with. */
export function ackInput(accountId: string, { requestIds, base, version }: Acknowledged): ScriptInput {
  return {
    keys: [mirrorKey(accountId), OPEN_KEY, ...requestIds.map((requestId) => recordKey(accountId, requestId))],
    args: [base, version, crypto.randomUUID(), ...requestIds.map((requestId) => openMember(accountId, requestId))],
  };
}

/** Postgres is away: the charges wait in Redis as pending, and count against the balance there. */
async function queueInRedis(ports: SettlePorts, items: readonly SettleItem[]): Promise<void> {
  const pipeline = ports.redis.pipeline();
  for (const item of items) {
    const { account, request, amount } = item;
    const keys = [mirrorKey(account), recordKey(account, request), OPEN_KEY];
    const args = [amount, openMember(account, request), crypto.randomUUID(), JSON.stringify(item)];
    pipeline.eval(spendScript.lua, keys, args);
  }
  try {
    await pipeline.exec();
    ports.log.warn("ledger_settle_queued", { items: items.length });
  } catch {
    // Both are away. The line holds everything that a tool needs to settle later, and nothing of the request's content.
    for (const { request, account, amount } of items) {
      ports.log.error("settle_intent", null, { requestId: request, accountId: account, amountNanoUsd: amount });
    }
  }
}
