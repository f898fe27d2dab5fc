import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { postgresPrograms, startOwnPostgres } from "../support/own-postgres.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { processTree, startCommand, startScript, type Target, takeMeasuredCore } from "./processes.ts";

export interface BenchmarkTarget extends Target {
  readonly name: string;
  readonly isGangway: boolean;
  /** What a client of this target sends beside the body. */
  readonly headers: Readonly<Record<string, string>>;
}

const ADMIN_KEY = "admin-key-of-the-benchmark";
/** More than any round can use. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** Starts the upstream and everything in front of it; every target takes the core that the load leaves alone. */
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
  const real = await startRealStores();
  if (real !== null) {
    targets.push(await startGangway("Gangway, real Redis and PostgreSQL", { ...openai, ...real.variables }));
  }
  const folder = mkdtempSync(join(tmpdir(), "gangway-benchmark-"));
  folders.push(folder);
  targets.push(await startGangway("Gangway, embedded stores", { ...openai, GANGWAY_DATA_DIR: folder }));
  const worker = await startScript("targets/start-workerd.ts", {
    UPSTREAM,
    WORKER: "gangway",
    ADMIN_API_KEY: ADMIN_KEY,
    ...openai,
    ...real?.variables,
  });
  targets.push(await asGangway("Gangway in workerd", await withChildren(worker)));
  for (const target of targets.slice(1)) takeMeasuredCore(target);
  return {
    targets,
    async stop() {
      for (const target of targets) await target.stop();
      await real?.stop();
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

interface RealStores {
  /** Variables of a gateway that uses them. */
  readonly variables: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A PostgreSQL and a Redis of the benchmark's own, beside the load; null where the machine has no such programs. */
async function startRealStores(): Promise<RealStores | null> {
  const postgresFolder = postgresPrograms();
  const redis = await startOwnRedis();
  if (postgresFolder === null || redis === null) {
    await redis?.stop();
    process.stdout.write("No PostgreSQL and Redis programs on this machine: no target with real stores.\n");
    return null;
  }
  const postgres = await startOwnPostgres(postgresFolder);
  return {
    variables: { DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    async stop() {
      await redis.stop();
      await postgres.remove();
    },
  };
}
