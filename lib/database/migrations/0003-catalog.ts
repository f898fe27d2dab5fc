import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Models, who offers them, and at which versioned price. */
export const catalogMigration: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      create table model (
        id text primary key,
        name text not null,
        release_date text,
        context_length integer not null check (context_length > 0),
        max_output_tokens integer check (max_output_tokens > 0),
        modality text not null,
        capabilities jsonb not null default '[]',
        open_weights boolean not null default false
      )`.execute(database);
    await sql`
      create table model_price (
        version text primary key,
        input bigint not null check (input >= 0),
        output bigint not null check (output >= 0),
        cached_input bigint check (cached_input >= 0),
        cache_write bigint check (cache_write >= 0)
      )`.execute(database);
    await sql`
      create function model_price_is_permanent() returns trigger language plpgsql as $$
      begin
        raise exception 'a price is never changed: write a new version' using errcode = 'restrict_violation';
      end $$`.execute(database);
    await sql`
      create trigger model_price_is_permanent before update or delete on model_price
      for each row execute function model_price_is_permanent()`.execute(database);
    await sql`
      create table model_offer (
        model_id text not null references model(id),
        provider text not null,
        native_model text not null,
        context_length integer,
        price_version text references model_price(version),
        primary key (model_id, provider, native_model)
      )`.execute(database);
  },
};
