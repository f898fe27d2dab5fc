import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "@upstash/redis";
import type { Kysely } from "kysely";
import type { Database } from "../../database/tables.ts";
import type { Clock } from "../../ports/clock.ts";
import type { RedisScript } from "../../ports/redis-script.ts";
import type { StoreSettings } from "../configuration.ts";
import { createEmbeddedPostgres, type PostgresStore } from "../postgres/embedded-postgres.ts";
import { createNeonPostgres } from "../postgres/neon-postgres.ts";
import { createTcpPostgres, MIGRATION_TIMEOUT_MS } from "../postgres/tcp-postgres.ts";
import { createEmbeddedRedis } from "../redis/embedded-redis.ts";
import type { RedisEngine } from "../redis/redis-engine.ts";
import { createEngineRedis, createUpstashRedis } from "../redis/requester.ts";
import { createTcpRedis } from "../redis/tcp-redis.ts";
import type { RawSql } from "../store-server/raw-sql.ts";
import { lockDirectory } from "./lock-directory.ts";

/** The stores of a Node process. */
export interface NodeStores {
  readonly redis: Redis;
  readonly database: Kysely<Database>;
  /** What a local store server would be put in front of; null where the store is reached over HTTP itself. */
  readonly engine: RedisEngine | null;
  readonly rawSql: RawSql | null;
  close(): Promise<void>;
}

/** @throws DirectoryInUse when another process has the embedded database */
export async function openNodeStores(
  settings: StoreSettings,
  options: { readonly dataDirectory: string; readonly clock: Clock; readonly scripts: readonly RedisScript[] },
): Promise<NodeStores> {
  const { clock, dataDirectory, scripts } = options;
  const engine = openEngine(settings.redis, clock, scripts);
  const postgres = await openPostgres(settings.postgres, dataDirectory);
  return {
    redis:
      settings.redis.kind === "upstash"
        ? createUpstashRedis({ ...settings.redis, clock })
        : createEngineRedis(known(engine), clock),
    database: postgres.database,
    engine,
    rawSql: postgres.rawSql,
    async close() {
      await engine?.close();
      await postgres.close();
    },
  };
}

function openEngine(
  settings: StoreSettings["redis"],
  clock: Clock,
  scripts: readonly RedisScript[],
): RedisEngine | null {
  switch (settings.kind) {
    case "embedded":
      return createEmbeddedRedis({ clock, scripts });
    case "tcp":
      return createTcpRedis(settings.url);
    case "upstash":
      return null;
  }
}

function known(engine: RedisEngine | null): RedisEngine {
  if (engine === null) throw new Error("This Redis is reached over HTTP and has no engine.");
  return engine;
}

/** Hands `work` the database for what may take long: without the short deadline that statements of requests have. */
export async function migrateStores(
  settings: StoreSettings,
  stores: NodeStores,
  work: (database: Kysely<Database>) => Promise<void>,
): Promise<void> {
  if (settings.postgres.kind !== "tcp") return work(stores.database);
  const patient = createTcpPostgres(settings.postgres.url, MIGRATION_TIMEOUT_MS);
  try {
    await work(patient.database);
  } finally {
    await patient.close();
  }
}

type OpenPostgres = Pick<PostgresStore, "database" | "close"> & { readonly rawSql: RawSql | null };

async function openPostgres(settings: StoreSettings["postgres"], dataDirectory: string): Promise<OpenPostgres> {
  switch (settings.kind) {
    case "embedded":
      return openEmbedded(dataDirectory);
    case "tcp":
      return createTcpPostgres(settings.url);
    case "neon": {
      const database = createNeonPostgres(settings.url, settings.endpoint);
      return { database, rawSql: null, close: () => database.destroy() };
    }
  }
}

async function openEmbedded(dataDirectory: string): Promise<OpenPostgres> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(dataDirectory);
  const postgres = await createEmbeddedPostgres(join(dataDirectory, "postgres"));
  return {
    ...postgres,
    async close() {
      await postgres.close();
      await unlock();
    },
  };
}
