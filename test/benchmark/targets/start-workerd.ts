import type { Readable } from "node:stream";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare } from "miniflare";
import { loadSeedCatalog } from "../../../lib/catalog/catalog-store.ts";
import { migrate } from "../../../lib/database/migrate.ts";
import { ALL_SCRIPTS } from "../../../lib/inference/redis-scripts.ts";
import { systemClock } from "../../../lib/platform/clock.ts";
import { createEmbeddedPostgres } from "../../../lib/platform/postgres/embedded-postgres.ts";
import { createTcpPostgres } from "../../../lib/platform/postgres/tcp-postgres.ts";
import { createEmbeddedRedis } from "../../../lib/platform/redis/embedded-redis.ts";
import { createTcpRedis } from "../../../lib/platform/redis/tcp-redis.ts";
import { serveStores } from "../../../lib/platform/store-server/store-server.ts";
import { bundleEntry } from "../../support/bundle-worker.ts";

/** A worker in real workerd, in a process of its own: WORKER=hono is the bare proxy, WORKER=gangway the gateway. Prints its port. */
const { env } = process;

async function honoWorker(): Promise<string> {
  const entry = `${import.meta.dirname}/hono-fetch-worker.ts`;
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd", "worker"],
    minify: true,
  });
  return result.outputFiles[0]?.text ?? "";
}

/** The stores behind HTTP, as a worker has them: real ones where they are given, else embedded. */
async function storeBindings(): Promise<Record<string, string>> {
  const postgres = env["DATABASE_URL"] ? createTcpPostgres(env["DATABASE_URL"]) : await createEmbeddedPostgres(null);
  const redis = env["REDIS_URL"]
    ? createTcpRedis(env["REDIS_URL"])
    : createEmbeddedRedis({ clock: systemClock, scripts: ALL_SCRIPTS });
  await migrate(postgres.database);
  await loadSeedCatalog(postgres.database);
  const server = await serveStores({ redis, sql: postgres.rawSql, token: "benchmark" });
  return {
    UPSTASH_REDIS_REST_URL: server.redisUrl,
    UPSTASH_REDIS_REST_TOKEN: "benchmark",
    DATABASE_URL: "postgres://gangway:benchmark@localhost/benchmark",
    NEON_HTTP_ENDPOINT: server.sqlEndpoint,
    API_GATEWAY_SALT: "salt-of-the-benchmark",
    ADMIN_API_KEY: env["ADMIN_API_KEY"] ?? "",
    OPENAI_API_KEY: env["OPENAI_API_KEY"] ?? "",
    OPENAI_BASE_URL: env["OPENAI_BASE_URL"] ?? "",
  };
}

const isGangway = env["WORKER"] === "gangway";
const miniflare = new Miniflare({
  modules: true,
  script: isGangway ? (await bundleEntry("api/_worker.ts", "workerd")).code : await honoWorker(),
  cf: false,
  compatibilityDate: "2026-07-30",
  compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
  bindings: isGangway ? await storeBindings() : { UPSTREAM: env["UPSTREAM"] ?? "" },
  log: new Log(LogLevel.ERROR),
  // It says of every client that ends its connection that a write failed.
  handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
    stdout.resume();
    stderr.resume();
  },
});
process.stdout.write(`${(await miniflare.ready).port}\n`);
