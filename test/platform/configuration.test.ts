import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigurationError, parseSettings, type Settings, VARIABLES } from "../../lib/platform/configuration.ts";
import type { Environment } from "../../lib/platform/environment.ts";
import { demo } from "../../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";

const DECLARED = PROVIDERS.filter(({ id }) => id !== demo.id);
const SALT = "a salt of sixteen or more";
const UPSTASH = { UPSTASH_REDIS_REST_URL: "https://redis.test", UPSTASH_REDIS_REST_TOKEN: "token" };
const DATABASE = { DATABASE_URL: "postgres://user:password@database.test/gangway" };
const EDGE = { ...UPSTASH, ...DATABASE, API_GATEWAY_SALT: SALT };

const parse = (environment: Environment, runtime: "node" | "edge" = "node") =>
  parseSettings(environment, runtime, DECLARED, "1.2.3");
/** The lines that name a problem. */
function problems(environment: Environment, runtime: "node" | "edge" = "node"): readonly string[] {
  try {
    parse(environment, runtime);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [title, ...lines] = error.message.split("\n");
    expect(title).toBe("The configuration is not valid:");
    expect(error.cause).toBeUndefined();
    return lines.map((line) => line.trim());
  }
  return [];
}
const named = (environment: Environment, runtime: "node" | "edge" = "node") =>
  problems(environment, runtime).map((line) => line.split(" ")[0]);

interface Case {
  /** Where a valid value is found again. */
  readonly read: (settings: Settings) => unknown;
  readonly byDefault: unknown;
  /** What is set, and what is read. */
  readonly valid: readonly (readonly [string, unknown])[];
  /** Each holds, where there is room for one, a canary. */
  readonly invalid: readonly string[];
  /** What has to be set besides. */
  readonly beside?: Environment;
}

const CANARY = "canary7429";
const url = (...schemes: readonly string[]) => [CANARY, "host.test", `ftp://${CANARY}.test`, `${schemes[0]}://`, "//x"];
const milliseconds = (read: Case["read"], byDefault: number): Case => ({
  read,
  byDefault,
  valid: [
    ["1", 1],
    ["3600000", 3_600_000],
  ],
  invalid: ["0", "-1", "3600001", "1.5", "1e3", "0x10", "10s", "Infinity", "NaN", CANARY, "1 000", "9".repeat(30)],
});
const secret = (read: Case["read"]): Case => ({
  read,
  byDefault: null,
  valid: [
    ["x".repeat(16), "x".repeat(16)],
    ["!~".repeat(250), "!~".repeat(250)],
  ],
  invalid: [CANARY, `${CANARY} with blanks inside`, `${CANARY}-ünïcode`, "x".repeat(501)],
});

/** 32 bytes. */
const KEY_TEXT = Buffer.alloc(32, 7).toString("base64");

const CASES: Readonly<Record<keyof typeof VARIABLES, Case>> = {
  PORT: {
    read: ({ port }) => port,
    byDefault: 8787,
    valid: [
      ["0", 0],
      ["65535", 65_535],
      [" 8080\n", 8080],
    ],
    invalid: ["65536", "-1", "80.5", "8e3", "0x50", CANARY, "80 81"],
  },
  HOST: {
    read: ({ host }) => host,
    byDefault: "127.0.0.1",
    valid: [
      ["0.0.0.0", "0.0.0.0"],
      ["::1", "::1"],
      ["gateway.internal", "gateway.internal"],
    ],
    invalid: [`http://${CANARY}`, `${CANARY}/x`, `${CANARY} x`],
  },
  APP_ENV: {
    read: ({ configuration }) => configuration.keyEnvironment,
    byDefault: "dev",
    valid: [
      ["development", "dev"],
      ["test", "test"],
      ["testing", "test"],
      ["staging", "staging"],
      ["production", "live"],
    ],
    invalid: [CANARY, "Production", "prod", "constructor"],
  },
  APP_URL: {
    read: ({ configuration }) => configuration.publicUrl,
    byDefault: null,
    valid: [["https://api.example.com", "https://api.example.com"]],
    invalid: url("https"),
  },
  GANGWAY_DATA_DIR: {
    read: ({ dataDirectory }) => dataDirectory,
    byDefault: ".gangway",
    valid: [["/var/lib/gangway", "/var/lib/gangway"]],
    invalid: [],
  },
  GANGWAY_BOOTSTRAP_KEY: {
    read: ({ configuration }) => configuration.bootstrapKey,
    byDefault: null,
    valid: [["my-own-key-of-16", "my-own-key-of-16"]],
    invalid: [CANARY, `${CANARY} with blanks inside`, "x".repeat(201)],
  },
  API_GATEWAY_SALT: {
    read: ({ configuration }) => configuration.apiGatewaySalt,
    byDefault: "",
    valid: [[SALT, SALT]],
    invalid: [CANARY],
  },
  ADMIN_API_KEY: secret(({ configuration }) => configuration.adminApiKey),
  CRON_SECRET: secret(({ cronSecret }) => cronSecret),
  ENCRYPTION_KEYS: {
    read: ({ configuration }) => configuration.encryptionKeys,
    byDefault: [],
    valid: [
      [`k1:${KEY_TEXT}`, [{ id: "k1", secret: KEY_TEXT }]],
      [
        `k2:${KEY_TEXT}, k1:${KEY_TEXT}`,
        [
          { id: "k2", secret: KEY_TEXT },
          { id: "k1", secret: KEY_TEXT },
        ],
      ],
    ],
    invalid: [CANARY, `k1:${CANARY}`, KEY_TEXT, `k1:${KEY_TEXT},k1:${KEY_TEXT}`, `k1:${KEY_TEXT},`, `k.1:${KEY_TEXT}`],
  },
  BYOK_FEE_PERCENT: {
    read: ({ configuration }) => configuration.byokFeePercent,
    byDefault: 0,
    valid: [
      ["5", 5],
      ["100", 100],
    ],
    invalid: [CANARY, "-1", "101", "2.5", "5%"],
  },
  KEEP_REPLIES: {
    read: ({ configuration }) => configuration.keepReplies,
    byDefault: false,
    valid: [
      ["true", true],
      ["false", false],
    ],
    invalid: [CANARY, "yes", "1", "TRUE"],
  },
  REDIS_URL: {
    read: ({ stores }) => stores.redis,
    byDefault: { kind: "embedded" },
    valid: [
      ["redis://localhost:6379/1", { kind: "tcp", url: "redis://localhost:6379/1" }],
      ["rediss://:secret@redis.test", { kind: "tcp", url: "rediss://:secret@redis.test" }],
    ],
    invalid: [...url("redis"), `http://${CANARY}.test`],
    beside: { API_GATEWAY_SALT: SALT },
  },
  UPSTASH_REDIS_REST_URL: {
    read: ({ stores }) => stores.redis,
    byDefault: { kind: "embedded" },
    valid: [["https://redis.test", { kind: "upstash", url: "https://redis.test", token: "token" }]],
    invalid: [...url("https"), `redis://${CANARY}.test`],
    beside: { UPSTASH_REDIS_REST_TOKEN: "token", API_GATEWAY_SALT: SALT },
  },
  UPSTASH_REDIS_REST_TOKEN: {
    read: ({ stores }) => stores.redis,
    byDefault: { kind: "embedded" },
    valid: [["AbC==", { kind: "upstash", url: "https://redis.test", token: "AbC==" }]],
    invalid: [`${CANARY} x`],
    beside: { UPSTASH_REDIS_REST_URL: "https://redis.test", API_GATEWAY_SALT: SALT },
  },
  DATABASE_URL: {
    read: ({ stores }) => stores.postgres,
    byDefault: { kind: "embedded" },
    valid: [
      ["postgres://u:p@h/d", { kind: "tcp", url: "postgres://u:p@h/d", endpoint: null }],
      // By a socket in the file system, as node-postgres takes it.
      [
        "postgres:///d?host=/run/postgresql",
        { kind: "tcp", url: "postgres:///d?host=/run/postgresql", endpoint: null },
      ],
      ["postgresql://u:p@h/d", { kind: "tcp", url: "postgresql://u:p@h/d", endpoint: null }],
    ],
    invalid: [...url("http"), `mysql://${CANARY}.test`],
    beside: { API_GATEWAY_SALT: SALT },
  },
  NEON_HTTP_ENDPOINT: {
    read: ({ stores }) => stores.postgres,
    byDefault: { kind: "embedded" },
    valid: [["http://127.0.0.1/sql", { kind: "neon", url: DATABASE.DATABASE_URL, endpoint: "http://127.0.0.1/sql" }]],
    invalid: url("http"),
    beside: { ...DATABASE, API_GATEWAY_SALT: SALT },
  },
  MAX_BODY_BYTES: {
    read: ({ configuration }) => configuration.maxBodyBytes,
    byDefault: 4_194_304,
    valid: [
      ["1024", 1024],
      ["100000000", 100_000_000],
    ],
    invalid: ["1023", "100000001", "4MB", "-5", CANARY],
  },
  MAX_FILE_BYTES: {
    read: ({ configuration }) => configuration.maxFileBytes,
    byDefault: 20_971_520,
    valid: [
      ["1024", 1024],
      ["100000000", 100_000_000],
    ],
    invalid: ["1023", "100000001", "4MB", "-5", CANARY],
  },
  CONNECT_TIMEOUT_MS: milliseconds(({ connectTimeoutMs }) => connectTimeoutMs, 5_000),
  FIRST_TOKEN_TIMEOUT_MS: milliseconds(({ configuration }) => configuration.timeouts.firstTokenMs, 30_000),
  IDLE_TIMEOUT_MS: milliseconds(({ configuration }) => configuration.timeouts.idleMs, 30_000),
  REQUEST_TIMEOUT_MS: milliseconds(({ configuration }) => configuration.timeouts.wholeRequestMs, 600_000),
  RATE_LIMIT_WAIT_MS: milliseconds(({ configuration }) => configuration.timeouts.rateLimitWaitMs, 30_000),
  KEEP_ALIVE_MS: milliseconds(({ configuration }) => configuration.timeouts.keepAliveMs, 10_000),
  PROVIDER_WEIGHTS: {
    read: ({ configuration }) => configuration.providerWeights,
    byDefault: {},
    valid: [
      ["openai=3, openrouter=1", { openai: 3, openrouter: 1 }],
      ["groq=1000", { groq: 1000 }],
    ],
    invalid: [CANARY, `${CANARY}=1`, "openai", "openai=0", "openai=1001", "openai=1.5", "openai=-1", "openai=3;groq=1"],
  },
  HEDGING: {
    read: ({ configuration }) => configuration.hedging,
    byDefault: false,
    valid: [
      ["true", true],
      ["false", false],
    ],
    invalid: [CANARY, "on", "1"],
  },
};

describe.each(Object.entries(CASES))("%s", (name, { read, byDefault, valid, invalid, beside = {} }) => {
  test("is what is documented when it is not set, or set to nothing", () => {
    for (const nothing of [undefined, "", " \n"]) expect(read(parse({ [name]: nothing }))).toEqual(byDefault);
  });

  test.each(valid)("%j is taken", (text, expected) => {
    expect(read(parse({ ...beside, [name]: text }))).toEqual(expected);
  });

  test.each(invalid)("%j is refused by name, with what is expected and without its value", (text) => {
    const [problem = "", ...others] = problems({ ...beside, [name]: text });
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^${name} must be: (?:an?|\\d+ to|at least|printable|development,) .*\\w`));
    expect(problem).not.toContain(CANARY);
  });
});

describe("where the stores are", () => {
  const kinds = (environment: Environment, runtime: "node" | "edge" = "node") => {
    const { stores, configuration } = parse({ API_GATEWAY_SALT: SALT, ...environment }, runtime);
    return [stores.redis.kind, stores.postgres.kind, configuration.embedded];
  };

  test.each<[string, Environment, readonly unknown[]]>([
    ["nothing set", {}, ["embedded", "embedded", true]],
    ["a Redis", { REDIS_URL: "redis://r.test" }, ["tcp", "embedded", false]],
    ["a PostgreSQL", DATABASE, ["embedded", "tcp", false]],
    ["both", { REDIS_URL: "redis://r.test", ...DATABASE }, ["tcp", "tcp", false]],
    ["Upstash", UPSTASH, ["upstash", "embedded", false]],
    ["Upstash and a Redis", { ...UPSTASH, REDIS_URL: "redis://r.test" }, ["upstash", "embedded", false]],
    [
      "Upstash and Neon",
      { ...UPSTASH, ...DATABASE, NEON_HTTP_ENDPOINT: "https://n.test/sql" },
      ["upstash", "neon", false],
    ],
  ])("on Node, with %s", (_, environment, expected) => {
    expect(kinds(environment)).toEqual(expected);
  });

  test("at the edge both are reached over HTTP, and a Redis over TCP is no use", () => {
    expect(kinds({ ...EDGE, REDIS_URL: "redis://r.test" }, "edge")).toEqual(["upstash", "neon", false]);
    expect(parse(EDGE, "edge").stores.postgres).toEqual({ kind: "neon", url: DATABASE.DATABASE_URL, endpoint: null });
    expect(named({ API_GATEWAY_SALT: SALT, REDIS_URL: "redis://r.test" }, "edge")).toEqual([
      "UPSTASH_REDIS_REST_URL",
      "UPSTASH_REDIS_REST_TOKEN",
      "DATABASE_URL",
    ]);
  });

  test("what belongs together is missed where it is missing", () => {
    expect(named({ API_GATEWAY_SALT: SALT, UPSTASH_REDIS_REST_URL: "https://r.test" })).toEqual([
      "UPSTASH_REDIS_REST_TOKEN",
    ]);
    expect(named({ API_GATEWAY_SALT: SALT, UPSTASH_REDIS_REST_TOKEN: "token" })).toEqual(["UPSTASH_REDIS_REST_URL"]);
    expect(named({ API_GATEWAY_SALT: SALT, NEON_HTTP_ENDPOINT: "https://n.test/sql" })).toEqual(["DATABASE_URL"]);
  });

  test("keys need a salt of the operator's wherever a store is not embedded", () => {
    for (const environment of [{ REDIS_URL: "redis://r.test" }, DATABASE, UPSTASH]) {
      expect(named(environment)).toEqual(["API_GATEWAY_SALT"]);
    }
    expect(named({ ...EDGE, API_GATEWAY_SALT: undefined }, "edge")).toEqual(["API_GATEWAY_SALT"]);
  });

  test("keys are live ones where nothing else is said and a store is not embedded", () => {
    expect(parse(EDGE, "edge").configuration.keyEnvironment).toBe("live");
    expect(parse({ ...EDGE, APP_ENV: "staging" }, "edge").configuration.keyEnvironment).toBe("staging");
  });
});

describe("providers", () => {
  const providers = (environment: Environment) => parse(environment).configuration.providers;

  test("none is there without a variable of its own", () => {
    expect(providers({})).toEqual({});
  });

  test.each(DECLARED)("$id is set by its key, and reached elsewhere by its base URL", (declaration) => {
    const { id, apiKeyVariable, apiKeyIsJson = false, variables: declared = {} } = declaration;
    const keyVariable = apiKeyVariable ?? `${id.toUpperCase()}_API_KEY`;
    const urlVariable = `${id.toUpperCase().replaceAll("-", "_")}_BASE_URL`;
    const baseUrl = "http://127.0.0.1:9/v1";
    const key = apiKeyIsJson ? '{"private_key":"-----BEGIN PRIVATE KEY-----\\n"}' : "sk-1";
    const few = (values: Readonly<Record<string, string>> = { "v-1": "v-1" }) => Object.entries(values)[0] ?? ["", ""];
    const beside = Object.fromEntries(Object.values(declared).map(({ name, values }) => [name, few(values)[0]]));
    const variables = Object.fromEntries(
      Object.entries(declared).map(([shortName, { values }]) => [shortName, few(values)[1]]),
    );
    expect(providers({ ...beside, [keyVariable]: key })).toEqual({
      [id]: { apiKeys: [key], baseUrl: null, variables },
    });
    expect(providers({ [urlVariable]: baseUrl })).toEqual({ [id]: { apiKeys: [], baseUrl, variables: {} } });
    expect(providers({ ...beside, [keyVariable]: `${key}\n`, [urlVariable]: baseUrl })).toEqual({
      [id]: { apiKeys: [key], baseUrl, variables },
    });
  });

  test("a variable may hold several keys, each of them once", () => {
    expect(providers({ OPENAI_API_KEY: "sk-1, sk-2,,sk-3" })["openai"]?.apiKeys).toEqual(["sk-1", "sk-2", "sk-3"]);
    expect(named({ OPENAI_API_KEY: "sk-1,sk-1" })).toEqual(["OPENAI_API_KEY"]);
  });

  test("a key or an address that cannot be one is named, and not shown", () => {
    const found = problems({
      OPENAI_API_KEY: `sk-${CANARY} x`,
      GOOGLE_AI_STUDIO_BASE_URL: CANARY,
      OLLAMA_BASE_URL: `ftp://${CANARY}`,
    });
    expect(found).toEqual([
      "OPENAI_API_KEY must be: printable characters without spaces",
      "GOOGLE_AI_STUDIO_BASE_URL must be: an http or https URL",
      "OLLAMA_BASE_URL must be: an http or https URL",
    ]);
  });

  test("what a provider must be told beside its key is missed by name, and only where the key is set", () => {
    const cloud = {
      id: "cloud",
      apiKeyVariable: "CLOUD_API_KEY",
      variables: { project: { name: "CLOUD_PROJECT" }, region: { name: "CLOUD_REGION", byDefault: "eu" } },
    };
    const cloudOf = (environment: Environment) =>
      parseSettings(environment, "node", [cloud], "1").configuration.providers["cloud"];
    expect(cloudOf({ CLOUD_PROJECT: "p" })).toBeUndefined();
    expect(cloudOf({ CLOUD_API_KEY: "k", CLOUD_PROJECT: "p" })?.variables).toEqual({ project: "p", region: "eu" });
    expect(() => cloudOf({ CLOUD_API_KEY: "k" })).toThrow("CLOUD_PROJECT must be: set, since CLOUD_API_KEY is");
    expect(() => cloudOf({ CLOUD_API_KEY: "k", CLOUD_PROJECT: "p/../q" })).toThrow("CLOUD_PROJECT must be: letters");
    // An address of the operator's needs nothing filled in.
    const elsewhere = { CLOUD_API_KEY: "k", CLOUD_BASE_URL: "http://127.0.0.1:9" };
    expect(cloudOf(elsewhere)?.variables).toEqual({ region: "eu" });
  });

  test("a key of several parts needs all but those that may be left out, wherever the provider is", () => {
    const cloud = {
      id: "cloud",
      apiKeyVariable: "CLOUD_SECRET",
      variables: {
        id: { name: "CLOUD_ID", isSecret: true },
        session: { name: "CLOUD_SESSION", byDefault: "", isSecret: true },
      },
    };
    const cloudOf = (environment: Environment) =>
      parseSettings({ CLOUD_BASE_URL: "http://127.0.0.1:9", ...environment }, "node", [cloud], "1").configuration
        .providers["cloud"]?.variables;
    expect(cloudOf({ CLOUD_SECRET: "k", CLOUD_ID: "AK/+=" })).toEqual({ id: "AK/+=", session: "" });
    expect(() => cloudOf({ CLOUD_SECRET: "k" })).toThrow("CLOUD_ID must be: set, since CLOUD_SECRET is");
    expect(() => cloudOf({ CLOUD_SECRET: "k", CLOUD_ID: "a b" })).toThrow("CLOUD_ID must be: printable");
  });

  test("a key that is a JSON document is checked to be one", () => {
    const problem = "GOOGLE_VERTEX_CREDENTIALS_JSON must be: the JSON of a key file, as one object";
    for (const key of [CANARY, "[]", '{"private_key":']) {
      expect(problems({ GOOGLE_VERTEX_CREDENTIALS_JSON: key, GOOGLE_PROJECT_ID: "p" })).toEqual([problem]);
    }
  });

  test("a key is found by its other names, and its own goes before them", () => {
    const keys = (environment: Environment) => providers(environment)["huggingface"]?.apiKeys;
    expect(keys({ HF_TOKEN: "hf-2" })).toEqual(["hf-2"]);
    expect(keys({ HF_TOKEN: "hf-2", HUGGINGFACE_API_KEY: "hf-1" })).toEqual(["hf-1"]);
    expect(problems({ HF_TOKEN: `${CANARY} x` })).toEqual(["HF_TOKEN must be: printable characters without spaces"]);
  });

  test("a variable with few values stands for a part of the address, and another value is refused", () => {
    const region = (value: Environment) => providers({ DASHSCOPE_API_KEY: "k", ...value })["alibaba-cloud"]?.variables;
    expect(region({})).toEqual({ region: "-intl" });
    expect(region({ ALIBABA_CLOUD_REGION: "china" })).toEqual({ region: "" });
    for (const value of [CANARY, "constructor"]) {
      expect(problems({ DASHSCOPE_API_KEY: "k", ALIBABA_CLOUD_REGION: value })).toEqual([
        "ALIBABA_CLOUD_REGION must be: international or us or china",
      ]);
    }
  });

  test("headers of the operator's are sent where they are set, and refused where they would not be one", () => {
    const headers = (environment: Environment) => providers({ OPENROUTER_API_KEY: "k", ...environment })["openrouter"];
    expect(headers({})?.headers).toBeUndefined();
    expect(headers({ OPENROUTER_SITE_NAME: "My Site" })?.headers).toEqual({ "x-title": "My Site" });
    expect(problems({ OPENROUTER_API_KEY: "k", OPENROUTER_SITE_NAME: `a\r\n${CANARY}: b` })).toEqual([
      "OPENROUTER_SITE_NAME must be: up to 500 printable ASCII characters",
    ]);
  });

  test("a further format has an address of its own", () => {
    const zai = { ZAI_API_KEY: "k", ZAI_ANTHROPIC_BASE_URL: "http://127.0.0.1:9/a" };
    expect(providers(zai)["zai"]?.formatUrls).toEqual({ anthropic: "http://127.0.0.1:9/a" });
    expect(problems({ ZAI_API_KEY: "k", ZAI_ANTHROPIC_BASE_URL: CANARY })).toEqual([
      "ZAI_ANTHROPIC_BASE_URL must be: an http or https URL",
    ]);
  });

  test("each provider has a variable of its own", () => {
    const variables = DECLARED.flatMap(({ apiKeyVariable }) => apiKeyVariable ?? []);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variables.filter((name) => name in VARIABLES)).toEqual([]);
  });
});

test("every problem is told at once, each once", () => {
  const environment = {
    PORT: CANARY,
    REDIS_URL: CANARY,
    ADMIN_API_KEY: "ü",
    OPENAI_API_KEY: "a b",
    UPSTASH_REDIS_REST_TOKEN: "t",
  };
  expect(named(environment).toSorted()).toEqual([
    "ADMIN_API_KEY",
    "API_GATEWAY_SALT",
    "OPENAI_API_KEY",
    "PORT",
    "REDIS_URL",
    "UPSTASH_REDIS_REST_URL",
  ]);
});

test("a worker's other bindings are left alone, and its numbers are taken", () => {
  const bindings: Record<string, unknown> = { ...EDGE, MAX_BODY_BYTES: 2048, ASSETS: { fetch: () => {} }, PORT: null };
  // The platform gives whatever wrangler.toml says.
  const { configuration } = parse(bindings as Environment, "edge");
  expect(configuration.maxBodyBytes).toBe(2048);
});

test("the version goes along", () => {
  expect(parse({}).configuration.appVersion).toBe("1.2.3");
});

test("npm start stops at a malformed variable, says which and what it should be, and not what it is", async () => {
  const env = { PATH: process.env["PATH"], PORT: CANARY, ADMIN_API_KEY: CANARY };
  const start = promisify(execFile)(process.execPath, ["api/_node/main.ts"], { env, timeout: 20_000 });
  const { code, stdout, stderr } = await start.catch((error: unknown) => Object(error));
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("PORT must be: a whole number from 0 to 65535");
  expect(stderr).toContain("ADMIN_API_KEY must be: 16 to 500 printable characters");
  expect(stderr).not.toContain(CANARY);
});
