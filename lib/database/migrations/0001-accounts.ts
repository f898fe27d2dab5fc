import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Accounts and their API keys. */
export const accountsMigration: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      create table account (
        id text primary key,
        name text,
        email text,
        created_at timestamptz not null default now()
      )`.execute(database);
    await sql`
      create table api_key (
        id text primary key,
        account_id text not null references account(id),
        name text not null,
        key_hash text not null unique check (key_hash ~ '^[0-9a-f]{64}$'),
        last4 text not null,
        environment text not null,
        requests_per_minute integer not null check (requests_per_minute > 0),
        expires_at timestamptz,
        revoked_at timestamptz,
        created_at timestamptz not null default now()
      )`.execute(database);
    await sql`create index api_key_by_account on api_key (account_id, created_at)`.execute(database);
  },
};
