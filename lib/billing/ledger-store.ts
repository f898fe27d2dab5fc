import { type Kysely, sql } from "kysely";
import type { Database } from "../database/tables.ts";
import type { NanoUsd } from "../money/nano-usd.ts";

/** The ledger's functions in Postgres, one statement each. Amounts travel as decimal strings. */
type LedgerDatabase = Kysely<Database>;

export interface HoldReply {
  readonly status: string;
  /** Free to be held, nano-dollars. */
  readonly available: NanoUsd;
  /** Allowance and purchased credit, held or not. */
  readonly balance: NanoUsd;
  /** What the mirror counts from. */
  readonly base: string;
  readonly version: string;
}

/** @param tier `strict`: Postgres alone holds. `shadow`: Redis has granted it, and Postgres is asked to agree. */
export async function holdInPostgres(
  database: LedgerDatabase,
  hold: {
    readonly requestId: string;
    readonly accountId: string;
    readonly amountNanoUsd: NanoUsd;
    readonly seconds: number;
  },
  tier: "strict" | "shadow" = "strict",
): Promise<HoldReply> {
  const { rows } = await sql<HoldRow>`
    select * from ledger_hold(${hold.requestId}, ${hold.accountId}, ${String(hold.amountNanoUsd)}::bigint, ${hold.seconds}::integer, ${tier})
  `.execute(database);
  const row = only(rows);
  const { status, available, balance, base, version } = row;
  return {
    status,
    available: BigInt(available),
    balance: BigInt(balance),
    base: String(base),
    version: String(version),
  };
}

interface HoldRow {
  readonly status: string;
  readonly available: string;
  readonly balance: string;
  readonly base: string;
  readonly version: string;
}

export interface MirrorReply {
  readonly status: string;
  readonly base: string;
  readonly version: string;
}

export async function extendInPostgres(
  database: LedgerDatabase,
  requestId: string,
  accountId: string,
  amountNanoUsd: NanoUsd,
): Promise<MirrorReply> {
  const { rows } = await sql<MirrorReply>`
    select * from ledger_extend(${requestId}, ${accountId}, ${String(amountNanoUsd)}::bigint)`.execute(database);
  return only(rows);
}

export async function shadowInPostgres(
  database: LedgerDatabase,
  hold: {
    readonly requestId: string;
    readonly accountId: string;
    readonly amountNanoUsd: NanoUsd;
    readonly fingerprint?: string;
  },
  seconds: number,
): Promise<void> {
  const { requestId, accountId, amountNanoUsd, fingerprint } = hold;
  const amount = String(amountNanoUsd);
  await (fingerprint === undefined
    ? sql`select ledger_shadow(${requestId}, ${accountId}, ${amount}::bigint, ${seconds}::integer)`
    : sql`select ledger_shadow_once(${requestId}, ${accountId}, ${amount}::bigint, ${seconds}::integer, ${fingerprint})`
  ).execute(database);
}

export async function releaseInPostgres(
  database: LedgerDatabase,
  requestId: string,
  accountId: string,
): Promise<Omit<MirrorReply, "status">> {
  const { rows } = await sql<MirrorReply>`select * from ledger_release(${requestId}, ${accountId})`.execute(database);
  return only(rows);
}

/** One settlement as `ledger_settle_batch` takes it. */
export interface SettleItem {
  readonly request: string;
  readonly account: string;
  /** Nano-dollars, decimal. */
  readonly amount: string;
  readonly detail: object;
  readonly attempts: readonly { readonly provider: string; readonly outcome: string; readonly cost: string }[];
}

export interface SettleReply {
  readonly request_id: string;
  /** ok, replay, adjusted, or failed. */
  readonly status: string;
  readonly charged: string | null;
  readonly base: string | null;
  readonly version: string | null;
}

export async function settleInPostgres(
  database: LedgerDatabase,
  items: readonly SettleItem[],
): Promise<readonly SettleReply[]> {
  const { rows } = await sql<SettleReply>`
    select * from ledger_settle_batch(${JSON.stringify(items)}::jsonb)`.execute(database);
  return rows;
}

/** A request that nobody settled in time, at what its last checkpoint says. */
export async function settleSwept(
  database: LedgerDatabase,
  requestId: string,
  accountId: string,
  amount: string,
): Promise<Omit<MirrorReply, "status">> {
  const { rows } = await sql<MirrorReply>`
    select base, version from ledger_settle(${requestId}, ${accountId}, ${amount}::bigint, 'swept', '{"outcome":"swept"}'::jsonb)
  `.execute(database);
  return only(rows);
}

/** Open holds past their time, the oldest first; each is given to one sweeper only while its transaction lasts. */
export async function dueHolds(
  database: LedgerDatabase,
  limit: number,
): Promise<readonly { readonly request_id: string; readonly account_id: string }[]> {
  const { rows } = await sql<{ request_id: string; account_id: string }>`
    select request_id, account_id from credit_hold
    where state = 'held' and expires_at < clock_timestamp() order by expires_at limit ${limit} for update skip locked
  `.execute(database);
  return rows;
}

/**
 * Gives a request's charge back, once.
 * @returns `ok`, `replay`, `nothing` (it cost nothing) or `unknown`
 */
export async function refundInPostgres(database: LedgerDatabase, requestId: string, reason: string): Promise<string> {
  const { rows } = await sql<{ status: string }>`
    select status from ledger_refund(${requestId}, ${reason})`.execute(database);
  return only(rows).status;
}

export interface Balance {
  readonly allowance: NanoUsd;
  readonly purchased: NanoUsd;
  readonly held: NanoUsd;
  readonly heldShadow: NanoUsd;
  readonly status: string;
  readonly version: string;
}

/** Null: there is no such account. */
export async function readBalance(database: LedgerDatabase, accountId: string): Promise<Balance | null> {
  const row = await database
    .selectFrom("credit_account")
    .selectAll()
    .where("account_id", "=", accountId)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    allowance: BigInt(row.allowance),
    purchased: BigInt(row.purchased),
    held: BigInt(row.held),
    heldShadow: BigInt(row.held_shadow),
    status: row.status,
    version: String(row.version),
  };
}

/** What the mirror counts from: everything but strict holds. */
export function baseOf(balance: Balance): NanoUsd {
  return balance.allowance + balance.purchased - balance.held;
}

export interface Credit {
  /** Once ever: `grant:<id>`, `stripe:pi:<id>`. */
  readonly key: string;
  readonly accountId: string;
  readonly amountNanoUsd: NanoUsd;
  readonly bucket: "allowance" | "purchased";
  /** A transaction type: admin_credit, trial, purchase … */
  readonly kind: string;
  readonly description: string | null;
}

export async function creditInPostgres(database: LedgerDatabase, credit: Credit): Promise<MirrorReply> {
  const detail = JSON.stringify(credit.description === null ? {} : { description: credit.description });
  const { rows } = await sql<MirrorReply>`
    select * from ledger_credit(${credit.key}, ${credit.accountId}, ${String(credit.amountNanoUsd)}::bigint, ${credit.bucket},
      ${credit.kind}, ${detail}::jsonb)`.execute(database);
  return only(rows);
}

/** What was credited under a key: positive, null where nothing was. */
export async function readCreditAmount(database: LedgerDatabase, key: string): Promise<NanoUsd | null> {
  const { rows } = await sql<{ amount: string }>`
    select (-amount)::text as amount from credit_transaction where key = ${key}`.execute(database);
  return rows[0] === undefined ? null : BigInt(rows[0].amount);
}

export interface LedgerTransaction {
  readonly sequence: string;
  readonly key: string;
  readonly kind: string;
  /** Positive: charged. Negative: given. */
  readonly amountNanoUsd: NanoUsd;
  readonly requestId: string | null;
  readonly detail: unknown;
  readonly createdAt: string;
}

/** An account's transactions, newest first. `before`: only those older than this sequence number. */
export async function listTransactions(
  database: LedgerDatabase,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly LedgerTransaction[]> {
  let query = database
    .selectFrom("credit_transaction")
    .select(["sequence", "key", "kind", "amount", "request_id", "detail", "created_at"])
    .where("account_id", "=", accountId);
  if (page.before !== null) query = query.where("sequence", "<", page.before);
  const rows = await query.orderBy("sequence", "desc").limit(page.limit).execute();
  return rows.map((row) => ({
    sequence: String(row.sequence),
    key: row.key,
    kind: row.kind,
    amountNanoUsd: BigInt(row.amount),
    requestId: row.request_id,
    detail: typeof row.detail === "string" ? JSON.parse(row.detail) : row.detail,
    createdAt: new Date(row.created_at).toISOString(),
  }));
}

export interface BrokenInvariant {
  readonly invariant: string;
  readonly subject: string;
  readonly detail: string;
}

/** The rows that break an invariant of the ledger; empty is the only good answer. */
export async function checkLedger(database: LedgerDatabase): Promise<readonly BrokenInvariant[]> {
  const { rows } = await sql<BrokenInvariant>`select * from ledger_check()`.execute(database);
  return rows;
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error("A ledger function returned no row.");
  return row;
}
