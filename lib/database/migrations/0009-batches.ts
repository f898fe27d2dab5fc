import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Files, batches of requests and their lines, and events that wait for somebody to be told. */
export const batchesMigration: Migration = {
  async up(database: Kysely<unknown>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(database);
  },
};

const STATEMENTS = [
  `create table stored_file (
    id text primary key,
    account_id text not null references account(id),
    purpose text not null check (purpose in ('batch', 'batch_output')),
    filename text not null,
    bytes bigint not null check (bytes >= 0),
    -- False while its pieces arrive: it is no file yet.
    complete boolean not null default false,
    created_at timestamptz not null default clock_timestamp()
  )`,
  "create index stored_file_by_account on stored_file (account_id, created_at desc, id desc)",
  "create index stored_file_incomplete on stored_file (created_at) where not complete",
  `create table stored_file_piece (
    file_id text not null references stored_file(id) on delete cascade,
    position integer not null,
    content text not null,
    primary key (file_id, position)
  )`,
  `create table batch (
    id text primary key,
    account_id text not null references account(id),
    key_id text not null,
    endpoint text not null,
    input_file_id text not null,
    metadata jsonb,
    status text not null default 'validating' check (status in
      ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
    -- What it will be once its files are written.
    outcome text not null default 'completed' check (outcome in ('completed', 'expired', 'cancelled')),
    errors jsonb,
    output_file_id text,
    error_file_id text,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null default clock_timestamp() + interval '24 hours',
    in_progress_at timestamptz, finalizing_at timestamptz, completed_at timestamptz, failed_at timestamptz,
    expired_at timestamptz, cancelling_at timestamptz, cancelled_at timestamptz
  )`,
  "create index batch_by_account on batch (account_id, created_at desc, id desc)",
  `create index batch_active on batch (created_at) where status in ('validating', 'in_progress', 'finalizing', 'cancelling')`,
  `create table batch_line (
    batch_id text not null references batch(id) on delete cascade,
    position integer not null,
    custom_id text not null,
    request text not null,
    state text not null default 'waiting' check (state in ('waiting', 'running', 'answered', 'failed')),
    -- How often it was begun anew under a name of its own, because an answer was lost.
    generation integer not null default 0,
    tries integer not null default 0,
    not_before timestamptz not null default clock_timestamp(),
    lease text,
    lease_until timestamptz,
    result text,
    -- Why it was never asked; null where a result says what came of it.
    failure jsonb,
    primary key (batch_id, position),
    unique (batch_id, custom_id)
  )`,
  "create index batch_line_open on batch_line (batch_id, position) where state in ('waiting', 'running')",
  // Gives lines to a worker for a while, no more than p_max of a batch at a time, whoever asks. Lines of a worker that
  // died are given out again.
  `create function batch_claim(p_batch text, p_lease text, p_take integer, p_max integer, p_seconds integer)
  returns setof batch_line language plpgsql security definer set search_path = public, pg_temp as $$
  declare busy integer;
  begin
    perform 1 from batch b where b.id = p_batch and b.status = 'in_progress' and b.expires_at > clock_timestamp() for update;
    if not found then return; end if;
    select count(*) into busy from batch_line l
      where l.batch_id = p_batch and l.state = 'running' and l.lease_until > clock_timestamp();
    return query update batch_line l
      set state = 'running', lease = p_lease, lease_until = clock_timestamp() + make_interval(secs => p_seconds), tries = l.tries + 1
      where l.batch_id = p_batch and l.position in (
        select o.position from batch_line o where o.batch_id = p_batch
          and (o.state = 'waiting' and o.not_before <= clock_timestamp() or o.state = 'running' and o.lease_until <= clock_timestamp())
        order by o.position limit greatest(0, least(p_take, p_max - busy)))
      returning l.*;
  end $$`,
  `create table event_outbox (
    -- What happened, once: batch.completed:<batch>.
    key text primary key,
    account_id text not null references account(id),
    type text not null,
    data jsonb not null,
    created_at timestamptz not null default clock_timestamp()
  )`,
];
