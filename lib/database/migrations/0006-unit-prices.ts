import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Prices by the image, the minute, the character and the search, and of image and audio tokens. Nano-dollars. */
export const unitPricesMigration: Migration = {
  async up(database: Kysely<unknown>) {
    await sql`
      alter table model_price
        add column image bigint check (image >= 0),
        add column audio_minute bigint check (audio_minute >= 0),
        add column million_characters bigint check (million_characters >= 0),
        add column search bigint check (search >= 0),
        add column image_input bigint check (image_input >= 0),
        add column image_output bigint check (image_output >= 0),
        add column audio_input bigint check (audio_input >= 0),
        add column audio_output bigint check (audio_output >= 0)`.execute(database);
  },
};
