import { describe, expect, test } from "vitest";
import type { ClientFormatName } from "../../lib/protocol/client-format.ts";
import { configuredProviders, endpointFor } from "../../lib/providers/configured-providers.ts";
import { chainPosition, FAILOVER_CHAIN, mayServe } from "../../lib/providers/failover-chain.ts";
import type { ProviderDeclaration } from "../../lib/providers/provider-declaration.ts";
import { PROVIDERS, wireOf } from "../../lib/providers/provider-list.ts";

/** Operators' variables and vendors' addresses are permanent: a change here is a breaking change. */
const DECLARED: readonly (readonly [string, string | null, string, string])[] = [
  ["openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "openai"],
  ["anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "anthropic"],
  ["google-ai-studio", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta", "gemini"],
  ["google-vertex", "GOOGLE_VERTEX_CREDENTIALS_JSON", "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}", "vertex-gemini"],
  ["azure-openai", "AZURE_OPENAI_API_KEY", "https://{resource}.openai.azure.com/openai/v1", "openai"],
  ["cohere", "COHERE_API_KEY", "https://api.cohere.com/v2", "cohere"],
  ["cloudflare-workers-ai", "CLOUDFLARE_API_TOKEN", "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1", "openai"],
  ["openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "openai"],
  ["groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", "openai"],
  ["together", "TOGETHER_API_KEY", "https://api.together.xyz/v1", "openai"],
  ["fireworks", "FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1", "openai"],
  ["deepinfra", "DEEPINFRA_API_KEY", "https://api.deepinfra.com/v1/openai", "openai"],
  ["cerebras", "CEREBRAS_API_KEY", "https://api.cerebras.ai/v1", "openai"],
  ["deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", "openai"],
  ["mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", "openai"],
  ["xai", "XAI_API_KEY", "https://api.x.ai/v1", "openai"],
  ["ollama", null, "http://127.0.0.1:11434/v1", "openai"],
]; // biome-ignore format: a table

describe("providers", () => {
  test.each(DECLARED)("%s is declared with its variable, address and wire format", (id, variable, baseUrl, wire) => {
    const declaration = PROVIDERS.find((provider) => provider.id === id);
    expect(declaration).toMatchObject({ apiKeyVariable: variable, baseUrl });
    if (declaration !== undefined) expect(wireOf(declaration).name).toBe(wire);
  });

  test("each has an id of its own, and there are no others but the demo", () => {
    const ids = PROVIDERS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual([...DECLARED.map(([id]) => id), "gangway"].toSorted());
  });

  test("no address ends in a slash or carries a query", () => {
    for (const { baseUrl } of PROVIDERS) expect(baseUrl).toMatch(/^https?:\/\/[^?#]*[^/]$/);
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
