import { accountSuspended } from "../errors/account-suspended.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { formatUsd, type NanoUsd } from "../money/nano-usd.ts";
import { withDeadline } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { ScriptInput } from "../ports/redis-script.ts";
import {
  checkpointScript,
  extendScript,
  holdScript,
  initScript,
  mirrorKey,
  OPEN_KEY,
  openMember,
  recordKey,
  releaseScript,
} from "./ledger-scripts.ts";
import {
  type Balance,
  baseOf,
  extendInPostgres,
  type HoldReply,
  holdInPostgres,
  readBalance,
  releaseInPostgres,
  shadowInPostgres,
} from "./ledger-store.ts";

/** A hold outlives the longest request by a minute; then the sweeper takes it. */
export const HOLD_SECONDS = 660;
/**
 * A client waits behind a hold: Postgres is given up after this long, and the hold is Redis' alone (F16). Longer than a
 * database that was asleep takes to wake (F17).
 */
const HOLD_DEADLINE_MS = 2_000;
/** Below this an account's holds are taken in Postgres: $5 (ledger, section 7). */
export const STRICT_BELOW: NanoUsd = 5_000_000_000n;

export interface HoldRequest {
  readonly requestId: string;
  readonly accountId: string;
  readonly amountNanoUsd: NanoUsd;
  /** Nano-dollars per million output tokens, so that a refusal can say how many tokens are affordable. */
  readonly outputPerMillion: bigint;
}

/**
 * Credit held for one request. `fast`: granted by Redis, in Postgres after a second. `strict`: granted by Redis and agreed
 * to by Postgres before anything is spent. `postgres`: held there alone, Redis being away.
 */
export interface Reservation {
  readonly requestId: string;
  readonly accountId: string;
  readonly amountNanoUsd: NanoUsd;
  readonly tier: "fast" | "strict" | "postgres";
  /** Under an Idempotency-Key: a hash of what was asked. */
  readonly fingerprint?: string;
}

export type LedgerPorts = Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;

/** What `holdScript` is called with to hold a request's expected cost; its reply goes to `finishHold`. */
export function holdInput(request: HoldRequest, nowMs: number): ScriptInput {
  const { accountId, requestId, amountNanoUsd } = request;
  const due = String(nowMs + HOLD_SECONDS * 1000);
  return {
    keys: holdKeys(request),
    args: [String(amountNanoUsd), due, String(STRICT_BELOW), openMember(accountId, requestId)],
  };
}

function holdKeys({ accountId, requestId }: HoldRequest | Reservation): string[] {
  return [mirrorKey(accountId), recordKey(accountId, requestId), OPEN_KEY];
}

/**
 * Decides a hold from the script's reply, or from its absence: granted in Redis, or asked of Postgres. A 402 is only given after Postgres agrees, or,
 * when that is away, on the mirror's word; with neither store answering nobody is served (money fails closed).
 * @throws GatewayError `insufficient_credits`, `credits_held`, `account_in_debt`, `account_suspended`, `billing_unavailable`
 */
export async function finishHold(ports: LedgerPorts, request: HoldRequest, reply: unknown): Promise<Reservation> {
  const verdict = verdictOf(reply);
  switch (verdict.kind) {
    case "granted":
      return { ...reservationOf(request), tier: "fast" };
    case "strict":
      return confirm(ports, request);
    case "unavailable":
      return holdInPostgresAlone(ports, request);
    case "cold":
    case "insufficient":
      return afterLookingAtPostgres(ports, request, verdict.kind);
  }
}

type Verdict = { readonly kind: "granted" | "strict" | "cold" | "insufficient" | "unavailable" };

function verdictOf(reply: unknown): Verdict {
  if (!Array.isArray(reply)) return { kind: "unavailable" };
  const [status, detail] = reply.map(String);
  if (status === "ok" || (status === "replay" && detail === "held")) return { kind: "granted" };
  if (status === "strict" || status === "cold" || status === "insufficient") return { kind: status };
  return { kind: "unavailable" }; // settled already: Postgres knows, and refuses a second hold
}

function reservationOf({ requestId, accountId, amountNanoUsd }: HoldRequest): Omit<Reservation, "tier"> {
  return { requestId, accountId, amountNanoUsd };
}

class HoldTooSlow extends Error {
  override readonly name = "HoldTooSlow";
}

/** A hold in Postgres; asked again once, under the same key, when the outcome is not known. */
function askPostgres(ports: LedgerPorts, request: HoldRequest, tier: "strict" | "shadow"): Promise<HoldReply> {
  const hold = { ...request, seconds: HOLD_SECONDS };
  return holdInPostgres(ports.database, hold, tier).catch(() => holdInPostgres(ports.database, hold, tier));
}

/** What Postgres decides in time. @throws what went wrong there, or `HoldTooSlow` */
export function inTime<Reply>(ports: LedgerPorts, asking: Promise<Reply>): Promise<Reply> {
  const late = () => new HoldTooSlow("Postgres did not decide on a hold in time.");
  return withDeadline(ports.clock, asking, HOLD_DEADLINE_MS, late);
}

/** Redis has granted the hold; Postgres is asked to agree. While it is away the mirror's word stands (section 8). */
async function confirm(ports: LedgerPorts, request: HoldRequest): Promise<Reservation> {
  const reservation: Reservation = { ...reservationOf(request), tier: "strict" };
  let reply: HoldReply;
  try {
    reply = await inTime(ports, askPostgres(ports, request, "shadow"));
  } catch (error) {
    ports.log.warn("ledger_hold_failed", { requestId: request.requestId, reason: nameOf(error) });
    return reservation; // a hold that comes after all is closed by the settlement
  }
  if (isHeld(reply)) return reservation;
  await releaseReservation(ports, { ...reservation, tier: "fast" });
  await refreshMirror(ports, request.accountId, reply.base, reply.version);
  throw refusal(request, reply.status, reply.balance, reply.available);
}

/** Redis is away: Postgres holds, or nobody does. */
async function holdInPostgresAlone(ports: LedgerPorts, request: HoldRequest): Promise<Reservation> {
  const asking = askPostgres(ports, request, "strict");
  let reply: HoldReply;
  try {
    reply = await inTime(ports, asking);
  } catch (error) {
    ports.log.warn("ledger_hold_failed", { requestId: request.requestId, reason: nameOf(error) });
    ports.background(releaseLateHold(ports, request, asking));
    throw billingUnavailable();
  }
  if (!isHeld(reply)) throw refusal(request, reply.status, reply.balance, reply.available);
  ports.background(refreshMirror(ports, request.accountId, reply.base, reply.version));
  return { ...reservationOf(request), tier: "postgres" };
}

/** A hold that is granted after its request was refused is nobody's. One whose outcome stays unknown is swept. */
async function releaseLateHold(ports: LedgerPorts, request: HoldRequest, asking: Promise<HoldReply>): Promise<void> {
  const held = await asking.then(isHeld, () => false);
  if (held) await releaseReservation(ports, { ...reservationOf(request), tier: "postgres" });
}

function isHeld({ status }: HoldReply): boolean {
  return status === "ok" || status === "replay:held";
}

/** Redis has no mirror, or one without enough: Postgres says what there is, and Redis is asked once more. */
async function afterLookingAtPostgres(
  ports: LedgerPorts,
  request: HoldRequest,
  why: "cold" | "insufficient",
): Promise<Reservation> {
  await refreshFromPostgres(ports, request, why);
  return holdAgain(ports, request);
}

/**
 * Brings the mirror up to what Postgres has.
 * @throws GatewayError when that does not cover the request, or nobody knows
 */
export async function refreshFromPostgres(
  ports: LedgerPorts,
  request: HoldRequest,
  why: "cold" | "insufficient",
): Promise<void> {
  let balance: Balance | null;
  try {
    balance = await readBalance(ports.database, request.accountId);
  } catch (error) {
    ports.log.warn("ledger_read_failed", { requestId: request.requestId, reason: nameOf(error) });
    if (why === "cold") throw billingUnavailable();
    throw refusal(request, "insufficient", 0n, 0n);
  }
  if (balance === null) throw refusal(request, "no_account", 0n, 0n);
  const total = balance.allowance + balance.purchased;
  const base = baseOf(balance);
  if (balance.status === "frozen") throw refusal(request, "frozen", total, base);
  if (base < request.amountNanoUsd) throw refusal(request, "insufficient", total, base);
  await refreshMirror(ports, request.accountId, String(base), balance.version);
}

/** Redis once more, now that its mirror is fresh. What is still missing there is held by others. */
async function holdAgain(ports: LedgerPorts, request: HoldRequest): Promise<Reservation> {
  const { keys, args } = holdInput(request, ports.clock.now());
  let verdict: Verdict;
  try {
    verdict = verdictOf(await ports.redis.eval(holdScript.lua, keys, args));
  } catch {
    return holdInPostgresAlone(ports, request);
  }
  switch (verdict.kind) {
    case "granted":
      return { ...reservationOf(request), tier: "fast" };
    case "strict":
      return confirm(ports, request);
    case "insufficient":
      throw refusal(request, "held", 0n, 0n);
    case "unavailable":
    case "cold":
      return holdInPostgresAlone(ports, request);
  }
}

/** Tells the mirror what Postgres has; it takes it only if that is newer. Never rejects. */
export async function refreshMirror(
  ports: Pick<Ports, "redis" | "log">,
  accountId: string,
  base: string,
  version: string,
): Promise<void> {
  try {
    await ports.redis.eval(initScript.lua, [mirrorKey(accountId)], [base, version, crypto.randomUUID()]);
  } catch (error) {
    ports.log.warn("ledger_mirror_not_refreshed", { accountId, reason: nameOf(error) });
  }
}

/** A failed hold as the client sees it: K36, what is held is not the same as what is missing. */
export function refusal(request: HoldRequest, status: string, balance: NanoUsd, available: NanoUsd): GatewayError {
  const { amountNanoUsd: required } = request;
  if (status === "frozen") return accountSuspended();
  if (balance < 0n) {
    return new GatewayError("account_in_debt", `This account owes $${formatUsd(-balance)}. Add credit to go on.`);
  }
  if (status === "held" || (status === "insufficient" && balance >= required)) {
    return new GatewayError(
      "credits_held",
      "The balance is held by requests that are still running. Retry in a second.",
      {
        retryAfterSeconds: 1,
      },
    );
  }
  const left = available > 0n ? available : 0n;
  const tokens = request.outputPerMillion > 0n ? (left * 1_000_000n) / request.outputPerMillion : 0n;
  return new GatewayError(
    "insufficient_credits",
    `This request may cost $${formatUsd(required)} and $${formatUsd(left)} is available, enough for about ${tokens} ` +
      "output tokens. Add credit or lower max_tokens.",
  );
}

export function billingUnavailable(): GatewayError {
  return new GatewayError("billing_unavailable", "Credit cannot be checked right now. Retry in a few seconds.", {
    retryAfterSeconds: 5,
  });
}

/** Raises a hold while its request runs. Null: the balance does not cover it, or nobody could be asked. */
export async function extendReservation(
  ports: LedgerPorts,
  reservation: Reservation,
  amountNanoUsd: NanoUsd,
): Promise<Reservation | null> {
  const { requestId, accountId } = reservation;
  try {
    if (reservation.tier !== "postgres") {
      const [mirror = "", record = ""] = holdKeys(reservation);
      const reply = await ports.redis.eval(extendScript.lua, [mirror, record], [String(amountNanoUsd)]);
      if (!Array.isArray(reply) || reply[0] !== "ok") return null;
    }
    if (reservation.tier !== "fast") {
      const reply = await extendInPostgres(ports.database, requestId, accountId, amountNanoUsd);
      if (reply.status !== "ok") return null;
      ports.background(refreshMirror(ports, accountId, String(reply.base), String(reply.version)));
    }
    return { ...reservation, amountNanoUsd };
  } catch (error) {
    ports.log.warn("ledger_extend_failed", { requestId, reason: nameOf(error) });
    return null;
  }
}

/** Records a hold of Redis in Postgres too, once its request has run for a second. Never rejects. */
export async function recordShadowHold(ports: LedgerPorts, reservation: Reservation): Promise<void> {
  if (reservation.tier === "postgres") return;
  try {
    // For a strict hold that Postgres could not confirm at the time; one that it did is there already.
    await shadowInPostgres(ports.database, reservation, HOLD_SECONDS);
  } catch (error) {
    ports.log.warn("ledger_shadow_failed", { requestId: reservation.requestId, reason: nameOf(error) });
  }
}

/** Notes what a running request has used so far: what it is charged if its isolate dies. Never rejects. */
export async function checkpointReservation(
  ports: LedgerPorts,
  reservation: Reservation,
  charge: NanoUsd,
): Promise<void> {
  const key = recordKey(reservation.accountId, reservation.requestId);
  try {
    // A hold of Postgres' alone has no record in Redis: its checkpoint stands by itself.
    if (reservation.tier === "postgres") await ports.redis.set(`${key}:cp`, String(charge), { ex: HOLD_SECONDS + 600 });
    else await ports.redis.eval(checkpointScript.lua, [key], [String(charge)]);
  } catch (error) {
    ports.log.warn("ledger_checkpoint_failed", { requestId: reservation.requestId, reason: nameOf(error) });
  }
}

/** Gives a hold back whose request was refused before any provider was called: no transaction is written. Never rejects. */
export async function releaseReservation(ports: LedgerPorts, reservation: Reservation): Promise<void> {
  const { requestId, accountId } = reservation;
  try {
    if (reservation.tier !== "postgres") {
      await ports.redis.eval(releaseScript.lua, holdKeys(reservation), [openMember(accountId, requestId)]);
    }
    if (reservation.tier !== "fast") {
      const { base, version } = await releaseInPostgres(ports.database, requestId, accountId);
      await refreshMirror(ports, accountId, String(base), String(version));
    }
  } catch (error) {
    ports.log.warn("ledger_release_failed", { requestId, reason: nameOf(error) });
  }
}

/** Gives back what the script granted, when the request was refused all the same. Never rejects. */
export async function releaseGranted(ports: LedgerPorts, request: HoldRequest, reply: unknown): Promise<void> {
  const { kind } = verdictOf(reply);
  if (kind === "granted" || kind === "strict")
    await releaseReservation(ports, { ...reservationOf(request), tier: "fast" });
}

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
