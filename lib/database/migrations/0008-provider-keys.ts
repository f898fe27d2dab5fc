import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Accounts' own keys for providers, one a provider, sealed under the operator's encryption key. */
export const providerKeysMigration: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      create table provider_key (
        id text primary key,
        account_id text not null references account(id),
        provider text not null,
        mode text not null check (mode in ('first', 'only')),
        sealed_secret text not null,
        last4 text not null,
        created_at timestamptz not null default clock_timestamp(),
        unique (account_id, provider)
      )`.execute(database);
  },
};
