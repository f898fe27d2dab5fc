import * as z from "zod";
import type { Configuration } from "../ports/configuration.ts";
import { type Environment, httpUrl, listed, PRINTABLE, setVariables } from "./environment.ts";
import { type DeclaredProvider, readProviders } from "./provider-settings.ts";

/** Where the stores are: decided by which variables are set. */
export interface StoreSettings {
  /** Upstash's, where both are set. */
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

/** Digits and nothing else: `Number` would take blanks for 0 and read `1e3` and `0x10`. */
const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
const milliseconds = (byDefault: number, what: string) =>
  integer(1, 3_600_000).default(byDefault).describe(`a whole number of milliseconds from 1 to 3600000: ${what}`);
const secret = z.string().min(16).max(500).regex(PRINTABLE);

const ENCRYPTION_KEYS = /^[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/]{43}=(?:,\s*[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/]{43}=)*$/;
const encryptionKeys = (text: string) =>
  text.split(",").map((pair) => {
    const [id = "", key = ""] = pair.trim().split(":");
    return { id, secret: key };
  });

/** Every variable but the providers', each with what it must be: the schema that parses them, and what a mistake is told. */
export const VARIABLES = {
  PORT: integer(0, 65_535).default(8787).describe("a whole number from 0 to 65535: the port of the Node server"),
  HOST: z
    .string()
    .regex(/^[\w.:-]+$/)
    .default("127.0.0.1")
    .describe("an address or a host name: where the Node server listens"),
  APP_ENV: z
    .enum(["development", "test", "testing", "staging", "production"])
    .optional()
    .describe("development, test, testing, staging or production: the environment in new keys"),
  APP_URL: httpUrl.optional().describe("an http or https URL: the base that clients are told"),
  GANGWAY_DATA_DIR: z.string().min(1).default(".gangway").describe("a path: the folder of the embedded stores"),
  GANGWAY_BOOTSTRAP_KEY: z
    .string()
    .min(16)
    .max(200)
    .regex(PRINTABLE)
    .optional()
    .describe("16 to 200 printable characters: the local account's key, instead of a random one"),
  API_GATEWAY_SALT: z
    .string()
    .min(16)
    .optional()
    .describe("at least 16 characters: the salt of the key hashes, required unless both stores are embedded"),
  ADMIN_API_KEY: secret
    .optional()
    .describe("16 to 500 printable characters: the bearer token of the operator's routes, which answer 403 without it"),
  CRON_SECRET: secret
    .optional()
    .describe("16 to 500 printable characters: the bearer token of the cron route on Vercel"),
  ENCRYPTION_KEYS: z
    .string()
    .regex(ENCRYPTION_KEYS)
    .transform(encryptionKeys)
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length)
    .optional()
    .describe(
      "a list of id:key with commas between, each key 32 bytes in base64: what secrets are sealed under, the current one first",
    ),
  KEEP_REPLIES: z
    .enum(["true", "false"])
    .default("false")
    .describe("a word, true or false: whether replies under an Idempotency-Key are kept for a day, sealed"),
  BYOK_FEE_PERCENT: integer(0, 100)
    .default(0)
    .describe(
      "a whole number from 0 to 100: what a call with the account's own provider key costs, in percent of its price",
    ),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, hostname: /./ })
    .optional()
    .describe("a redis:// or rediss:// URL: a Redis over TCP, on Node"),
  UPSTASH_REDIS_REST_URL: httpUrl
    .optional()
    .describe("an http or https URL: Upstash's REST endpoint, which the edge needs"),
  UPSTASH_REDIS_REST_TOKEN: z
    .string()
    .regex(PRINTABLE)
    .optional()
    .describe("printable characters without spaces: the token of UPSTASH_REDIS_REST_URL"),
  DATABASE_URL: z
    .url({ protocol: /^postgres(?:ql)?$/ })
    .optional()
    .describe("a postgres:// URL: PostgreSQL over TCP on Node, over Neon's HTTP at the edge, which needs one"),
  NEON_HTTP_ENDPOINT: httpUrl
    .optional()
    .describe("an http or https URL: where Neon's protocol is spoken for DATABASE_URL, when that is not Neon"),
  MAX_BODY_BYTES: integer(1024, 100_000_000)
    .default(4 * 1024 * 1024)
    .describe("a whole number of bytes from 1024 to 100000000: the largest request body"),
  MAX_FILE_BYTES: integer(1024, 100_000_000)
    .default(20 * 1024 * 1024)
    .describe("a whole number of bytes from 1024 to 100000000: the largest file for a batch"),
  CONNECT_TIMEOUT_MS: milliseconds(5_000, "connecting to a provider"),
  FIRST_TOKEN_TIMEOUT_MS: milliseconds(30_000, "a stream's first token"),
  IDLE_TIMEOUT_MS: milliseconds(30_000, "between two tokens of a stream"),
  REQUEST_TIMEOUT_MS: milliseconds(600_000, "a whole request, all providers together"),
  RATE_LIMIT_WAIT_MS: milliseconds(30_000, "the longest wait for a provider that answers 429"),
  KEEP_ALIVE_MS: milliseconds(10_000, "the silence after which a waiting stream gets a keep-alive"),
  PROVIDER_WEIGHTS: z
    .string()
    .optional()
    .describe(
      "a list such as openai=3,openrouter=1, weights from 1 to 1000: how calls are shared among these providers",
    ),
  HEDGING: z
    .enum(["true", "false"])
    .default("false")
    .describe("a switch, true or false: whether a stream that is late to start is asked for at a second provider too"),
} as const;

const schema = z.object(VARIABLES);

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/**
 * Reads the environment once. What is set to nothing, or to blanks, counts as not set.
 * @param providers the declarations whose keys and addresses are looked for
 * @throws ConfigurationError naming every variable that is missing or malformed and what it should be, never a value
 */
export function parseSettings(
  environment: Environment,
  runtime: "node" | "edge",
  providers: readonly DeclaredProvider[],
  appVersion: string,
): Settings {
  const given = setVariables(environment);
  const parsed = schema.safeParse(given);
  const problems = parsed.success ? [] : parsed.error.issues.map(({ path }) => problemOf(String(path[0])));
  const providerSettings = readProviders(given, providers, problems);
  const providerWeights = readWeights(given["PROVIDER_WEIGHTS"], providers, problems);
  const stores = readStores(given, runtime, problems);
  const embedded = stores.redis.kind === "embedded" && stores.postgres.kind === "embedded";
  if (given["API_GATEWAY_SALT"] === undefined && !embedded) problems.push(problemOf("API_GATEWAY_SALT"));
  if (!parsed.success || problems.length > 0) throw configurationError(problems);
  const variables = parsed.data;
  return {
    configuration: {
      appVersion,
      keyEnvironment: keyEnvironment(variables.APP_ENV, embedded),
      providers: providerSettings,
      adminApiKey: variables.ADMIN_API_KEY ?? null,
      apiGatewaySalt: variables.API_GATEWAY_SALT ?? "",
      bootstrapKey: variables.GANGWAY_BOOTSTRAP_KEY ?? null,
      encryptionKeys: variables.ENCRYPTION_KEYS ?? [],
      keepReplies: variables.KEEP_REPLIES === "true",
      byokFeePercent: variables.BYOK_FEE_PERCENT,
      maxBodyBytes: variables.MAX_BODY_BYTES,
      maxFileBytes: variables.MAX_FILE_BYTES,
      publicUrl: variables.APP_URL ?? null,
      embedded,
      providerWeights,
      hedging: variables.HEDGING === "true",
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

function problemOf(name: string): string {
  const entry = Object.entries(VARIABLES).find(([variable]) => variable === name);
  return `${name} must be: ${entry?.[1].description ?? "a valid value"}`;
}

function configurationError(problems: readonly string[]): ConfigurationError {
  const lines = [...new Set(problems)].map((problem) => `  ${problem}`);
  return new ConfigurationError(`The configuration is not valid:\n${lines.join("\n")}`);
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

/** `openai=3,azure-openai=1`. */
function readWeights(
  text: string | undefined,
  providers: readonly DeclaredProvider[],
  problems: string[],
): Readonly<Record<string, number>> {
  const weights = listed(text).map((entry) => {
    const [, id, weight] = /^([\w-]+)=(\d{1,4})$/.exec(entry) ?? [];
    const known = providers.some((provider) => provider.id === id);
    return [id ?? "", known ? Number(weight) : 0] as const;
  });
  if (weights.some(([, weight]) => weight < 1 || weight > 1000)) problems.push(problemOf("PROVIDER_WEIGHTS"));
  return Object.fromEntries(weights);
}

/** Which variables are set decides; whether they are well-formed is the schema's to say. */
function readStores(given: Environment, runtime: "node" | "edge", problems: string[]): StoreSettings {
  const {
    REDIS_URL: redisUrl,
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: token,
    DATABASE_URL: database,
    NEON_HTTP_ENDPOINT: endpoint = null,
  } = given;
  const edge = runtime === "edge";
  if (url === undefined && (token !== undefined || edge)) problems.push(problemOf("UPSTASH_REDIS_REST_URL"));
  if (token === undefined && (url !== undefined || edge)) problems.push(problemOf("UPSTASH_REDIS_REST_TOKEN"));
  // An endpoint alone would stand for nothing, and the data would go to the embedded database.
  if (database === undefined && (endpoint !== null || edge)) problems.push(problemOf("DATABASE_URL"));
  return {
    redis:
      url !== undefined && token !== undefined
        ? { kind: "upstash", url, token }
        : redisUrl !== undefined
          ? { kind: "tcp", url: redisUrl }
          : { kind: "embedded" },
    postgres:
      database === undefined
        ? { kind: "embedded" }
        : { kind: edge || endpoint !== null ? "neon" : "tcp", url: database, endpoint },
  };
}
