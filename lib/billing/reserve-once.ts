import { sql } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import { type ENDED_FOR_NOTHING, holdOnceScript, runId, slotKey } from "./idempotency-script.ts";
import { mirrorKey, OPEN_KEY, openMember, recordKey } from "./ledger-scripts.ts";
import {
  billingUnavailable,
  HOLD_SECONDS,
  type HoldRequest,
  inTime,
  type LedgerPorts,
  nameOf,
  type Reservation,
  refreshFromPostgres,
  refreshMirror,
  refusal,
  releaseReservation,
  STRICT_BELOW,
} from "./reserve-credits.ts";

/** An Idempotency-Key as the ledger knows it. */
export interface OnceKey {
  /** `req_…`, of the account, the key and this window. */
  readonly id: string;
  /** The same of the window before. */
  readonly previousId: string;
  /** A hash of what was asked. */
  readonly fingerprint: string;
}

/** What a key stands for: a request that begins now, or one that came before. */
export type OnceOutcome =
  | { readonly kind: "held"; readonly reservation: Reservation }
  | { readonly kind: "running"; readonly requestId: string }
  | { readonly kind: "completed"; readonly requestId: string; readonly chargedNanoUsd: NanoUsd | null };

/** What `holdOnceScript` is called with; its reply goes to `finishHoldOnce`. */
export function holdOnceInput(request: HoldRequest, key: OnceKey, nowMs: number): ScriptInput {
  const { accountId, amountNanoUsd } = request;
  const { id, previousId, fingerprint } = key;
  const due = nowMs + HOLD_SECONDS * 1000;
  return {
    keys: [
      slotKey(accountId, id),
      slotKey(accountId, previousId),
      mirrorKey(accountId),
      recordKey(accountId, id),
      recordKey(accountId, previousId),
      OPEN_KEY,
    ],
    args: [
      fingerprint,
      ...[nowMs, amountNanoUsd, due, STRICT_BELOW].map(String),
      openMember(accountId, id),
      openMember(accountId, previousId),
    ],
  };
}

/**
 * Decides a hold under a key from the script's reply, or from its absence. Either store is enough to say what a key stands
 * for; the ids are the key's own, so that even a run that both had lost is charged once (docs/decisions/0013).
 * @throws GatewayError `idempotency_mismatch`, and whatever refuses a hold
 */
export async function finishHoldOnce(
  ports: LedgerPorts,
  request: HoldRequest,
  key: OnceKey,
  reply: unknown,
  mayLookAgain = true,
): Promise<OnceOutcome> {
  const verdict = verdictOf(reply, key);
  if (verdict === null) return holdOnceInPostgres(ports, request, key);
  const { what, requestId, status, detail } = verdict;
  const reservation: Reservation = { ...reservationOf(request, key), requestId, tier: "fast" };
  if (what === "mismatch") throw mismatch(requestId);
  if (what === "known") {
    if (/^\d+$/.test(detail)) return { kind: "completed", requestId, chargedNanoUsd: BigInt(detail) };
    return status === "held" ? { kind: "running", requestId } : holdOnceInPostgres(ports, request, key);
  }
  switch (status) {
    case "ok":
      return { kind: "held", reservation };
    case "strict":
      return confirmOnce(ports, request, key, reservation);
    case "cold":
    case "insufficient":
      if (!mayLookAgain) {
        if (status === "insufficient") throw refusal(request, "held", 0n, 0n);
        return holdOnceInPostgres(ports, request, key);
      }
      await refreshFromPostgres(ports, request, status);
      return holdOnceAgain(ports, request, key);
    default:
      // A record without its slot: that run still counts.
      if (status === "replay" && detail === "held") return { kind: "running", requestId };
      return holdOnceInPostgres(ports, request, key);
  }
}

interface Verdict {
  readonly what: string;
  readonly requestId: string;
  readonly status: string;
  readonly detail: string;
}

/** The script's reply, or null where there is none. */
function verdictOf(reply: unknown, key: OnceKey): Verdict | null {
  const [what, window, run, status = "", detail = ""] = Array.isArray(reply) ? reply.map(String) : [];
  if (what === undefined) return null;
  return { what, requestId: runId(window === "2" ? key.previousId : key.id, Number(run)), status, detail };
}

/** Gives back what the script granted, when the request was refused all the same. Never rejects. */
export async function releaseGrantedOnce(
  ports: LedgerPorts,
  request: HoldRequest,
  key: OnceKey,
  reply: unknown,
): Promise<void> {
  const verdict = verdictOf(reply, key);
  if (verdict?.what !== "begin" || (verdict.status !== "ok" && verdict.status !== "strict")) return;
  await releaseReservation(ports, { ...reservationOf(request, key), requestId: verdict.requestId, tier: "fast" });
}

async function holdOnceAgain(ports: LedgerPorts, request: HoldRequest, key: OnceKey): Promise<OnceOutcome> {
  const { keys, args } = holdOnceInput(request, key, ports.clock.now());
  const reply: unknown = await ports.redis.eval(holdOnceScript.lua, keys, args).catch(() => null);
  return finishHoldOnce(ports, request, key, reply, false);
}

/** Redis has granted it; Postgres is asked to agree, that the key is new among others. While it is away Redis' word stands. */
async function confirmOnce(
  ports: LedgerPorts,
  request: HoldRequest,
  key: OnceKey,
  granted: Reservation,
): Promise<OnceOutcome> {
  let reply: OnceReply;
  try {
    reply = await inTime(ports, askPostgres(ports, request, key, "shadow"));
  } catch (error) {
    ports.log.warn("ledger_hold_failed", { requestId: granted.requestId, reason: nameOf(error) });
    return { kind: "held", reservation: { ...granted, tier: "strict" } };
  }
  if (reply.status === "ok" && reply.requestId === granted.requestId) {
    return { kind: "held", reservation: { ...granted, tier: "strict" } };
  }
  // Redis had lost what Postgres knows: what it granted is of no use.
  await releaseReservation(ports, granted);
  return decide(ports, request, key, reply);
}

/** Redis is away, or does not know how it ended: Postgres says, and holds where there is something to begin. */
async function holdOnceInPostgres(ports: LedgerPorts, request: HoldRequest, key: OnceKey): Promise<OnceOutcome> {
  const asking = askPostgres(ports, request, key, "strict");
  let reply: OnceReply;
  try {
    reply = await inTime(ports, asking);
  } catch (error) {
    ports.log.warn("ledger_hold_failed", { requestId: key.id, reason: nameOf(error) });
    ports.background(releaseLate(ports, request, key, asking));
    throw billingUnavailable();
  }
  return decide(ports, request, key, reply);
}

function decide(ports: LedgerPorts, request: HoldRequest, key: OnceKey, reply: OnceReply): OnceOutcome {
  const { status, requestId } = reply;
  switch (status) {
    case "ok":
      ports.background(refreshMirror(ports, request.accountId, reply.base, reply.version));
      return { kind: "held", reservation: { ...reservationOf(request, key), requestId, tier: "postgres" } };
    case "running":
      return { kind: "running", requestId };
    case "completed":
      return { kind: "completed", requestId, chargedNanoUsd: BigInt(reply.charged) };
    case "mismatch":
      throw mismatch(requestId);
    default:
      throw refusal(request, status, BigInt(reply.balance), BigInt(reply.available));
  }
}

/** A hold that is granted after its request was refused is nobody's. */
async function releaseLate(
  ports: LedgerPorts,
  request: HoldRequest,
  key: OnceKey,
  asking: Promise<OnceReply>,
): Promise<void> {
  const late = await asking.catch(() => null);
  if (late?.status !== "ok") return;
  await releaseReservation(ports, {
    ...reservationOf(request, key),
    requestId: late.requestId,
    tier: "postgres",
  });
}

function reservationOf({ accountId, amountNanoUsd }: HoldRequest, { fingerprint }: OnceKey) {
  return { accountId, amountNanoUsd, fingerprint };
}

function mismatch(requestId: string): GatewayError {
  return new GatewayError(
    "idempotency_mismatch",
    `This Idempotency-Key was used for another request, ${requestId}. Send a new key for a new request.`,
    { param: "idempotency-key", requestId },
  );
}

interface OnceReply {
  readonly status: string;
  readonly requestId: string;
  readonly charged: string;
  readonly available: string;
  readonly balance: string;
  readonly base: string;
  readonly version: string;
}

/** Asked again once when the outcome is not known: the token tells our own hold from another's. */
async function askPostgres(
  ports: LedgerPorts,
  request: HoldRequest,
  key: OnceKey,
  tier: "strict" | "shadow",
): Promise<OnceReply> {
  const token = crypto.randomUUID();
  const ask = async () => {
    const { rows } = await sql<OnceReply>`
      select status, request_id as "requestId", charged, available, balance, base, version from ledger_hold_once(
        array[${key.previousId}, ${key.id}]::text[], ${request.accountId}, ${String(request.amountNanoUsd)}::bigint,
        ${HOLD_SECONDS}::integer, ${tier}, ${key.fingerprint}, ${token})`.execute(ports.database);
    const [row] = rows;
    if (row === undefined) throw new Error("A ledger function returned no row.");
    return row;
  };
  return ask().catch(ask);
}

/** Notes beside its record how a run ended, so that a repetition is answered without Postgres. Never rejects. */
export async function noteEnd(
  ports: Pick<LedgerPorts, "redis" | "log">,
  { accountId, requestId }: Reservation,
  end: NanoUsd | typeof ENDED_FOR_NOTHING,
): Promise<void> {
  try {
    const record = recordKey(accountId, requestId);
    await ports.redis
      .pipeline()
      .hset(record, { end: String(end) })
      .expire(record, END_SECONDS)
      .exec();
  } catch (error) {
    ports.log.warn("idempotency_end_not_noted", { requestId, reason: nameOf(error) });
  }
}

/** As long as its slot: longer than a hold that nobody settles is left alone. */
const END_SECONDS = 172_800;
