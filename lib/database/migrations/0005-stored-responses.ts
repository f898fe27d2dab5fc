import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Responses that clients may read again, go on from, or delete. */
export const storedResponsesMigration: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      create table stored_response (
        account_id text not null references account(id),
        id text not null check (length(id) between 1 and 256),
        -- Ids of its input and output items, by which later requests refer to them.
        item_ids text[] not null default '{}',
        -- JSON {input, response}, or the same sealed under the operator's key.
        content text not null,
        created_at timestamptz not null,
        primary key (account_id, id)
      )`.execute(database);
    await sql`create index stored_response_by_item on stored_response using gin (item_ids)`.execute(database);
    await sql`create index stored_response_by_age on stored_response (created_at)`.execute(database);
  },
};
