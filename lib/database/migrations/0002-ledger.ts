import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { LEDGER_FUNCTIONS } from "./0002-ledger-functions.ts";

/**
 * The credit ledger: append-only transactions in double entry, one balance row an account, and the functions that are
 * the only way to write them. Every function locks the account's row first: one lock order, no deadlock, and each
 * statement after the lock sees what was committed before it. Amounts are nano-dollars.
 */
export const ledgerMigration: Migration = {
  async up(database: Kysely<unknown>) {
    for (const statement of [...TABLES, ...GUARDS, ...LEDGER_FUNCTIONS]) await sql.raw(statement).execute(database);
  },
};

const TABLES = [
  `create table credit_account (
    account_id text primary key references account(id),
    allowance bigint not null default 0 check (allowance >= 0),
    purchased bigint not null default 0,
    held bigint not null default 0 check (held >= 0),
    held_shadow bigint not null default 0 check (held_shadow >= 0),
    version bigint not null default 0,
    status text not null default 'active' check (status in ('active', 'frozen'))
  )`,
  `create table credit_transaction (
    sequence bigint generated always as identity,
    key text primary key,
    account_id text not null references credit_account(account_id),
    kind text not null,
    source text not null,
    -- What the account was charged; negative for what it was given.
    amount bigint not null,
    from_allowance bigint not null,
    from_purchased bigint not null,
    request_id text,
    detail jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    check (amount = from_allowance + from_purchased)
  )`,
  "create index credit_transaction_by_account on credit_transaction (account_id, sequence desc)",
  "create index credit_transaction_by_request on credit_transaction (request_id) where request_id is not null",
  `create table credit_entry (
    id bigint generated always as identity primary key,
    transaction_key text not null references credit_transaction(key),
    -- Null for our own side of the transaction.
    account_id text references credit_account(account_id),
    bucket text not null check (bucket in ('allowance', 'purchased', 'sys:revenue', 'sys:cash', 'sys:promo')),
    amount bigint not null check (amount <> 0),
    unique (transaction_key, bucket)
  )`,
  "create index credit_entry_by_account on credit_entry (account_id, bucket)",
  `create table credit_hold (
    request_id text primary key,
    account_id text not null references credit_account(account_id),
    amount bigint not null check (amount >= 0),
    tier text not null check (tier in ('strict', 'shadow')),
    state text not null default 'held' check (state in ('held', 'closed')),
    expires_at timestamptz not null
  )`,
  "create index credit_hold_due on credit_hold (expires_at) where state = 'held'",
  "create index credit_hold_open on credit_hold (account_id) where state = 'held'",
  `create table provider_attempt (
    request_id text not null,
    position integer not null,
    provider text not null,
    outcome text not null,
    cost bigint not null,
    primary key (request_id, position)
  )`,
];

const GUARDS = [
  `create function credit_refuse_change() returns trigger language plpgsql as $$
  begin
    raise exception 'the ledger is append-only' using errcode = 'restrict_violation';
  end $$`,
  `create trigger credit_transaction_is_final before update or delete on credit_transaction
    for each row execute function credit_refuse_change()`,
  `create trigger credit_entry_is_final before update or delete on credit_entry
    for each row execute function credit_refuse_change()`,
  `create trigger credit_transaction_stays before truncate on credit_transaction
    for each statement execute function credit_refuse_change()`,
  `create trigger credit_entry_stays before truncate on credit_entry
    for each statement execute function credit_refuse_change()`,
  `create function credit_check_balanced() returns trigger language plpgsql as $$
  begin
    if (select sum(amount) from credit_entry where transaction_key = new.transaction_key) <> 0 then
      raise exception 'transaction % does not balance', new.transaction_key using errcode = 'check_violation';
    end if;
    return null;
  end $$`,
  `create constraint trigger credit_entry_balances after insert on credit_entry
    deferrable initially deferred for each row
    -- Every transaction that moves something has exactly one leg of ours: one check a transaction is enough.
    when (new.account_id is null) execute function credit_check_balanced()`,
];
