import { type Kysely, sql } from "kysely";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Catalog } from "../../lib/catalog/catalog.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import type { Database } from "../../lib/database/tables.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { openTestStores } from "../support/test-stores.ts";

const ID = "openai/gpt-4o";
const OWN = "test-catalog/own";

/** The catalog on real stores that can be taken away, with every question to them counted. */
interface Bench {
  readonly catalog: Catalog;
  readonly clock: FakeClock;
  readonly database: Kysely<Database>;
  readonly ports: Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;
  readonly asked: { redis: number; sql: number };
  readonly down: { redis: boolean; sql: boolean };
  settle(): Promise<void>;
}

async function openBench(): Promise<Bench> {
  const clock = createFakeClock();
  const stores = await openTestStores("embedded", clock);
  const asked = { redis: 0, sql: 0 };
  const down = { redis: false, sql: false };
  const tasks: Promise<unknown>[] = [];
  const database = stores.database.withPlugin({
    transformQuery: ({ node }) => {
      asked.sql += 1;
      if (down.sql) throw new Error("the database is away");
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const redis = new Proxy(stores.redis, {
    get(target, name) {
      if (name !== "get" && name !== "set") return Reflect.get(target, name);
      return (...args: unknown[]) => {
        asked.redis += 1;
        if (down.redis) return Promise.reject(new Error("redis is away"));
        return Reflect.apply(Reflect.get(target, name), target, args);
      };
    },
  });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const background = (task: Promise<unknown>) => {
    tasks.push(task);
  };
  const settle = async () => {
    while (tasks.length > 0) await Promise.all(tasks.splice(0));
  };
  const catalog = new Catalog(seedModels(), []);
  return {
    catalog,
    clock,
    database: stores.database,
    ports: { clock, redis, database, background, log },
    asked,
    down,
    settle,
  };
}

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await sql`delete from model where id = ${OWN}`.execute(bench.database);
});

/** A second isolate on the same stores. */
const another = () => new Catalog(seedModels(), []);

async function renameOwn(name: string): Promise<void> {
  await sql`
    insert into model (id, name, context_length, modality) values (${OWN}, ${name}, 1000, 'text->text')
    on conflict (id) do update set name = excluded.name`.execute(bench.database);
}

describe("the isolate's catalog", () => {
  test("cold: Redis, then Postgres; the next isolate finds it in Redis", async () => {
    const { catalog, ports, asked, settle } = bench;
    expect(catalog.fromMemory(ports, ID)).toBeUndefined();
    expect((await catalog.load(ports, ID))?.id).toBe(ID);
    await settle();
    expect(asked).toEqual({ redis: 2, sql: 1 });
    expect((await another().load(ports, ID))?.id).toBe(ID);
    expect(asked).toEqual({ redis: 3, sql: 1 });
  });

  test("CM-8.2.2 warm: no store is asked for 300 s; then the old answer is given and refreshed behind it", async () => {
    const { catalog, ports, asked, clock, settle } = bench;
    await renameOwn("Before");
    await catalog.load(ports, OWN);
    await settle();
    const before = { ...asked };
    await clock.advance(300_000);
    expect(catalog.fromMemory(ports, OWN)?.name).toBe("Before");
    expect(asked).toEqual(before);
    await renameOwn("After");
    await ports.redis.del(Catalog.key(OWN));
    await clock.advance(1);
    expect(catalog.fromMemory(ports, OWN)?.name).toBe("Before");
    await settle();
    expect(catalog.fromMemory(ports, OWN)?.name).toBe("After");
  });

  test("CM-8.2.3 Redis keeps a model for 900 s", async () => {
    const { catalog, ports, settle } = bench;
    await catalog.load(ports, ID);
    await settle();
    expect(await ports.redis.ttl(Catalog.key(ID))).toBe(900);
  });

  test("C6 fifty callers at once are one reading", async () => {
    const { catalog, ports, asked } = bench;
    const models = await Promise.all(Array.from({ length: 50 }, () => catalog.load(ports, ID)));
    expect(new Set(models).size).toBe(1);
    expect(asked.sql).toBe(1);
  });

  test("what a cold request's first pipeline brought along is taken in, without a further question", async () => {
    const { catalog, ports, asked, settle } = bench;
    await catalog.load(ports, ID);
    await settle();
    const text = await ports.redis.get(Catalog.key(ID));
    const before = { ...asked };
    const cold = another();
    expect(cold.absorb(ports, ID, text)).toBe(true);
    expect(cold.fromMemory(ports, ID)?.offers.length).toBeGreaterThan(2);
    expect(asked).toEqual(before);
  });

  test.each([[null], [""], ["{}"], ["not json"], ['{"id":"openai/gpt-4o"}'], [7], [{}]])(
    "F7 %j under a model's key is a miss",
    async (garbage) => {
      const { catalog, ports, asked } = bench;
      expect(catalog.absorb(ports, ID, garbage)).toBe(false);
      if (garbage !== null) await ports.redis.set(Catalog.key(ID), garbage);
      expect((await catalog.load(ports, ID))?.id).toBe(ID);
      expect(asked.sql).toBe(1);
    },
  );

  test("F7 another model's record under a model's key is a miss", async () => {
    const { catalog, ports, settle } = bench;
    await catalog.load(ports, "openai/gpt-4");
    await settle();
    expect(catalog.absorb(ports, ID, await ports.redis.get(Catalog.key("openai/gpt-4")))).toBe(false);
  });

  test("F1 Redis away: Postgres answers", async () => {
    bench.down.redis = true;
    expect((await bench.catalog.load(bench.ports, ID))?.id).toBe(ID);
    await bench.settle();
  });

  test("F11 Postgres away: the last copy stays, then the seed of the bundle answers, then it is a 503 and no 404", async () => {
    const { catalog, ports, clock, down, settle } = bench;
    await renameOwn("Kept");
    await catalog.load(ports, OWN);
    await settle();
    await ports.redis.del(Catalog.key(OWN));
    down.sql = true;
    await clock.advance(300_001);
    expect(catalog.fromMemory(ports, OWN)?.name).toBe("Kept");
    await settle();
    expect(catalog.fromMemory(ports, OWN)?.name).toBe("Kept");
    const seeded = await catalog.load(ports, ID);
    expect(seeded?.offers.find(({ provider }) => provider === "openai")?.price?.inputPerMillion).toBe(2_500_000_000n);
    await expect(catalog.load(ports, "test-catalog/only-the-database-knows")).rejects.toMatchObject({
      code: "catalog_unavailable",
      retryAfterSeconds: 5,
    });
  });

  test("an unknown model is not looked for again within a minute, and found when it is added", async () => {
    const { catalog, ports, asked, clock } = bench;
    const late = "test-catalog/late";
    expect(await catalog.load(ports, late)).toBeNull();
    const before = { ...asked };
    expect(catalog.fromMemory(ports, late)).toBeNull();
    expect(asked).toEqual(before);
    await sql`insert into model (id, name, context_length, modality) values (${late}, 'Late', 1000, 'text->text')`.execute(
      bench.database,
    );
    try {
      await clock.advance(60_001);
      expect(catalog.fromMemory(ports, late)).toBeUndefined();
      expect((await catalog.load(ports, late))?.name).toBe("Late");
      expect(catalog.fromMemory(ports, late)?.name).toBe("Late");
    } finally {
      await sql`delete from model where id = ${late}`.execute(bench.database);
    }
  });

  test("C6 made-up names do not push models out of memory", async () => {
    const { catalog, ports } = bench;
    await catalog.load(ports, ID);
    bench.down.redis = true;
    for (let number = 0; number < 1_100; number++) await catalog.load(ports, `test-catalog/made-up-${number}`);
    expect(catalog.fromMemory(ports, ID)?.id).toBe(ID);
    expect(catalog.fromMemory(ports, "test-catalog/made-up-0")).toBeUndefined();
    expect(catalog.fromMemory(ports, "test-catalog/made-up-1099")).toBeNull();
  });

  test.each(["a\u0000b", "../../etc", "openai/../gpt-4o", "x".repeat(10_000)])(
    "B44 no store is asked for an impossible name",
    async (name) => {
      expect(await bench.catalog.load(bench.ports, name)).toBeNull();
      expect(bench.asked).toEqual({ redis: 0, sql: 0 });
    },
  );
});
