import { type Kysely, sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { loadSeedCatalog, readModel, readModels } from "../../lib/catalog/catalog-store.ts";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import type { Database } from "../../lib/database/tables.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openTestStores } from "../support/test-stores.ts";

let database: Kysely<Database>;
beforeAll(async () => {
  ({ database } = await openTestStores("embedded", createFakeClock()));
});

/** Everything in the catalog's tables, for a comparison. */
async function content(): Promise<unknown> {
  const { rows } = await sql`
    select (select jsonb_agg(m order by m.id) from model m) as models,
      (select jsonb_agg(o order by o.model_id, o.provider, o.native_model) from model_offer o) as offers,
      (select jsonb_agg(p order by p.version) from model_price p) as prices`.execute(database);
  return rows[0];
}

describe("the catalog in Postgres", () => {
  test("what was loaded is read as the seed has it: every field and every price to the last digit", async () => {
    const stored = new Map((await readModels(database)).map((model) => [model.id, model]));
    for (const seed of seedModels()) {
      const order = (key: { provider: string; nativeModel: string }) => `${key.provider} ${key.nativeModel}`;
      const sorted = (model: ReturnType<typeof modelOfJson>) => ({
        ...model,
        offers: model.offers.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)),
      });
      const read = stored.get(seed.id);
      expect(read).toBeDefined();
      if (read !== undefined) expect(sorted(modelOfJson(read))).toEqual(sorted(modelOfJson(seed)));
    }
  });

  test("loading again changes nothing", async () => {
    const before = await content();
    await loadSeedCatalog(database);
    expect(await content()).toEqual(before);
  });

  test("loading again leaves an operator's price in force", async () => {
    const model = "test-store/operators-own";
    await sql`insert into model (id, name, context_length, modality) values (${model}, 'Own', 1000, 'text->text')`.execute(
      database,
    );
    await sql`insert into model_price (version, input, output) values ('test-store-1', 5, 7)`.execute(database);
    const [seeded] = seedModels();
    const native = seeded?.offers[0];
    if (seeded === undefined || native === undefined) throw new Error("an empty seed");
    const where = sql`where model_id = ${seeded.id} and provider = ${native.provider} and native_model = ${native.nativeModel}`;
    const { rows } = await sql<{ price_version: string }>`select price_version from model_offer ${where}`.execute(
      database,
    );
    try {
      await sql`update model_offer set price_version = 'test-store-1' ${where}`.execute(database);
      await loadSeedCatalog(database);
      const offers = (await readModel(database, seeded.id))?.offers;
      expect(offers?.find(({ provider }) => provider === native.provider)).toMatchObject({
        priceVersion: "test-store-1",
        input: "5",
        output: "7",
      });
    } finally {
      await sql`update model_offer set price_version = ${rows[0]?.price_version} ${where}`.execute(database);
      await sql`delete from model where id = ${model}`.execute(database);
    }
  });

  test("a price is never changed and never deleted", async () => {
    const version = sql`(select min(version) from model_price)`;
    await expect(sql`update model_price set input = 0 where version = ${version}`.execute(database)).rejects.toThrow(
      /never changed/,
    );
    await expect(sql`delete from model_price where version = ${version}`.execute(database)).rejects.toThrow(
      /never changed/,
    );
  });

  test("a model without offers is read with none, and an unknown one is null", async () => {
    const id = "test-store/no-offers";
    await sql`insert into model (id, name, context_length, modality) values (${id}, 'None', 1000, 'text->text')`.execute(
      database,
    );
    try {
      expect(await readModel(database, id)).toMatchObject({ id, offers: [], capabilities: [], openWeights: false });
      expect(await readModel(database, "test-store/nothing")).toBeNull();
    } finally {
      await sql`delete from model where id = ${id}`.execute(database);
    }
  });

  test.each([
    [sql`insert into model_price (version, input, output) values ('test-store-negative', -1, 0)`],
    [sql`insert into model (id, name, context_length, modality) values ('test-store/zero', 'Z', 0, 'text->text')`],
  ])("a negative price and an empty context are refused", async (statement) => {
    await expect(statement.execute(database)).rejects.toThrow();
  });
});
