import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Requests under an `Idempotency-Key`: a hold that begins a run at most once (docs/decisions/0013), and replies kept for a
 * repetition. A key's runs are `<id>`, `<id>-2`, `<id>-3` …: a further one begins only when the one before it failed and
 * cost nothing.
 */
export const idempotencyMigration: Migration = {
  async up(database: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(database);
  },
};

const STATEMENTS = [
  // What was asked (a hash under the operator's salt), and which try at holding wrote the row.
  "alter table credit_hold add column fingerprint text, add column token text",
  // p_ids: the key's ids, that of the window before first. Replies ok (held now, or by this very token before), running,
  // completed with what it was charged, mismatch, or what ledger_hold refuses with.
  `create function ledger_hold_once(
    p_ids text[], p_account text, p_amount bigint, p_seconds integer, p_tier text, p_fingerprint text, p_token text
  )
  returns table (status text, request_id text, charged bigint, available bigint, balance bigint, base bigint, version bigint)
  language plpgsql security definer set search_path = public, pg_temp as $$
  declare
    t credit_transaction; h credit_hold; candidate text; name text; run integer; spent bigint; r record;
    ended boolean; known boolean; newest text := p_ids[array_upper(p_ids, 1)];
  begin
    perform 1 from credit_account c where c.account_id = p_account for update;
    foreach candidate in array p_ids loop
      run := 0;
      loop
        run := run + 1;
        name := case when run = 1 then candidate else candidate || '-' || run end;
        select * into h from credit_hold c where c.request_id = name;
        known := found;
        select * into t from credit_transaction x where x.key = 'settle:' || name;
        ended := found;
        if (known or ended) and coalesce(h.fingerprint, t.detail ->> 'fingerprint') <> p_fingerprint then
          return query select 'mismatch', name, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint; return;
        end if;
        if ended then
          select coalesce(sum(x.amount), 0) into spent from credit_transaction x where x.request_id = name;
          continue when spent = 0 and t.detail ->> 'outcome' in ('provider-failed', 'swept');
          return query select 'completed', name, spent, 0::bigint, 0::bigint, 0::bigint, 0::bigint; return;
        end if;
        if known and h.state = 'held' and h.token is distinct from p_token then
          return query select 'running', name, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint; return;
        end if;
        -- A hold that was given back: that run was refused before any provider was called.
        continue when known and h.state = 'closed';
        exit when run = 1 and not known and candidate <> newest;
        select * into r from ledger_hold(name, p_account, p_amount, p_seconds, p_tier);
        if r.status = 'ok' then
          update credit_hold c set fingerprint = p_fingerprint, token = p_token where c.request_id = name;
        end if;
        return query select case r.status when 'replay:held' then 'ok' else r.status end, name, 0::bigint, r.available,
          r.balance, r.base, r.version;
        return;
      end loop;
    end loop;
  end $$`,
  // Records a hold that Redis has granted, with what it is for.
  `create function ledger_shadow_once(
    p_request text, p_account text, p_amount bigint, p_seconds integer, p_fingerprint text
  ) returns void language plpgsql security definer set search_path = public, pg_temp as $$
  begin
    perform ledger_shadow(p_request, p_account, p_amount, p_seconds);
    update credit_hold c set fingerprint = p_fingerprint where c.request_id = p_request and c.fingerprint is null;
  end $$`,
  `create table idempotent_reply (
    request_id text primary key,
    account_id text not null references account(id),
    -- Under one of the operator's encryption keys.
    sealed_body text not null,
    expires_at timestamptz not null
  )`,
  "create index idempotent_reply_due on idempotent_reply (expires_at)",
];
