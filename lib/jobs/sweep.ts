import { ackScript, OPEN_KEY, recordKey } from "../billing/ledger-scripts.ts";
import { dueHolds, type SettleItem, settleSwept } from "../billing/ledger-store.ts";
import { ackInput, settleItems } from "../billing/settle-credits.ts";
import type { Ports } from "../ports/ports.ts";
import { valuesOf } from "../ports/redis-replies.ts";
import { deleteExpiredResponses } from "../responses/response-store.ts";

type SweepPorts = Pick<Ports, "clock" | "redis" | "database" | "log">;

export interface SweepReport {
  /** Charges that had waited in Redis for Postgres. */
  readonly queuedSettled: number;
  /** Holds whose request never came back, settled at their last checkpoint. */
  readonly swept: number;
  /** Stored responses past their time. */
  readonly expiredResponses: number;
}

const BATCH = 200;

/**
 * Finishes what requests left behind: charges that Postgres could not take at the time, and holds of isolates that
 * died. Everything it writes is keyed by request, so that several sweeps at once, or a request that comes back after
 * all, change nothing twice (ledger, section 11).
 */
export async function sweep(ports: SweepPorts): Promise<SweepReport> {
  const fromRedis = await sweepRedis(ports);
  const fromPostgres = await sweepPostgres(ports);
  const expiredResponses = await sweepResponses(ports);
  const report = { queuedSettled: fromRedis.queuedSettled, swept: fromRedis.swept + fromPostgres, expiredResponses };
  if (report.queuedSettled + report.swept > 0) ports.log.info("ledger_swept", { ...report });
  return report;
}

async function sweepResponses(ports: SweepPorts): Promise<number> {
  try {
    return await deleteExpiredResponses(ports.database, ports.clock.now());
  } catch (error) {
    ports.log.warn("sweep_of_responses_failed", { reason: error instanceof Error ? error.name : "unknown" });
    return 0;
  }
}

async function sweepRedis(ports: SweepPorts): Promise<Pick<SweepReport, "queuedSettled" | "swept">> {
  let queuedSettled = 0;
  let swept = 0;
  try {
    const due = await ports.redis.zrange<string[]>(OPEN_KEY, "-inf", ports.clock.now(), {
      byScore: true,
      offset: 0,
      count: BATCH,
    });
    for (const member of due) {
      const [accountId = "", requestId = ""] = member.split(" ");
      const [state, checkpoint, item] = await readableRecordOf(ports, accountId, requestId);
      if (state === "pending" && typeof item === "string") {
        await settleItems(ports, [JSON.parse(item) as SettleItem]); // written by queueInRedis
        queuedSettled += 1;
      } else if (state === "held") {
        await settleAndAcknowledge(ports, accountId, requestId, checkpoint ?? "0");
        swept += 1;
      } else await ports.redis.zrem(OPEN_KEY, member);
    }
  } catch (error) {
    ports.log.warn("sweep_of_redis_failed", { reason: error instanceof Error ? error.name : "unknown" });
  }
  return { queuedSettled, swept };
}

async function sweepPostgres(ports: SweepPorts): Promise<number> {
  let swept = 0;
  try {
    for (const { request_id: requestId, account_id: accountId } of await dueHolds(ports.database, BATCH)) {
      await settleAndAcknowledge(ports, accountId, requestId, await lastCheckpoint(ports, accountId, requestId));
      swept += 1;
    }
  } catch (error) {
    ports.log.warn("sweep_of_postgres_failed", { reason: error instanceof Error ? error.name : "unknown" });
  }
  return swept;
}

async function settleAndAcknowledge(
  ports: SweepPorts,
  accountId: string,
  requestId: string,
  amount: string,
): Promise<void> {
  const { base, version } = await settleSwept(ports.database, requestId, accountId, amount);
  try {
    const settled = { requestIds: [requestId], base: String(base), version: String(version) };
    const { keys, args } = ackInput(accountId, settled);
    await ports.redis.eval(ackScript.lua, keys, args);
  } catch (error) {
    ports.log.warn("ledger_ack_failed", { requestId, reason: error instanceof Error ? error.name : "unknown" });
  }
}

async function recordOf(ports: SweepPorts, accountId: string, requestId: string): Promise<readonly (string | null)[]> {
  return valuesOf(await ports.redis.hmget(recordKey(accountId, requestId), "st", "cp", "item"));
}

/** The same; what is no record under a record's key (F7) is dropped, or it would keep every later one from being swept. */
async function readableRecordOf(
  ports: SweepPorts,
  accountId: string,
  requestId: string,
): Promise<readonly (string | null)[]> {
  try {
    return await recordOf(ports, accountId, requestId);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("WRONGTYPE"))) throw error;
    ports.log.warn("ledger_record_unreadable", { requestId });
    await ports.redis.del(recordKey(accountId, requestId));
    return [];
  }
}

/** What is known to have been used: the record's checkpoint, or the one that a strict hold left beside it; else nothing. */
async function lastCheckpoint(ports: SweepPorts, accountId: string, requestId: string): Promise<string> {
  try {
    const key = recordKey(accountId, requestId);
    const [, checkpoint] = await recordOf(ports, accountId, requestId);
    return checkpoint ?? (await ports.redis.get<string>(`${key}:cp`)) ?? "0";
  } catch {
    return "0"; // what cannot be proven is not charged
  }
}
