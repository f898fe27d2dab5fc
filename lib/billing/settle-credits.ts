import { sleep } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import { ackScript, mirrorKey, OPEN_KEY, openMember, recordKey, spendScript } from "./ledger-scripts.ts";
import { type SettleItem, type SettleReply, settleInPostgres } from "./ledger-store.ts";

export type SettlePorts = Pick<Ports, "clock" | "redis" | "database" | "log">;

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
