import { type Kysely, sql } from "kysely";
import type { Database } from "../database/tables.ts";
import { type ModelJson, modelJson, seedPriceVersion } from "./model-json.ts";
import { seedModels } from "./seed-models.ts";

/** A model with its offers as `ModelJson`, in one row. */
const modelRow = sql<unknown>`
  jsonb_build_object(
    'id', m.id, 'name', m.name, 'releaseDate', m.release_date, 'contextLength', m.context_length,
    'maxOutputTokens', m.max_output_tokens, 'modality', m.modality, 'capabilities', m.capabilities,
    'openWeights', m.open_weights,
    'offers', coalesce((
      select jsonb_agg(jsonb_build_object(
        'provider', o.provider, 'nativeModel', o.native_model, 'contextLength', o.context_length,
        'priceVersion', o.price_version, 'input', p.input::text, 'output', p.output::text,
        'cachedInput', p.cached_input::text, 'cacheWrite', p.cache_write::text, 'units', case
          when num_nonnulls(p.image, p.audio_minute, p.million_characters, p.search, p.image_input, p.image_output,
            p.audio_input, p.audio_output) = 0 then null
          else jsonb_build_object(
            'image', p.image::text, 'audioMinute', p.audio_minute::text,
            'millionCharacters', p.million_characters::text, 'search', p.search::text,
            'imageInput', p.image_input::text, 'imageOutput', p.image_output::text,
            'audioInput', p.audio_input::text, 'audioOutput', p.audio_output::text) end) order by o.provider, o.native_model)
      from model_offer o left join model_price p on p.version = o.price_version
      where o.model_id = m.id), '[]'::jsonb))`;

/** One model, or null when the catalog has none of that id. */
export async function readModel(database: Kysely<Database>, id: string): Promise<ModelJson | null> {
  const { rows } = await sql<{ model: unknown }>`select ${modelRow} as model from model m where m.id = ${id}`.execute(
    database,
  );
  const [row] = rows;
  return row === undefined ? null : modelJson.parse(asObject(row.model));
}

/** Every model, by id. */
export async function readModels(database: Kysely<Database>): Promise<readonly ModelJson[]> {
  const { rows } = await sql<{ model: unknown }>`select ${modelRow} as model from model m order by m.id`.execute(
    database,
  );
  return rows.map((row) => modelJson.parse(asObject(row.model)));
}

/** jsonb comes parsed from some drivers and as text from others. */
function asObject(value: unknown): unknown {
  return typeof value === "string" ? JSON.parse(value) : value;
}

/**
 * Brings the seed's models, offers and prices into the database. Adds what is missing and changes nothing that is
 * there but for an offer without any price, so that it can run at every start and never undoes an operator's price.
 */
export async function loadSeedCatalog(database: Kysely<Database>): Promise<void> {
  const models = seedModels();
  const offers = models.flatMap((model) =>
    model.offers.map((offer) => {
      const priced = offer.input !== null && offer.output !== null;
      return { ...offer, modelId: model.id, priceVersion: priced ? seedPriceVersion(model.id, offer) : null };
    }),
  );
  await sql`
    insert into model (id, name, release_date, context_length, max_output_tokens, modality, capabilities, open_weights)
    select m.id, m.name, m."releaseDate", m."contextLength", m."maxOutputTokens", m.modality, m.capabilities, m."openWeights"
    from jsonb_to_recordset(${JSON.stringify(models)}::jsonb) as m(
      id text, name text, "releaseDate" text, "contextLength" integer, "maxOutputTokens" integer, modality text,
      capabilities jsonb, "openWeights" boolean)
    on conflict (id) do nothing`.execute(database);
  await sql`
    insert into model_price (version, input, output, cached_input, cache_write, image, audio_minute, million_characters,
      search, image_input, image_output, audio_input, audio_output)
    select o."priceVersion", o.input, o.output, o."cachedInput", o."cacheWrite", u.image, u."audioMinute",
      u."millionCharacters", u.search, u."imageInput", u."imageOutput", u."audioInput", u."audioOutput"
    from jsonb_to_recordset(${JSON.stringify(offers)}::jsonb) as o(
      "priceVersion" text, input bigint, output bigint, "cachedInput" bigint, "cacheWrite" bigint, units jsonb)
    cross join lateral jsonb_to_record(coalesce(nullif(o.units, 'null'::jsonb), '{}'::jsonb)) as u(
      image bigint, "audioMinute" bigint, "millionCharacters" bigint, search bigint, "imageInput" bigint,
      "imageOutput" bigint, "audioInput" bigint, "audioOutput" bigint)
    where o."priceVersion" is not null
    on conflict (version) do nothing`.execute(database);
  await sql`
    insert into model_offer (model_id, provider, native_model, context_length, price_version)
    select o."modelId", o.provider, o."nativeModel", o."contextLength", o."priceVersion"
    from jsonb_to_recordset(${JSON.stringify(offers)}::jsonb) as o(
      "modelId" text, provider text, "nativeModel" text, "contextLength" integer, "priceVersion" text)
    on conflict (model_id, provider, native_model) do update set price_version = excluded.price_version
    where model_offer.price_version is null and excluded.price_version is not null`.execute(database);
}
