import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Checks the ledger's entries a statement at a time instead of a row at a time: that each transaction balances, and that
 * each entry belongs to a transaction of its account, which foreign keys checked before. A settlement of many requests
 * spent most of its time in those checks, holding the account's row (docs/decisions/0008).
 */
export const ledgerEntriesMigration: Migration = {
  async up(database: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(database);
  },
};

const STATEMENTS = [
  "drop trigger credit_entry_balances on credit_entry",
  `alter table credit_entry drop constraint credit_entry_transaction_key_fkey,
    drop constraint credit_entry_account_id_fkey`,
  // Entries are read by transaction, and all of them by the nightly check; nothing reads them by account.
  "drop index credit_entry_by_account",
  `create or replace function credit_check_balanced() returns trigger language plpgsql as $$
  begin
    if exists (select 1 from added group by transaction_key having sum(amount) <> 0) then
      raise exception 'a transaction does not balance' using errcode = 'check_violation';
    end if;
    -- With a limit the planner looks each one up by its key, however small it believes the table to be.
    if exists (
      select 1 from added a left join lateral (
        select x.account_id from credit_transaction x where x.key = a.transaction_key limit 1) t on true
      where t.account_id is null or a.account_id <> t.account_id
    ) then
      raise exception 'an entry without its transaction' using errcode = 'foreign_key_violation';
    end if;
    return null;
  end $$`,
  `create trigger credit_entry_balances after insert on credit_entry
    referencing new table as added for each statement execute function credit_check_balanced()`,
  `create or replace function credit_settle_new(p_account text, p_items jsonb) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare a credit_account; used_allowance bigint; used_purchased bigint; settled bigint; strict_sum bigint; strict_count bigint; shadow_sum bigint;
  begin
    select * into a from credit_account c where c.account_id = p_account for update;
    if not found then raise exception 'no such account' using errcode = 'no_data_found'; end if;
    if exists (select 1 from jsonb_array_elements(p_items) x(value) where (x.value ->> 'amount')::bigint < 0) then
      raise exception 'negative amount' using errcode = 'check_violation';
    end if;
    with item as materialized (
      select x.request, x.amount, x.detail, x.attempts,
        least(x.amount, greatest(0, a.allowance
          - coalesce(sum(x.amount) over (order by x.position rows between unbounded preceding and 1 preceding), 0)))::bigint as from_allowance
      from rows from (jsonb_to_recordset(p_items) as (request text, amount bigint, detail jsonb, attempts jsonb))
        with ordinality as x(request, amount, detail, attempts, position)
    ), posted as (
      insert into credit_transaction (key, account_id, kind, source, amount, from_allowance, from_purchased, request_id, detail)
      select 'settle:' || request, p_account, 'settle', 'final', amount, from_allowance, amount - from_allowance, request,
        coalesce(detail, '{}') from item
      returning key, amount, from_allowance, from_purchased
    ), legs as (
      insert into credit_entry (transaction_key, account_id, bucket, amount)
      select key, p_account, 'allowance', -from_allowance from posted where from_allowance <> 0
      union all select key, p_account, 'purchased', -from_purchased from posted where from_purchased <> 0
      union all select key, null, 'sys:revenue', amount from posted where amount <> 0
    ), tried as (
      insert into provider_attempt (request_id, position, provider, outcome, cost)
      select i.request, t.position, t.provider, t.outcome, t.cost
      from item i cross join lateral
        rows from (jsonb_to_recordset(coalesce(i.attempts, '[]')) as (provider text, outcome text, cost bigint))
          with ordinality as t(provider, outcome, cost, position)
      on conflict do nothing
    ), closed as (
      update credit_hold h set state = 'closed'
      where h.request_id = any (array(select request from item)) and h.account_id = p_account and h.state = 'held'
      returning h.tier, h.amount
    )
    select (select coalesce(sum(from_allowance), 0) from posted), (select coalesce(sum(from_purchased), 0) from posted),
      (select count(*) from posted),
      (select coalesce(sum(amount) filter (where tier = 'strict'), 0) from closed),
      (select count(*) filter (where tier = 'strict') from closed),
      (select coalesce(sum(amount) filter (where tier = 'shadow'), 0) from closed)
    into used_allowance, used_purchased, settled, strict_sum, strict_count, shadow_sum;
    update credit_account c set allowance = c.allowance - used_allowance, purchased = c.purchased - used_purchased,
      held = c.held - strict_sum, held_shadow = c.held_shadow - shadow_sum, version = c.version + settled + strict_count
      where c.account_id = p_account;
  end $$`,
  `create or replace function ledger_check() returns table (invariant text, subject text, detail text)
  language sql stable security definer set search_path = public, pg_temp as $$
    select 'I1', c.account_id, format('balance %s/%s, entries %s/%s', c.allowance, c.purchased, e.allowance, e.purchased)
      from credit_account c
      left join (
        select x.account_id, sum(x.amount) filter (where x.bucket = 'allowance') as allowance,
               sum(x.amount) filter (where x.bucket = 'purchased') as purchased
        from credit_entry x where x.account_id is not null group by x.account_id) e on e.account_id = c.account_id
      where c.allowance <> coalesce(e.allowance, 0) or c.purchased <> coalesce(e.purchased, 0)
    union all
    select 'I2', c.account_id, format('held %s/%s, holds %s/%s', c.held, c.held_shadow, h.strict, h.shadow)
      from credit_account c
      left join lateral (
        select coalesce(sum(x.amount) filter (where x.tier = 'strict'), 0) as strict,
               coalesce(sum(x.amount) filter (where x.tier = 'shadow'), 0) as shadow
        from credit_hold x where x.account_id = c.account_id and x.state = 'held') h on true
      where c.held <> h.strict or c.held_shadow <> h.shadow
    union all
    select 'I3', t.request_id, 'refund or adjustment beyond the charge'
      from credit_transaction t where t.request_id is not null
      group by t.request_id having sum(t.amount) < 0
    union all
    select 'I9', t.key, 'a charge split against its sign'
      from credit_transaction t where t.kind = 'settle' and (t.from_allowance < 0 or t.from_purchased < 0)
    union all
    select 'I10', e.transaction_key, 'does not balance' from credit_entry e group by e.transaction_key having sum(e.amount) <> 0
    union all
    select 'I10', coalesce(t.key, e.transaction_key), 'a transaction and its entries do not agree'
      from credit_transaction t
      full join (
        select x.transaction_key, max(x.account_id) as account_id, sum(x.amount) filter (where x.account_id is not null) as amount
        from credit_entry x group by x.transaction_key) e on e.transaction_key = t.key
      where t.key is null or coalesce(e.amount, 0) <> -t.amount or e.account_id <> t.account_id
    union all
    select 'I11', h.request_id, 'open past its time' from credit_hold h
      where h.state = 'held' and h.expires_at < clock_timestamp() - interval '3 minutes'
  $$`,
];
