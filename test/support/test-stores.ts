import type { Redis } from "@upstash/redis";
import type { Kysely } from "kysely";
import pg from "pg";
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

/** The real servers are asked for a database and a Redis number of this process' own: other suites empty theirs. */
async function openRealStores(clock: Clock): Promise<TestStores> {
  const servers = realServers();
  if (servers === null) throw new Error("The real stores need TEST_DATABASE_URL and TEST_REDIS_URL.");
  const databaseUrl = await ownDatabase(servers.databaseUrl);
  const redisUrl = await ownRedis(servers.redisUrl);
  const engine = createTcpRedis(redisUrl);
  const postgres = createTcpPostgres(databaseUrl);
  await prepare(postgres.database);
  return {
    redis: createEngineRedis(engine, clock),
    database: postgres.database,
    environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
    close: async () => {
      await engine.call(["FLUSHDB"]);
      await engine.close();
      await postgres.close();
      await dropOwnDatabase(servers.databaseUrl);
    },
  };
}

/** The servers that the variables name, or null where they name none: suites on real stores are then left out. */
export function realServers(): { readonly databaseUrl: string; readonly redisUrl: string } | null {
  const databaseUrl = process.env["TEST_DATABASE_URL"];
  const redisUrl = process.env["TEST_REDIS_URL"];
  return databaseUrl === undefined || redisUrl === undefined ? null : { databaseUrl, redisUrl };
}

const OWN_DATABASE = `gangway_harness_${process.pid}`;

async function ownDatabase(serverUrl: string): Promise<string> {
  await dropOwnDatabase(serverUrl);
  await administer(serverUrl, `create database ${OWN_DATABASE}`);
  const url = new URL(serverUrl);
  url.pathname = `/${OWN_DATABASE}`;
  return url.href;
}

function dropOwnDatabase(serverUrl: string): Promise<void> {
  return administer(serverUrl, `drop database if exists ${OWN_DATABASE} with (force)`);
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** The first empty one of Redis' sixteen databases, marked as taken; what others keep is never touched. */
async function ownRedis(serverUrl: string): Promise<string> {
  for (let number = 15; number > 0; number -= 1) {
    const url = new URL(serverUrl);
    url.pathname = `/${number}`;
    const engine = createTcpRedis(url.href);
    try {
      if ((await engine.call(["DBSIZE"])) !== 0) continue;
      const mark = ["SET", "gangway:harness", String(process.pid), "NX", "EX", String(REDIS_LEASE_SECONDS)];
      if ((await engine.call(mark)) === "OK") return url.href;
    } finally {
      await engine.close();
    }
  }
  throw new Error("TEST_REDIS_URL names a server without an empty database.");
}

/** A run that dies leaves its database marked for no longer than this. */
const REDIS_LEASE_SECONDS = 3_600;

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
