import { PGlite, types } from "@electric-sql/pglite";
import { Kysely, PGliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { createApp } from "../../api/_app.ts";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import type { KeyEnvironment } from "../../lib/accounts/api-key.ts";
import { createKey } from "../../lib/accounts/create-key.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { createBatchingSettler } from "../../lib/billing/batching-settler.ts";
import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { MIGRATIONS } from "../../lib/database/migrations.ts";
import type { Database } from "../../lib/database/tables.ts";
import { createGateway, type Gateway } from "../../lib/inference/gateway.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { createTrackedBackground } from "../../lib/platform/background.ts";
import { createLog } from "../../lib/platform/log.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import type { RedisEngine } from "../../lib/platform/redis/redis-engine.ts";
import { createEngineRedis } from "../../lib/platform/redis/requester.ts";
import { type Clock, sleep } from "../../lib/ports/clock.ts";
import type { Configuration } from "../../lib/ports/configuration.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import type { UpstreamReply, UpstreamRequest } from "../../lib/ports/upstream.ts";
import { createFakeClock } from "../support/fake-clock.ts";

export const ADMIN_KEY = "admin-canary-0123456789abcdef";
export const SALT = "salt-canary-0123456789abcdef";

/** One database engine a process: starting one takes seconds, emptying one does not. */
const engine = PGlite.create({ parsers: { [types.INT8]: (value: string) => value } });

export interface TestApp {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly gateway: Gateway;
  readonly ports: Ports;
  readonly clock: ReturnType<typeof createFakeClock>;
  /** Of the account `acct_a`, which has $5. */
  readonly key: string;
  readonly logLines: readonly string[];
  /** Requests that reached a provider. */
  readonly upstreamCalls: readonly UpstreamRequest[];
  /** Everything that Redis holds. */
  readonly redisContent: () => Readonly<Record<string, unknown>>;
  readonly redisCalls: () => number;
  readonly sqlCalls: () => number;
  /** From now on every call of the store fails. */
  breakRedis(broken: boolean): void;
  breakDatabase(broken: boolean): void;
  /** What becomes of every call from now on. */
  setRedisFault(fault: StoreFault): void;
  setDatabaseFault(fault: StoreFault): void;
  /** What the provider answers from now on: JSON. */
  setUpstreamReply(text: string): void;
  /** Calls of the provider wait from now on, until the function given back is called. */
  pauseProvider(): () => void;
  newKey(wish?: {
    readonly expiresAt?: string;
    readonly requestsPerMinute?: number;
  }): Promise<{ id: string; apiKey: string }>;
  /** Waits for the work that responses have left behind. */
  settle(): Promise<void>;
}

class StoreDown extends Error {}

/**
 * `away`: a call fails before anything is done. `reply-lost`: it is done, and the caller gets an error. `silent`: nobody
 * hears of it again. A number: it is done, and the reply comes that many milliseconds later.
 */
type StoreFault = "none" | "away" | "reply-lost" | "silent" | number;

/** Does a call as the fault has it. */
async function underFault<Result>(fault: StoreFault, clock: Clock, call: () => Promise<Result>): Promise<Result> {
  if (fault === "away") throw new StoreDown("the store is away");
  if (fault === "silent") return new Promise(() => {});
  const result = await call();
  if (fault === "reply-lost") throw new StoreDown("the reply was lost");
  if (typeof fault === "number") await sleep(clock, fault);
  return result;
}

/** The real app on an in-process database and Redis, a clock moved by hand and a provider that answers "hello". */
export async function createTestApp(overrides: Partial<Configuration> = {}): Promise<TestApp> {
  const clock = createFakeClock();
  const logLines: string[] = [];
  const log = createLog((line) => logLines.push(line));
  const tracked = createTrackedBackground(log);
  const faults: { redis: StoreFault; database: StoreFault } = { redis: "none", database: "none" };
  const state = { redisCalls: 0, sqlCalls: 0 };

  const pglite = await engine;
  await pglite.exec("drop schema public cascade; create schema public");
  const database = new Kysely<Database>({
    dialect: new PGliteDialect({ pglite }),
    log: () => {
      state.sqlCalls += 1;
    },
    plugins: [
      {
        transformQuery: ({ node }) => {
          if (faults.database === "away") throw new StoreDown("the store is away");
          return node;
        },
        // The statement is done by then.
        transformResult: ({ result }) => underFault(faults.database, clock, async () => result),
      },
    ],
  });
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  await loadSeedCatalog(database);

  const embedded = createEmbeddedRedis({ clock, scripts: ALL_SCRIPTS });
  const reached = <Result>(answer: () => Promise<Result>): Promise<Result> => {
    state.redisCalls += 1;
    return underFault(faults.redis, clock, answer);
  };
  const counted: RedisEngine = {
    call: (command) => reached(() => embedded.call(command)),
    pipeline: (commands) => reached(() => embedded.pipeline(commands)),
    transaction: (commands) => reached(() => embedded.transaction(commands)),
    close: () => embedded.close(),
  };
  const redis = createEngineRedis(counted, clock);

  const upstreamCalls: UpstreamRequest[] = [];
  let provider = Promise.resolve();
  let upstreamText = HELLO;
  const ports: Ports = {
    clock,
    redis,
    database,
    log,
    background: tracked.background,
    callUpstream: async (request) => {
      upstreamCalls.push(request);
      await provider;
      return answer(upstreamText);
    },
  };
  const gateway = createGateway(
    { ...CONFIGURATION, ...overrides },
    createBatchingSettler({ maxBatch: 1, maxDelayMs: 0, maxStatements: 4 }),
  );
  const app = createApp(gateway, ports);

  const newKey: TestApp["newKey"] = (wish = {}) =>
    createKey(ports, gateway.hasher, {
      accountId: "acct_a",
      name: "test",
      environment: "dev" satisfies KeyEnvironment,
      requestsPerMinute: wish.requestsPerMinute ?? 250,
      expiresAt: wish.expiresAt ?? null,
    });
  await insertAccount(database, { id: "acct_a", name: "A", email: null });
  await addCredit(ports, {
    key: "test:a",
    accountId: "acct_a",
    amountNanoUsd: 5_000_000_000n,
    bucket: "purchased",
    kind: "admin_credit",
    description: null,
  });
  const { apiKey } = await newKey();
  return {
    fetch: async (request) => app.fetch(request),
    gateway,
    ports,
    clock,
    key: apiKey,
    logLines,
    upstreamCalls,
    redisContent: () => embedded.snapshot(),
    redisCalls: () => state.redisCalls,
    sqlCalls: () => state.sqlCalls,
    breakRedis: (broken) => {
      faults.redis = broken ? "away" : "none";
    },
    breakDatabase: (broken) => {
      faults.database = broken ? "away" : "none";
    },
    setRedisFault: (fault) => {
      faults.redis = fault;
    },
    setDatabaseFault: (fault) => {
      faults.database = fault;
    },
    setUpstreamReply: (text) => {
      upstreamText = text;
    },
    pauseProvider: () => {
      const paused = Promise.withResolvers<void>();
      provider = paused.promise;
      return paused.resolve;
    },
    newKey,
    settle: () => tracked.drain(5_000),
  };
}

const CONFIGURATION: Configuration = {
  appVersion: "0.0.0-test",
  keyEnvironment: "dev",
  providers: { openai: { apiKeys: ["sk-provider-canary-0123456789"], baseUrl: null, variables: {} } },
  adminApiKey: ADMIN_KEY,
  apiGatewaySalt: SALT,
  bootstrapKey: null,
  encryptionKeys: [],
  keepReplies: false,
  byokFeePercent: 0,
  maxBodyBytes: 4_000_000,
  maxFileBytes: 1_000_000,
  publicUrl: null,
  timeouts: {
    firstTokenMs: 30_000,
    idleMs: 30_000,
    wholeRequestMs: 600_000,
    rateLimitWaitMs: 10_000,
    keepAliveMs: 15_000,
  },
  embedded: true,
  providerWeights: {},
  hedging: false,
};

const HELLO = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
});

function answer(replyText: string): UpstreamReply {
  const headers: Readonly<Record<string, string>> = {
    "content-type": "application/json",
    "set-cookie": "provider=1",
    server: "provider",
    "openai-organization": "org-canary",
  };
  return {
    status: 200,
    header: (name) => headers[name] ?? null,
    body: {
      text: async () => replyText,
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        yield new TextEncoder().encode(replyText);
      },
    },
  };
}

/** A POST of JSON to the app, with the given headers on top of the usual ones; null takes one away. */
export function post(path: string, body: unknown, headers: Readonly<Record<string, string | null>> = {}): Request {
  const all = new Headers({ "content-type": "application/json" });
  for (const [name, value] of Object.entries(headers)) value === null ? all.delete(name) : all.set(name, value);
  return new Request(`http://gateway.test${path}`, {
    method: "POST",
    headers: all,
    body:
      typeof body === "string" || body instanceof Uint8Array || body === null
        ? (body as BodyInit | null)
        : JSON.stringify(body),
  });
}

export function get(path: string, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request(`http://gateway.test${path}`, { headers });
}
