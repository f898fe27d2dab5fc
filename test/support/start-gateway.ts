import type { AddressInfo } from "node:net";
import { createApp } from "../../api/_app.ts";
import { createHttpServer } from "../../api/_node/http-server.ts";
import { sendNodeReply } from "../../api/_node/send-node-reply.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import {
  type BrokenInvariant,
  checkLedger,
  type LedgerTransaction,
  listTransactions,
  readBalance,
} from "../../lib/billing/ledger-store.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { createTrackedBackground } from "../../lib/platform/background.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { parseSettings } from "../../lib/platform/configuration.ts";
import { createLog } from "../../lib/platform/log.ts";
import { createUndiciUpstream } from "../../lib/platform/upstream/undici-upstream.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { ADMIN_KEY, registerAccount, type TestAccount } from "./register-account.ts";
import type { Simulator } from "./simulator/start-simulator.ts";
import { startWorker } from "./start-worker.ts";
import { openTestStores, type StoreKind, type TestStores } from "./test-stores.ts";

export interface GatewayOptions {
  readonly simulator: Simulator;
  /** `node`: the app in this process, over real HTTP. `workerd`: the bundled worker in the real runtime. */
  readonly runtime?: "node" | "workerd";
  /** A worker reaches its stores over HTTP, whatever is said here; opened ones are closed with the gateway. Default: embedded. */
  readonly stores?: StoreKind | TestStores;
  /** What the gateway itself reaches a store by, where the harness is to see it otherwise. Only in this process. */
  readonly ports?: Partial<Pick<Ports, "redis" | "database">>;
  /** Which providers take part. Default: one of each wire and OpenRouter. */
  readonly providers?: readonly string[];
  /** More variables, and other values for those that the harness sets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Decimal string. Default: 100. */
  readonly creditUsd?: string;
  /** Moved by hand where a test needs to. Only in this process. Default: the real one. */
  readonly clock?: Clock;
}

export interface TestGateway extends TestAccount {
  /** Without a trailing slash: `/v1` belongs to the caller. */
  readonly url: string;
  readonly adminKey: string;
  /** What the gateway would write to its log, a JSON line each. Empty for a worker. */
  readonly logLines: readonly string[];
  readonly stores: TestStores;
  /** POST of JSON with the account's key. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Another account of this gateway. */
  register(creditUsd: string): Promise<TestAccount>;
  /** Allowance and purchased credit, nano-dollars, holds not taken off. */
  balance(accountId?: string): Promise<bigint>;
  /** The account's transactions, newest first. */
  transactions(accountId?: string): Promise<readonly LedgerTransaction[]>;
  /** Waits until nothing of any finished request waits to be written. */
  settled(): Promise<void>;
  /** What is wrong in the ledger: nothing, or the test fails. */
  checkLedger(): Promise<readonly BrokenInvariant[]>;
  sweep(): Promise<unknown>;
  /** Open connections to clients. None of a worker's can be seen. */
  connections(): Promise<number>;
  resetBreakers(): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_PROVIDERS = ["openai", "anthropic", "google-ai-studio", "openrouter"];
const SETTLE_DEADLINE_MS = 10_000;
const ARRIVAL_MS = 30_000;
const IDLE_AFTER_MS = 200;

/** Starts the real app over real HTTP against the simulator, with an account that has credit and a key. */
export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const { simulator, clock = systemClock } = options;
  const wanted = options.runtime === "workerd" ? "http" : (options.stores ?? "embedded");
  const stores = typeof wanted === "string" ? await openTestStores(wanted, clock) : wanted;
  const environment = {
    ADMIN_API_KEY: ADMIN_KEY,
    API_GATEWAY_SALT: "salt-of-the-test-harness",
    APP_ENV: "test",
    ...stores.environment,
    ...simulator.environment(options.providers ?? DEFAULT_PROVIDERS),
    ...options.environment,
  };
  const served =
    options.runtime === "workerd"
      ? await serveInWorker(environment)
      : await serveInProcess(environment, { ...stores, ...options.ports }, clock);
  const register = (creditUsd: string) => registerAccount(served.url, creditUsd);
  const account = await register(options.creditUsd ?? "100");
  const { database } = stores;

  const settled = async () => {
    await served.drain();
    const deadline = performance.now() + SETTLE_DEADLINE_MS;
    while ((await heldRequests(stores)) > 0) {
      if (performance.now() > deadline) throw new Error("Requests are still held, though none should be running.");
      await new Promise((resolve) => setTimeout(resolve, 20));
      await served.drain();
    }
  };
  return {
    ...account,
    url: served.url,
    adminKey: ADMIN_KEY,
    logLines: served.logLines,
    stores,
    post: (path, body, headers = {}) =>
      fetch(`${served.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${account.key}`, ...headers },
        body: JSON.stringify(body),
      }),
    register,
    balance: async (accountId = account.accountId) => {
      const balance = await readBalance(database, accountId);
      return balance === null ? 0n : balance.allowance + balance.purchased;
    },
    transactions: (accountId = account.accountId) =>
      listTransactions(database, accountId, { limit: 100, before: null }),
    settled,
    checkLedger: async () => {
      await settled();
      return checkLedger(database);
    },
    connections: served.connections,
    sweep: () => sweep({ clock, redis: stores.redis, database, log: createLog(() => {}) }),
    resetBreakers: async () => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      // A store that is slow for a moment, on a machine with much to do, answers 503: one more try.
      for (const last of [false, true]) {
        const reply = await fetch(`${served.url}/circuit-breakers/reset-all`, { method: "POST", headers });
        if (reply.ok) return;
        if (last || reply.status !== 503) throw new Error(`The breakers were not reset: ${reply.status}`);
      }
    },
    stop: async () => {
      await served.stop();
      await stores.close();
    },
  };
}

/** Requests whose hold has not been settled yet, by the mirror's own list. */
async function heldRequests({ redis }: TestStores): Promise<number> {
  return await redis.zcard("gw:open");
}

/** A gateway that answers at an address, whatever it runs in. */
interface ServedGateway {
  readonly url: string;
  readonly logLines: readonly string[];
  connections(): Promise<number>;
  /** Waits for the background work of this runtime as far as it can be seen. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What a worker does after its reply is seen only by what it leaves in the stores. */
async function serveInWorker(environment: Readonly<Record<string, string>>): Promise<ServedGateway> {
  const { url, stop } = await startWorker(environment);
  return { url, stop, logLines: [], connections: async () => 0, drain: async () => {} };
}

async function serveInProcess(
  environment: Readonly<Record<string, string>>,
  stores: Pick<Ports, "redis" | "database">,
  clock: Clock,
): Promise<ServedGateway> {
  const settings = parseSettings(environment, "node", PROVIDERS, "0.0.0-test");
  const logLines: string[] = [];
  const log = createLog((line) => logLines.push(line));
  const tracked = createTrackedBackground(log);
  const upstream = createUndiciUpstream({ connectTimeoutMs: settings.connectTimeoutMs });
  const ports: Ports = {
    clock,
    redis: stores.redis,
    database: stores.database,
    callUpstream: upstream.call,
    background: tracked.background,
    log,
  };
  // No delay: a clock that stands still would never end it.
  const settler = createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 });
  const app = createApp(createGateway(settings.configuration, settler), ports, sendNodeReply);
  const { wholeRequestMs } = settings.configuration.timeouts;
  const server = createHttpServer(app.fetch, {
    arrivalMs: ARRIVAL_MS,
    uploadMs: ARRIVAL_MS,
    idleMs: wholeRequestMs + IDLE_AFTER_MS,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is an object
  return {
    url: `http://127.0.0.1:${port}`,
    logLines,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    drain: async () => {
      await settler.flush();
      await tracked.drain(SETTLE_DEADLINE_MS);
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await tracked.drain(SETTLE_DEADLINE_MS);
      await upstream.close();
    },
  };
}
