import type { Redis } from "@upstash/redis";
import type { Kysely } from "kysely";
import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { migrate } from "../../lib/database/migrate.ts";
import type { Database } from "../../lib/database/tables.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { createEmbeddedPostgres, type PostgresStore } from "../../lib/platform/postgres/embedded-postgres.ts";
import { createNeonPostgres } from "../../lib/platform/postgres/neon-postgres.ts";
import { createTcpPostgres } from "../../lib/platform/postgres/tcp-postgres.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import type { RedisEngine } from "../../lib/platform/redis/redis-engine.ts";
import { createEngineRedis, createUpstashRedis } from "../../lib/platform/redis/requester.ts";
import { createTcpRedis } from "../../lib/platform/redis/tcp-redis.ts";
import type { RawSql } from "../../lib/platform/store-server/raw-sql.ts";
import { serveStores } from "../../lib/platform/store-server/store-server.ts";
import type { Clock } from "../../lib/ports/clock.ts";

/**
 * `embedded`: the engines inside the process. `real`: the servers that TEST_DATABASE_URL and TEST_REDIS_URL name.
 * `http`: the embedded engines behind the local server that speaks Upstash REST and Neon HTTP.
 */
export type StoreKind = "embedded" | "real" | "http";

export interface TestStores {
  readonly redis: Redis;
  readonly database: Kysely<Database>;
  /** What a process or a worker outside this one needs to reach the same stores; empty for the embedded ones. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const TOKEN = "local-store-token";
/** The place of what all test files of a process share: modules are loaded anew for each file, this is not. */
const SHARED = Symbol.for("gangway.test.postgres");

/** Fresh Redis content each time; one database a process, in which every gateway has accounts of its own. */
export async function openTestStores(kind: StoreKind, clock: Clock): Promise<TestStores> {
  if (kind === "real") return openRealStores(clock);
  const postgres = await sharedPostgres();
  const engine = createEmbeddedRedis({ clock, scripts: ALL_SCRIPTS });
  if (kind === "embedded") {
    const redis = createEngineRedis(engine, clock);
    return { redis, database: postgres.database, environment: {}, close: () => engine.close() };
  }
  return openHttpStores(engine, postgres.rawSql, clock);
}

async function openHttpStores(engine: RedisEngine, sql: RawSql, clock: Clock): Promise<TestStores> {
  const server = await serveStores({ redis: engine, sql, token: TOKEN });
  const databaseUrl = `postgres://gangway:${TOKEN}@localhost/gangway`;
  return {
    redis: createUpstashRedis({ url: server.redisUrl, token: TOKEN, clock }),
    database: createNeonPostgres(databaseUrl, server.sqlEndpoint),
    environment: {
      UPSTASH_REDIS_REST_URL: server.redisUrl,
      UPSTASH_REDIS_REST_TOKEN: TOKEN,
      DATABASE_URL: databaseUrl,
      NEON_HTTP_ENDPOINT: server.sqlEndpoint,
    },
    close: async () => {
      await server.close();
      await engine.close();
    },
  };
}

async function openRealStores(clock: Clock): Promise<TestStores> {
  const databaseUrl = process.env["TEST_DATABASE_URL"];
  const redisUrl = process.env["TEST_REDIS_URL"];
  if (databaseUrl === undefined || redisUrl === undefined) {
    throw new Error("The real stores need TEST_DATABASE_URL and TEST_REDIS_URL.");
  }
  const engine = createTcpRedis(redisUrl);
  const postgres = createTcpPostgres(databaseUrl);
  await prepare(postgres.database);
  await engine.call(["DEL", "gw:breakers"]);
  return {
    redis: createEngineRedis(engine, clock),
    database: postgres.database,
    environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
    close: async () => {
      await engine.close();
      await postgres.close();
    },
  };
}

/** Starting the embedded database takes seconds: it is done once a process and never undone. */
function sharedPostgres(): Promise<PostgresStore> {
  const known: unknown = Reflect.get(globalThis, SHARED);
  // Only this function sets it, and always to this.
  if (known !== undefined) return known as Promise<PostgresStore>;
  const opening = createEmbeddedPostgres(null).then(async (postgres) => {
    await prepare(postgres.database);
    return postgres;
  });
  Reflect.set(globalThis, SHARED, opening);
  return opening;
}

async function prepare(database: Kysely<Database>): Promise<void> {
  await migrate(database);
  await loadSeedCatalog(database);
}
