import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { parseSettings } from "../../lib/platform/configuration.ts";
import type { ClientFormatName } from "../../lib/protocol/client-format.ts";
import { configuredProviders, endpointFor } from "../../lib/providers/configured-providers.ts";
import { chainPosition, FAILOVER_CHAIN, mayServe } from "../../lib/providers/failover-chain.ts";
import type { ProviderDeclaration } from "../../lib/providers/provider-declaration.ts";
import { PROVIDERS, wireOf } from "../../lib/providers/provider-list.ts";

/**
 * Operators' variables and vendors' addresses are permanent: a change here is a breaking change. One line a provider of
 * the product's list, in whose words its capabilities are.
 */
const LISTED = z
  .array(
    z.object({
      slug: z.string(),
      baseUrl: z.string().nullable(),
      keyVariable: z.string().nullable(),
      wire: z.string(),
      capabilities: z.array(z.string()),
      aliases: z.array(z.string()),
    }),
  )
  .parse(JSON.parse(readFileSync("test/fixtures/providers/providers.json", "utf8")));

/** Those of the list that are not declared, and why. */
const NOT_DECLARED: Readonly<Record<string, string>> = {
  notdiamond: "picks a model and hosts none",
  modelz: "lists models and hosts none",
  fal: "draws pictures and films: no chat",
  chatterbox: "speaks aloud: no chat",
};
/** Where a declaration differs from the list, and why. */
const OTHER_ADDRESS: Readonly<Record<string, string | null>> = {
  // One deployment on a host of Anyscale's that whoever comes next may get: the operator says where it is.
  "alpaca-network": null,
};

const declared = (slug: string) => PROVIDERS.find(({ id }) => id === slug);
/** A value for each of its further variables: what it says, and what it stands for. */
function valuesOf({ variables = {} }: ProviderDeclaration) {
  return Object.entries(variables).map(([shortName, { name, values = { "v-1": "v-1" } }]) => {
    const [said = "", meant = ""] = Object.entries(values)[0] ?? [];
    return { shortName, name, said, meant };
  });
}

/** The address of a provider that has its key and what else it needs. */
function addressOf(declaration: ProviderDeclaration): string | null {
  const { id, apiKeyVariable, apiKeyIsJson } = declaration;
  const environment = {
    [apiKeyVariable ?? `${id.toUpperCase()}_API_KEY`]: apiKeyIsJson === true ? "{}" : "k",
    ...Object.fromEntries(valuesOf(declaration).map(({ name, said }) => [name, said])),
  };
  const { providers } = parseSettings(environment, "node", PROVIDERS, "0").configuration;
  return configuredProviders(providers).get(id)?.baseUrl ?? null;
}

describe("providers", () => {
  const hosts = LISTED.filter(({ slug }) => NOT_DECLARED[slug] === undefined);

  test("CM-18.1 at least 30 are declared", () => {
    expect(PROVIDERS.filter(({ id }) => id !== "gangway").length).toBeGreaterThanOrEqual(30);
  });

  test.each(hosts.map((each) => [each.slug, each] as const))(
    "%s is declared with its variable, address, capabilities and other names",
    (slug, { baseUrl, keyVariable, capabilities, aliases }) => {
      const declaration = declared(slug);
      if (declaration === undefined) throw new Error("not declared");
      expect(declaration.apiKeyVariable).toBe(keyVariable);
      expect(declaration.capabilities).toEqual(expect.arrayContaining(capabilities));
      expect(declaration.aliases ?? []).toEqual(expect.arrayContaining(aliases));
      const listed = slug in OTHER_ADDRESS ? OTHER_ADDRESS[slug] : baseUrl;
      const meant = new Map(valuesOf(declaration).map((each) => [each.shortName, each.meant]));
      const address = listed?.replace(/\{(\w+)\}/g, (_, name: string) => meant.get(name) ?? name) ?? null;
      expect(addressOf(declaration)).toBe(address);
    },
  );

  test.each(hosts.filter(({ wire }) => wire !== "other").map(({ slug, wire }) => [slug, wire]))(
    "CM-18.2 %s has a wire format: %s",
    (slug, wire) => {
      const declaration = declared(slug);
      // Vertex has Gemini's with an address of its own: `vertex-gemini`.
      expect(declaration === undefined ? null : wireOf(declaration).name).toMatch(new RegExp(`(?:^|-)${wire}$`));
    },
  );

  test("CM-18.3 every wire format can write a request, read a reply, read a stream and read a refusal", () => {
    for (const provider of PROVIDERS) {
      const wire = wireOf(provider);
      expect([typeof wire.encode, typeof wire.decodeReply, typeof wire.decodeFailure]).toEqual(
        Array(3).fill("function"),
      );
      expect(typeof wire.createStreamDecoder().push).toBe("function");
    }
  });

  test("each has an id of its own, and no other name is another's", () => {
    const names = PROVIDERS.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("none is declared that is not listed, but the demo", () => {
    const known = [...hosts.map(({ slug }) => slug), "gangway"];
    expect(PROVIDERS.map(({ id }) => id).filter((id) => !known.includes(id))).toEqual([]);
  });

  test("everybody whom the seed catalog or the failover chain names is declared", () => {
    const named = new Set([
      ...FAILOVER_CHAIN,
      ...seedModels().flatMap(({ offers }) => offers.map(({ provider }) => provider)),
    ]);
    expect([...named].filter((slug) => declared(slug) === undefined && NOT_DECLARED[slug] === undefined)).toEqual([]);
  });

  test("a variable is one provider's", () => {
    const variables = PROVIDERS.flatMap(({ id, apiKeyVariable, alsoKeyVariables = [] }) => [
      apiKeyVariable ?? `${id}_API_KEY`,
      ...alsoKeyVariables,
    ]);
    expect(new Set(variables).size).toBe(variables.length);
  });

  test("no address ends in a slash or carries a query", () => {
    const addresses = PROVIDERS.flatMap(({ baseUrl, alsoSpeaks = {} }) => [baseUrl, ...Object.values(alsoSpeaks)]);
    for (const url of addresses) if (url !== null) expect(url).toMatch(/^https?:\/\/[^?#]*[^/]$/);
  });

  test("a declaration has 15 lines or fewer in the median", () => {
    const lines = globSync("lib/providers/declarations/*.ts")
      .map((path) => readFileSync(path, "utf8").trimEnd().split("\n").length)
      .toSorted((a, b) => a - b);
    expect(lines[Math.floor(lines.length / 2)]).toBeLessThanOrEqual(15);
  });
});

describe("which providers take part", () => {
  const taking = (settings: Parameters<typeof configuredProviders>[0]) => [...configuredProviders(settings).keys()];

  test("only those whose key is set", () => {
    expect(taking({})).toEqual([]);
    expect(taking({ openai: { apiKeys: ["k"], baseUrl: null, variables: {} } })).toEqual(["openai"]);
    expect(taking({ openai: { apiKeys: [], baseUrl: "https://proxy.example/v1", variables: {} } })).toEqual([]);
  });

  test("a local server takes part by its address or a key", () => {
    expect(taking({ ollama: { apiKeys: [], baseUrl: null, variables: {} } })).toEqual([]);
    expect(taking({ ollama: { apiKeys: [], baseUrl: "http://box:11434/v1", variables: {} } })).toEqual(["ollama"]);
    expect(taking({ ollama: { apiKeys: ["k"], baseUrl: null, variables: {} } })).toEqual(["ollama"]);
  });

  test("an address of the operator's stands in for the vendor's, without its last slashes", () => {
    const configured = configuredProviders({
      groq: { apiKeys: ["k"], baseUrl: "http://127.0.0.1:9/v1//", variables: {} },
    });
    expect(configured.get("groq")).toMatchObject({
      baseUrl: "http://127.0.0.1:9/v1",
      credentials: [{ id: "1", secret: "k" }],
    });
    const plain = configuredProviders({ groq: { apiKeys: ["k"], baseUrl: null, variables: {} } });
    expect(plain.get("groq")?.baseUrl).toBe("https://api.groq.com/openai/v1");
  });

  test("what else a provider must be told is filled into its address", () => {
    const declaration: ProviderDeclaration = {
      id: "cloud",
      name: "Cloud",
      baseUrl: "https://{region}.cloud.example/v1/{project}",
      apiKeyVariable: "CLOUD_API_KEY",
      capabilities: ["chat"],
      variables: { project: { name: "CLOUD_PROJECT" }, region: { name: "CLOUD_REGION", byDefault: "eu" } },
      alsoSpeaks: { anthropic: "https://{region}.cloud.example/anthropic/v1", gemini: null },
    };
    const setting = { apiKeys: ["k"], baseUrl: null, variables: { project: "p1", region: "eu" } };
    const cloud = configuredProviders({ cloud: setting }, [declaration]).get("cloud");
    if (cloud === undefined) throw new Error("not configured");
    const asked = (format: ClientFormatName | null) => {
      const { wire, baseUrl } = endpointFor(cloud, format, "model");
      return [wire.name, baseUrl];
    };
    expect(asked(null)).toEqual(["openai", "https://eu.cloud.example/v1/p1"]);
    expect(asked("openai")).toEqual(["openai", "https://eu.cloud.example/v1/p1"]);
    expect(asked("anthropic")).toEqual(["anthropic", "https://eu.cloud.example/anthropic/v1"]);
  });

  test("a key of several parts is put together from them", () => {
    const variables = { accessKeyId: "AKID", sessionToken: "", region: "eu-west-1" };
    const setting = { apiKeys: ["secret/+1", "secret/+2"], baseUrl: null, variables };
    expect(configuredProviders({ bedrock: setting }).get("bedrock")).toMatchObject({
      baseUrl: "https://bedrock-runtime.eu-west-1.amazonaws.com",
      credentials: [
        { id: "1", secret: "AKID:secret/+1:" },
        { id: "2", secret: "AKID:secret/+2:" },
      ],
    });
  });

  test("with an address of the operator's a provider's further formats are asked there, where he says, or not at all", () => {
    const endpoint = (environment: Readonly<Record<string, string>>, slug: string) => {
      const { providers } = parseSettings(environment, "node", PROVIDERS, "0").configuration;
      const provider = configuredProviders(providers).get(slug);
      if (provider === undefined) throw new Error("not configured");
      const { wire, baseUrl } = endpointFor(provider, "anthropic", "model");
      return [wire.name, baseUrl];
    };
    const key = { DEEPSEEK_API_KEY: "k", OPENROUTER_API_KEY: "k" };
    const proxied = {
      ...key,
      DEEPSEEK_BASE_URL: "https://proxy.example/v1",
      OPENROUTER_BASE_URL: "https://or.example/v1",
    };
    expect(endpoint(key, "deepseek")).toEqual(["anthropic", "https://api.deepseek.com/anthropic/v1"]);
    expect(endpoint(proxied, "deepseek")).toEqual(["openai", "https://proxy.example/v1"]);
    expect(endpoint({ ...proxied, DEEPSEEK_ANTHROPIC_BASE_URL: "https://proxy.example/a/" }, "deepseek")).toEqual([
      "anthropic",
      "https://proxy.example/a",
    ]);
    // OpenRouter has both formats at one address.
    expect(endpoint(proxied, "openrouter")).toEqual(["anthropic", "https://or.example/v1"]);
  });

  test("one without an address takes part where the operator gives it one", () => {
    const taking = (environment: Readonly<Record<string, string>>) =>
      configuredProviders(parseSettings(environment, "node", PROVIDERS, "0").configuration.providers);
    expect([...taking({ SOUNDSGOOD_API_KEY: "k" }).keys()]).toEqual([]);
    const url = "https://inference.example/v1";
    const there = taking({ SOUNDSGOOD_API_KEY: "k", SOUNDSGOOD_BASE_URL: url }).get("soundsgood");
    expect(there?.baseUrl).toBe(url);
  });

  test("a location with an address of its own is reached there", () => {
    const vertex = (location: string) => {
      const variables = { project: "p1", location };
      return configuredProviders({ "google-vertex": { apiKeys: ["{}"], baseUrl: null, variables } }).get(
        "google-vertex",
      );
    };
    const path = (location: string) => `/v1/projects/p1/locations/${location}`;
    expect(vertex("europe-west4")?.baseUrl).toBe(
      `https://europe-west4-aiplatform.googleapis.com${path("europe-west4")}`,
    );
    expect(vertex("global")?.baseUrl).toBe(`https://aiplatform.googleapis.com${path("global")}`);
    expect(vertex("eu")?.baseUrl).toBe(`https://aiplatform.eu.rep.googleapis.com${path("eu")}`);
  });

  test("a model of another maker may be asked in another format, whoever asks", () => {
    const setting = { apiKeys: ["{}"], baseUrl: "https://vertex.example", variables: {} };
    const vertex = configuredProviders({ "google-vertex": setting }).get("google-vertex");
    if (vertex === undefined) throw new Error("not configured");
    for (const format of ["openai", "anthropic", null] as const) {
      const asked = (model: string) => {
        const { wire, baseUrl } = endpointFor(vertex, format, model);
        return [wire.name, baseUrl];
      };
      expect(asked("gemini-2.5-flash")).toEqual(["vertex-gemini", "https://vertex.example"]);
      expect(asked("claude-sonnet-4-5@20250929")).toEqual(["vertex-anthropic", "https://vertex.example"]);
      expect(asked("openai/gpt-oss-120b-maas")).toEqual(["openai", "https://vertex.example/endpoints/openapi"]);
    }
  });

  test("a setting for nobody is nobody", () => {
    expect(
      taking({
        nobody: { apiKeys: ["k"], baseUrl: null, variables: {} },
        constructor: { apiKeys: ["k"], baseUrl: null, variables: {} },
      }),
    ).toEqual([]);
  });
});

describe("the failover chain as data", () => {
  test("CM-5.1.1 14 providers, each once", () => {
    expect(FAILOVER_CHAIN).toHaveLength(14);
    expect(new Set(FAILOVER_CHAIN).size).toBe(14);
  });

  test("CM-5.1.2 a fixed order: a model's vendor first, then the chain, then everybody else", () => {
    const order = (vendor: string, ...providers: string[]) =>
      providers.toSorted((a, b) => chainPosition(a, vendor) - chainPosition(b, vendor));
    expect(order("meta-llama", "groq", "together", "openrouter", "fireworks")).toEqual([
      "openrouter",
      "fireworks",
      "together",
      "groq",
    ]);
    expect(order("google", "openrouter", "google-ai-studio")).toEqual(["google-ai-studio", "openrouter"]);
    expect(order("x-ai", "openrouter", "xai")).toEqual(["xai", "openrouter"]);
    for (const [index, provider] of FAILOVER_CHAIN.entries()) expect(chainPosition(provider, "meta-llama")).toBe(index);
  });

  test("CM-5.2.1 CM-5.2.2 closed models of OpenAI and Anthropic go to their vendor and to OpenRouter only", () => {
    for (const vendor of ["openai", "anthropic"]) {
      const allowed = [...FAILOVER_CHAIN, "groq", "deepinfra"].filter((provider) => mayServe(provider, vendor, false));
      expect(allowed.toSorted()).toEqual([vendor, "openrouter"].toSorted());
      expect(chainPosition(vendor, vendor)).toBeLessThan(chainPosition("openrouter", vendor));
    }
  });

  test("CM-5.2.3 open weights go anywhere, whoever made them", () => {
    for (const provider of [...FAILOVER_CHAIN, "groq"]) {
      expect(mayServe(provider, "openai", true)).toBe(true);
      expect(mayServe(provider, "meta-llama", true)).toBe(true);
    }
  });
});
