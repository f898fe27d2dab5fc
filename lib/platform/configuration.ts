import * as z from "zod";
import type { Configuration } from "../ports/configuration.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the stores are: decided by which variables are set. */
export interface StoreSettings {
  readonly redis:
    | { readonly kind: "embedded" }
    | { readonly kind: "tcp"; readonly url: string }
    | { readonly kind: "upstash"; readonly url: string; readonly token: string };
  readonly postgres:
    | { readonly kind: "embedded" }
    | { readonly kind: "tcp" | "neon"; readonly url: string; readonly endpoint: string | null };
}

export interface Settings {
  readonly configuration: Configuration;
  readonly stores: StoreSettings;
  readonly host: string;
  readonly port: number;
  /** Where the embedded stores keep their data. */
  readonly dataDirectory: string;
  readonly connectTimeoutMs: number;
  readonly cronSecret: string | null;
}

const milliseconds = (byDefault: number) => z.coerce.number().int().min(1).max(3_600_000).default(byDefault);
const httpUrl = z.url({ protocol: /^https?$/ });

/** Every variable but the providers', with what it is for: the schema that parses them and the README's table. */
export const VARIABLES = {
  PORT: z.coerce.number().int().min(0).max(65_535).default(8787).describe("Port of the Node server"),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address that the Node server listens on"),
  APP_ENV: z
    .enum(["development", "test", "testing", "staging", "production"])
    .optional()
    .describe("Sets the environment in new keys: gw_dev_, gw_test_, gw_staging_, gw_live_"),
  APP_URL: httpUrl.optional().describe("Base URL that clients are told"),
  GANGWAY_DATA_DIR: z.string().min(1).default(".gangway").describe("Folder of the embedded stores"),
  GANGWAY_BOOTSTRAP_KEY: z
    .string()
    .min(16)
    .max(200)
    .regex(/^[\x21-\x7e]+$/)
    .optional()
    .describe("Key of the local account, instead of a random one; at least 16 printable characters"),
  API_GATEWAY_SALT: z
    .string()
    .min(16)
    .optional()
    .describe("Salt of the key hashes, at least 16 characters; required unless both stores are embedded"),
  ADMIN_API_KEY: z
    .string()
    .min(16)
    .optional()
    .describe("Bearer token of the operator routes, at least 16 characters; without it they answer 403"),
  CRON_SECRET: z
    .string()
    .min(16)
    .optional()
    .describe("Bearer token of the cron routes on Vercel, at least 16 characters"),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe("A Redis over TCP (Node only)"),
  UPSTASH_REDIS_REST_URL: httpUrl.optional().describe("Upstash's REST endpoint"),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional().describe("Its token"),
  DATABASE_URL: z
    .url({ protocol: /^postgres(?:ql)?$/ })
    .optional()
    .describe("A PostgreSQL: over TCP on Node, over Neon's HTTP at the edge"),
  NEON_HTTP_ENDPOINT: httpUrl.optional().describe("Where Neon's protocol is spoken, when that is not Neon"),
  MAX_BODY_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .max(100_000_000)
    .default(4 * 1024 * 1024)
    .describe("Largest request body"),
  CONNECT_TIMEOUT_MS: milliseconds(5_000).describe("Connecting to a provider"),
  FIRST_TOKEN_TIMEOUT_MS: milliseconds(30_000).describe("A stream's first token"),
  IDLE_TIMEOUT_MS: milliseconds(30_000).describe("Between two tokens of a stream"),
  REQUEST_TIMEOUT_MS: milliseconds(600_000).describe("A whole request, all providers together"),
  RATE_LIMIT_WAIT_MS: milliseconds(30_000).describe("Longest wait for a provider that answers 429"),
  KEEP_ALIVE_MS: milliseconds(10_000).describe("Silence after which a waiting stream gets a keep-alive"),
} as const;

const schema = z.object(VARIABLES);

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/**
 * Reads the environment once. What is set and empty counts as not set.
 * @param providers the declarations whose keys and addresses are looked for
 * @throws ConfigurationError naming every variable that is missing or malformed and what it should be, never a value
 */
export function parseSettings(
  environment: Environment,
  runtime: "node" | "edge",
  providers: readonly { readonly id: string; readonly apiKeyVariable: string | null }[],
  appVersion: string,
): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path }) => `${String(path[0])} must be: ${expectation(String(path[0]))}`);
  const providerSettings = readProviders(given, providers, problems);
  if (!parsed.success) throw configurationError(problems);
  const variables = parsed.data;
  const stores = readStores(variables, runtime, problems);
  const embedded = stores.redis.kind === "embedded" && stores.postgres.kind === "embedded";
  const { API_GATEWAY_SALT: salt } = variables;
  if (salt === undefined && !embedded) problems.push(`API_GATEWAY_SALT must be: ${expectation("API_GATEWAY_SALT")}`);
  if (problems.length > 0) throw configurationError(problems);
  return {
    configuration: {
      appVersion,
      keyEnvironment: keyEnvironment(variables.APP_ENV, embedded),
      providers: providerSettings,
      adminApiKey: variables.ADMIN_API_KEY ?? null,
      apiGatewaySalt: salt ?? "",
      bootstrapKey: variables.GANGWAY_BOOTSTRAP_KEY ?? null,
      maxBodyBytes: variables.MAX_BODY_BYTES,
      publicUrl: variables.APP_URL ?? null,
      embedded,
      timeouts: {
        firstTokenMs: variables.FIRST_TOKEN_TIMEOUT_MS,
        idleMs: variables.IDLE_TIMEOUT_MS,
        wholeRequestMs: variables.REQUEST_TIMEOUT_MS,
        rateLimitWaitMs: variables.RATE_LIMIT_WAIT_MS,
        keepAliveMs: variables.KEEP_ALIVE_MS,
      },
    },
    stores,
    host: variables.HOST,
    port: variables.PORT,
    dataDirectory: variables.GANGWAY_DATA_DIR,
    connectTimeoutMs: variables.CONNECT_TIMEOUT_MS,
    cronSecret: variables.CRON_SECRET ?? null,
  };
}

type Variables = z.infer<typeof schema>;

function expectation(name: string): string {
  const entry = Object.entries(VARIABLES).find(([variable]) => variable === name);
  return entry?.[1].description ?? "a valid value";
}

function configurationError(problems: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    `The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
  );
}

function keyEnvironment(appEnv: Variables["APP_ENV"], embedded: boolean): Configuration["keyEnvironment"] {
  switch (appEnv) {
    case "development":
      return "dev";
    case "test":
    case "testing":
      return "test";
    case "staging":
      return "staging";
    case "production":
      return "live";
    case undefined:
      return embedded ? "dev" : "live";
  }
}

/** `<SLUG>_BASE_URL`, the slug in capitals with `-` as `_`. */
function baseUrlVariable(id: string): string {
  return `${id.toUpperCase().replaceAll("-", "_")}_BASE_URL`;
}

function readProviders(
  given: Environment,
  providers: readonly { readonly id: string; readonly apiKeyVariable: string | null }[],
  problems: string[],
): Configuration["providers"] {
  const settings: Record<string, { apiKey: string | null; baseUrl: string | null }> = {};
  for (const { id, apiKeyVariable } of providers) {
    const keyVariable = apiKeyVariable ?? `${id.toUpperCase().replaceAll("-", "_")}_API_KEY`;
    const apiKey = given[keyVariable] ?? null;
    const baseUrl = given[baseUrlVariable(id)] ?? null;
    if (apiKey !== null && !/^[\x21-\x7e]+$/.test(apiKey))
      problems.push(`${keyVariable} must be: printable characters without spaces`);
    if (baseUrl !== null && !httpUrl.safeParse(baseUrl).success)
      problems.push(`${baseUrlVariable(id)} must be: an http or https URL`);
    if (apiKey !== null || baseUrl !== null) settings[id] = { apiKey, baseUrl };
  }
  return settings;
}

function readStores(variables: Variables, runtime: "node" | "edge", problems: string[]): StoreSettings {
  const {
    REDIS_URL: redisUrl,
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: token,
    DATABASE_URL: database,
  } = variables;
  const endpoint = variables.NEON_HTTP_ENDPOINT ?? null;
  const neon = database !== undefined && (runtime === "edge" || endpoint !== null);
  if ((url === undefined) !== (token === undefined)) {
    problems.push(
      `${url === undefined ? "UPSTASH_REDIS_REST_URL" : "UPSTASH_REDIS_REST_TOKEN"} must be: set together with its counterpart`,
    );
  }
  if (runtime === "edge" && url === undefined)
    problems.push(`UPSTASH_REDIS_REST_URL must be: ${expectation("UPSTASH_REDIS_REST_URL")}`);
  if (runtime === "edge" && database === undefined)
    problems.push(`DATABASE_URL must be: ${expectation("DATABASE_URL")}`);
  return {
    redis:
      url !== undefined && token !== undefined
        ? { kind: "upstash", url, token }
        : redisUrl !== undefined
          ? { kind: "tcp", url: redisUrl }
          : { kind: "embedded" },
    postgres: database === undefined ? { kind: "embedded" } : { kind: neon ? "neon" : "tcp", url: database, endpoint },
  };
}
