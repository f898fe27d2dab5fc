import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ensureLocalAccount } from "../../lib/accounts/ensure-local-account.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { migrate } from "../../lib/database/migrate.ts";
import { createGateway, type Gateway } from "../../lib/inference/gateway.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { runJobs } from "../../lib/jobs/run-jobs.ts";
import { createTrackedBackground } from "../../lib/platform/background.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import type { Settings } from "../../lib/platform/configuration.ts";
import { type DataDirectory, openDataDirectory } from "../../lib/platform/node/data-directory.ts";
import { migrateStores, openNodeStores } from "../../lib/platform/node/node-stores.ts";
import { withDemoUpstream } from "../../lib/platform/upstream/demo-upstream.ts";
import { createUndiciUpstream } from "../../lib/platform/upstream/undici-upstream.ts";
import type { Configuration } from "../../lib/ports/configuration.ts";
import type { Log } from "../../lib/ports/log.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { demo } from "../../lib/providers/declarations/demo.ts";
import { createApp } from "../_app.ts";
import { createHttpServer } from "./http-server.ts";
import { sendNodeReply } from "./send-node-reply.ts";

const JOBS_EVERY_MS = 60_000;
/** Less than the time between two, so that batches are gone on with nearly all the time. */
const BATCH_SLICE_MS = 55_000;
const DRAIN_MS = 10_000;
const HEAD_STALL_MS = 30_000;
const UPLOAD_MS = 300_000;
/** For a request that took all of its time, to be told so. */
const LAST_WORD_MS = 2_000;
/** Charges of requests that end within this time are written together. */
const SETTLE_DELAY_MS = 10;
const SETTLE_BATCH = 256;
const SETTLE_STATEMENTS = 4;

export interface RunningGateway {
  readonly url: string;
  readonly port: number;
  /** The local account's key on embedded stores, else null. */
  readonly localKey: string | null;
  readonly gateway: Gateway;
  readonly ports: Ports;
  /** Stops taking requests, finishes those that run, writes what waits. */
  stop(): Promise<void>;
}

/** The gateway on Node: stores opened, migrated and seeded, local account made, server listening. */
export async function startNode(settings: Settings, log: Log): Promise<RunningGateway> {
  const clock = systemClock;
  const { embedded } = settings.configuration;
  const directory = embedded ? openDataDirectory(settings.dataDirectory) : null;
  const configuration = completed(settings.configuration, directory);
  const stores = await openNodeStores(settings.stores, {
    dataDirectory: settings.dataDirectory,
    clock,
    scripts: ALL_SCRIPTS,
  });
  const tracked = createTrackedBackground(log);
  const upstream = createUndiciUpstream({ connectTimeoutMs: settings.connectTimeoutMs });
  const ports: Ports = {
    clock,
    redis: stores.redis,
    database: stores.database,
    callUpstream: withDemoUpstream(upstream.call, demo.baseUrl),
    background: tracked.background,
    log,
  };
  if (settings.stores.postgres.kind !== "neon") {
    await migrateStores(settings.stores, stores, async (database) => {
      await migrate(database);
      await loadSeedCatalog(database);
    });
  }
  const settler = createBatchingSettler({
    maxBatch: SETTLE_BATCH,
    maxDelayMs: SETTLE_DELAY_MS,
    maxStatements: SETTLE_STATEMENTS,
  });
  const gateway = createGateway(configuration, settler);
  const local =
    directory === null ? null : await ensureLocalAccount(ports, gateway.hasher, configuration, directory.readKey());
  if (local !== null && configuration.bootstrapKey === null) directory?.saveKey(local.apiKey);

  const server = await listen(createApp(gateway, ports, sendNodeReply).fetch, settings);
  const stopJobs = repeat(() => tracked.background(runJobs(gateway, ports, BATCH_SLICE_MS)));
  const { port } = server.address() as AddressInfo; // listening on TCP, so it has one
  return {
    url: `http://${settings.host.includes(":") ? `[${settings.host}]` : settings.host}:${port}`,
    port,
    localKey: local?.apiKey ?? null,
    gateway,
    ports,
    async stop() {
      stopJobs();
      await close(server);
      await tracked.drain(DRAIN_MS);
      await settler.flush();
      await upstream.close();
      await stores.close();
    },
  };
}

/** On embedded stores the salt and the encryption key are kept in the data folder, and the demo model answers while nobody else can. */
function completed(configuration: Configuration, directory: DataDirectory | null): Configuration {
  const nobody = Object.keys(configuration.providers).length === 0;
  const demonstrates = configuration.embedded && nobody;
  return {
    ...configuration,
    apiGatewaySalt: configuration.apiGatewaySalt === "" ? (directory?.salt() ?? "") : configuration.apiGatewaySalt,
    encryptionKeys:
      configuration.encryptionKeys.length === 0 && directory !== null
        ? [{ id: "embedded", secret: directory.encryptionKey() }]
        : configuration.encryptionKeys,
    providers: demonstrates
      ? { [demo.id]: { apiKeys: [], baseUrl: demo.baseUrl, variables: {} } }
      : configuration.providers,
  };
}

function listen(fetch: (request: Request) => Response | Promise<Response>, settings: Settings): Promise<Server> {
  const idleMs = settings.configuration.timeouts.wholeRequestMs + LAST_WORD_MS;
  const server = createHttpServer(fetch, { arrivalMs: HEAD_STALL_MS, uploadMs: UPLOAD_MS, idleMs });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, settings.host, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function repeat(task: () => void): () => void {
  const timer = setInterval(task, JOBS_EVERY_MS);
  return () => clearInterval(timer);
}
