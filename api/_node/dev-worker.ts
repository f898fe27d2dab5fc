import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { devNull } from "node:os";
import { fileURLToPath } from "node:url";
import { ensureLocalAccount } from "../../lib/accounts/ensure-local-account.ts";
import { KeyHasher } from "../../lib/accounts/key-hasher.ts";
import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { migrate } from "../../lib/database/migrate.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { ConfigurationError, parseSettings, type Settings, VARIABLES } from "../../lib/platform/configuration.ts";
import { createLog } from "../../lib/platform/log.ts";
import { printBanner } from "../../lib/platform/node/banner.ts";
import { type DataDirectory, openDataDirectory } from "../../lib/platform/node/data-directory.ts";
import { migrateStores, type NodeStores, openNodeStores } from "../../lib/platform/node/node-stores.ts";
import { variableNamesOf } from "../../lib/platform/provider-settings.ts";
import { serveStores } from "../../lib/platform/store-server/store-server.ts";
import { APP_VERSION } from "../../lib/platform/version.ts";
import type { Log } from "../../lib/ports/log.ts";
import { demo } from "../../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WRANGLER = fileURLToPath(new URL("../../node_modules/wrangler/bin/wrangler.js", import.meta.url));
const READY_POLL_MS = 200;
const CRON_EVERY_MS = 60_000;

/**
 * `npm run dev:worker`: the worker in real workerd, by wrangler, on the stores that `npm start` would use. They are put
 * behind a local server that speaks Upstash's and Neon's protocols, so that the worker runs on its own clients.
 */
async function run(): Promise<number> {
  const declared = PROVIDERS.filter(({ id }) => id !== demo.id);
  const settings = parseSettings(process.env, "node", declared, APP_VERSION);
  const { configuration } = settings;
  const log = createLog((line) => process.stderr.write(`${line}\n`));
  const directory = configuration.embedded ? openDataDirectory(settings.dataDirectory) : null;
  const salt = configuration.apiGatewaySalt === "" ? (directory?.salt() ?? "") : configuration.apiGatewaySalt;
  const stores = await openNodeStores(settings.stores, {
    dataDirectory: settings.dataDirectory,
    clock: systemClock,
    scripts: ALL_SCRIPTS,
  });
  const { engine, rawSql } = stores;
  if (engine === null || rawSql === null)
    throw new ConfigurationError("dev:worker takes embedded stores, or REDIS_URL and DATABASE_URL.");
  await migrateStores(settings.stores, stores, async (database) => {
    await migrate(database);
    await loadSeedCatalog(database);
  });
  const key = directory === null ? null : await localKey(settings, stores, directory, salt, log);

  const token = crypto.randomUUID();
  const server = await serveStores({ redis: engine, sql: rawSql, token });
  const providers = Object.keys(configuration.providers);
  const demonstrates = configuration.embedded && providers.length === 0;
  const port = settings.port === 0 ? await freePort() : settings.port;
  const worker = startWrangler(settings.host, port, {
    ...operatorVariables(),
    ...(demonstrates ? { GANGWAY_BASE_URL: demo.baseUrl } : {}),
    UPSTASH_REDIS_REST_URL: server.redisUrl,
    UPSTASH_REDIS_REST_TOKEN: token,
    DATABASE_URL: `postgres://gangway:${token}@localhost/gangway`,
    NEON_HTTP_ENDPOINT: server.sqlEndpoint,
    API_GATEWAY_SALT: salt,
  });
  const ended = once(worker, "exit").then(([code]: unknown[]) => (typeof code === "number" ? code : 1));
  let stopping = false;
  const stop = () => {
    stopping = true;
    worker.kill("SIGTERM");
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);

  const url = `http://${settings.host}:${port}`;
  const ready = await Promise.race([whenServed(url).then(() => true), ended.then(() => false)]);
  if (ready) printBanner(url, key, demonstrates ? [demo.id] : providers);
  // The platform's cron, which wrangler leaves out.
  const cron = setInterval(() => void runCron(url, log), CRON_EVERY_MS);
  const code = await ended;
  clearInterval(cron);
  await server.close();
  await stores.close();
  return stopping ? 0 : code;
}

/** The key of the local account, as `npm start` makes it. */
async function localKey(
  { configuration }: Settings,
  stores: NodeStores,
  directory: DataDirectory,
  salt: string,
  log: Log,
): Promise<string> {
  const hasher = new KeyHasher(salt);
  const { apiKey } = await ensureLocalAccount({ ...stores, log }, hasher, configuration, directory.readKey());
  if (configuration.bootstrapKey === null) directory.saveKey(apiKey);
  return apiKey;
}

/** What is about the server here and its stores, and not about the worker. */
const NOT_THE_WORKERS = ["PORT", "HOST", "GANGWAY_DATA_DIR", "REDIS_URL"];

/** The variables that a worker would have as secrets, as far as they are set here. */
function operatorVariables(): Record<string, string> {
  const wanted = new Set([...Object.keys(VARIABLES), ...PROVIDERS.flatMap(variableNamesOf)]);
  for (const name of NOT_THE_WORKERS) wanted.delete(name);
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (wanted.has(name) && value ? [[name, value]] : [])),
  );
}

/**
 * The variables travel in the environment, where other users of the machine cannot read them as they can a command line;
 * naming an empty file keeps wrangler from laying a `.dev.vars` over them.
 */
function startWrangler(host: string, port: number, variables: Readonly<Record<string, string>>): ChildProcess {
  const { PATH, HOME, TERM, NO_COLOR } = process.env;
  const own = { PATH, HOME, TERM, NO_COLOR, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_INCLUDE_PROCESS_ENV: "true" };
  const flags = ["--local", "--show-interactive-dev-session=false", "--env-file", devNull];
  return spawn(process.execPath, [WRANGLER, "dev", ...flags, "--ip", host, "--port", String(port)], {
    cwd: ROOT,
    env: { ...own, ...variables },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

async function whenServed(url: string): Promise<void> {
  for (;;) {
    const served = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (served) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

async function runCron(url: string, log: Log): Promise<void> {
  try {
    const reply = await fetch(`${url}/cdn-cgi/handler/scheduled`);
    if (!reply.ok) log.warn("cron_failed", { status: reply.status });
  } catch (error) {
    log.warn("cron_failed", { reason: error instanceof Error ? error.name : "unknown" });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // listening on TCP
  server.close();
  await once(server, "close");
  return port;
}

try {
  process.exit(await run());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
