import { spawn } from "node:child_process";
import { once } from "node:events";
import { ensureLocalAccount } from "../../lib/accounts/ensure-local-account.ts";
import { KeyHasher } from "../../lib/accounts/key-hasher.ts";
import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { migrate } from "../../lib/database/migrate.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { ConfigurationError, parseSettings } from "../../lib/platform/configuration.ts";
import { createLog } from "../../lib/platform/log.ts";
import { printBanner } from "../../lib/platform/node/banner.ts";
import { openDataDirectory } from "../../lib/platform/node/data-directory.ts";
import { migrateStores, openNodeStores } from "../../lib/platform/node/node-stores.ts";
import { serveStores } from "../../lib/platform/store-server/store-server.ts";
import { APP_VERSION } from "../../lib/platform/version.ts";
import { demo } from "../../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";

/**
 * `npm run dev:worker`: the worker in real workerd, by wrangler, on the stores that `npm start` would use. They are put
 * behind a local server that speaks Upstash's and Neon's protocols, so that the worker runs on its own clients.
 */
async function run(): Promise<void> {
  const declared = PROVIDERS.filter(({ id }) => id !== demo.id);
  const settings = parseSettings(process.env, "node", declared, APP_VERSION);
  const log = createLog((line) => process.stderr.write(`${line}\n`));
  const directory = openDataDirectory(settings.dataDirectory);
  const salt = settings.configuration.apiGatewaySalt === "" ? directory.salt() : settings.configuration.apiGatewaySalt;
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
  const account = await ensureLocalAccount(
    { ...stores, log },
    new KeyHasher(salt),
    settings.configuration,
    directory.readKey(),
  );
  if (settings.configuration.bootstrapKey === null) directory.saveKey(account.apiKey);

  const token = crypto.randomUUID();
  const server = await serveStores({ redis: engine, sql: rawSql, token });
  const variables: Record<string, string> = {
    ...providerVariables(),
    UPSTASH_REDIS_REST_URL: server.redisUrl,
    UPSTASH_REDIS_REST_TOKEN: token,
    DATABASE_URL: `postgres://gangway:${token}@localhost/gangway`,
    NEON_HTTP_ENDPOINT: server.sqlEndpoint,
    API_GATEWAY_SALT: salt,
  };
  const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const address = ["--ip", settings.host, "--port", String(settings.port)];
  const wrangler = spawn("wrangler", ["dev", "--local", "--show-interactive-dev-session=false", ...address, ...flags], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = () => wrangler.kill("SIGTERM");
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  printBanner(
    `http://${settings.host}:${settings.port}`,
    account.apiKey,
    Object.keys(settings.configuration.providers),
  );
  await once(wrangler, "exit");
  await server.close();
  await stores.close();
}

/** The variables that a worker would have as secrets, as far as they are set here. */
function providerVariables(): Record<string, string> {
  const wanted =
    /_API_KEY$|_BASE_URL$|_TIMEOUT_MS$|^(?:APP_ENV|APP_URL|MAX_BODY_BYTES|RATE_LIMIT_WAIT_MS|KEEP_ALIVE_MS|GANGWAY_BOOTSTRAP_KEY)$/;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (wanted.test(name) && value ? [[name, value]] : [])),
  );
}

try {
  await run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
