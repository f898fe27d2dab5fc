import { type Kysely, sql } from "kysely";
import type { Database } from "../../lib/database/tables.ts";

export interface AddedModel {
  readonly id: string;
  /** Provider -> the model's id there. */
  readonly offers: Readonly<Record<string, string>>;
}

/**
 * A model of open weights with offers at $3 and $15 a million tokens, a cached one at a tenth, as an operator would add
 * it. Added once where tests share a database.
 */
export async function addModel(database: Kysely<Database>, { id, offers }: AddedModel): Promise<void> {
  await sql`
    insert into model (id, name, context_length, max_output_tokens, modality, capabilities, open_weights)
    values (${id}, ${id}, 200000, 64000, 'text+image->text', '["tools", "vision", "json", "reasoning"]', true)
    on conflict do nothing`.execute(database);
  for (const [provider, nativeModel] of Object.entries(offers)) {
    const version = `test:${provider}:${nativeModel}:${id}`;
    await sql`
      insert into model_price (version, input, output, cached_input, cache_write)
      values (${version}, 3000000000, 15000000000, 300000000, 3750000000)
      on conflict do nothing`.execute(database);
    await sql`
      insert into model_offer (model_id, provider, native_model, price_version)
      values (${id}, ${provider}, ${nativeModel}, ${version})
      on conflict do nothing`.execute(database);
  }
}
