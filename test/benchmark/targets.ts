import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import packageJson from "../../package.json" with { type: "json" };
import { processTree, startCommand, startScript, type Target } from "./processes.ts";

export interface BenchmarkTarget extends Target {
  readonly name: string;
  readonly isGangway: boolean;
  /** What a client of this target sends beside the body. */
  readonly headers: Readonly<Record<string, string>>;
}

const ADMIN_KEY = "admin-key-of-the-benchmark";
const DATABASE = "gangway_benchmark";
const REDIS_NUMBER = 13;
/** More than any round can use. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** Starts the upstream and everything in front of it. Real stores take part when TEST_DATABASE_URL and TEST_REDIS_URL are set. */
export async function startTargets(): Promise<{ readonly targets: readonly BenchmarkTarget[]; stop(): Promise<void> }> {
  const upstream = await startScript("upstream.ts");
  const UPSTREAM = `http://127.0.0.1:${upstream.port}`;
  const plain = (name: string, target: Target): BenchmarkTarget => ({ ...target, name, isGangway: false, headers: {} });
  const targets: BenchmarkTarget[] = [
    plain("direct", upstream),
    plain("bare Hono + fetch proxy", await startScript("targets/hono-fetch.ts", { UPSTREAM })),
    plain("bare undici proxy", await startScript("targets/undici-proxy.ts", { UPSTREAM })),
    plain(
      "bare Hono proxy in workerd",
      await withChildren(await startScript("targets/start-workerd.ts", { UPSTREAM, WORKER: "hono" })),
    ),
  ];
  const folders: string[] = [];
  const openai = { OPENAI_API_KEY: "sk-benchmark", OPENAI_BASE_URL: `${UPSTREAM}/v1` };
  const real = await realStores();
  if (real !== null) targets.push(await startGangway("Gangway, real Redis and PostgreSQL", { ...openai, ...real }));
  const folder = mkdtempSync(join(tmpdir(), "gangway-benchmark-"));
  folders.push(folder);
  targets.push(await startGangway("Gangway, embedded stores", { ...openai, GANGWAY_DATA_DIR: folder }));
  const worker = await startScript("targets/start-workerd.ts", {
    UPSTREAM,
    WORKER: "gangway",
    ADMIN_API_KEY: ADMIN_KEY,
    ...openai,
    ...real,
  });
  targets.push(await asGangway("Gangway in workerd", await withChildren(worker)));
  return {
    targets,
    async stop() {
      for (const target of targets) await target.stop();
      for (const path of folders) rmSync(path, { recursive: true, force: true });
    },
  };
}

async function withChildren(target: Target): Promise<Target> {
  const [root = 0] = target.processIds;
  // The parent serves the stores; what the requests cost is in workerd.
  const tree = await processTree(root);
  return { ...target, processIds: tree.length > 1 ? tree.filter((id) => id !== root) : tree };
}

async function startGangway(name: string, environment: Readonly<Record<string, string>>): Promise<BenchmarkTarget> {
  const settings = {
    PORT: "0",
    APP_ENV: "test",
    ADMIN_API_KEY: ADMIN_KEY,
    API_GATEWAY_SALT: "salt-of-the-benchmark",
    ...environment,
  };
  const root = join(import.meta.dirname, "../..");
  // As `npm start` runs it, flags included.
  const [, ...args] = packageJson.scripts.start.split(" ");
  return asGangway(
    name,
    await startCommand(
      args.map((arg) => (arg.endsWith(".ts") ? join(root, arg) : arg)),
      { REDIS_URL: "", DATABASE_URL: "", ...settings },
      /Base URL\s+http:\/\/[^:]+:(\d+)/,
    ),
  );
}

/** Gives the target an account with ample credit and a key without a limit that matters. */
async function asGangway(name: string, target: Target): Promise<BenchmarkTarget> {
  const post = async (path: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${target.port}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    // Replies of our own routes.
    return (await response.json()) as { readonly account?: { readonly id: string }; readonly api_key?: string };
  };
  const { account } = await post("/auth/register", { name: "benchmark" });
  const accountId = account?.id ?? "";
  await post("/credits/add", { account_id: accountId, amount_usd: "1000" });
  const { api_key: key } = await post("/user/api-keys", {
    account_id: accountId,
    name: "load",
    requests_per_minute: REQUESTS_PER_MINUTE,
  });
  return { ...target, name, isGangway: true, headers: { authorization: `Bearer ${key}` } };
}

/** An empty database and an empty Redis, as variables of a gateway; null where none are given. */
async function realStores(): Promise<Readonly<Record<string, string>> | null> {
  const { TEST_DATABASE_URL: database, TEST_REDIS_URL: redis } = process.env;
  if (database === undefined || redis === undefined) {
    process.stdout.write("TEST_DATABASE_URL and TEST_REDIS_URL are not set: no target with real stores.\n");
    return null;
  }
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  await client.query(`drop database if exists ${DATABASE} with (force)`);
  await client.query(`create database ${DATABASE}`);
  await client.end();
  const own = new URL(database);
  own.pathname = `/${DATABASE}`;
  const number = new URL(redis);
  number.pathname = `/${REDIS_NUMBER}`;
  return { DATABASE_URL: own.href, REDIS_URL: number.href };
}
