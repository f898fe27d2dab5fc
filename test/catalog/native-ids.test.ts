import { describe, expect, test } from "vitest";
import { ModelNames } from "../../lib/catalog/model-names.ts";
import { nativeModelOf } from "../../lib/catalog/native-ids.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { MODEL_ID_CONVENTIONS } from "../../lib/providers/model-id-conventions.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { providerOfSlug } from "../../lib/providers/provider-slugs.ts";
import examples from "../fixtures/provider-model-ids.json" with { type: "json" };

const models = seedModels();
const names = new ModelNames(models, []);

/** The catalog's model of a name, or one that only its id is known of. */
function modelOf(name: string) {
  const resolved = names.resolve(name);
  const id = resolved.kind === "model" ? resolved.id : name;
  return models.find((model) => model.id === id) ?? { id, offers: [] };
}

/** Where the catalog's own row says otherwise than the providers' fact sheet, the row is right. */
const ROWS_DIFFER = [
  ["fireworks", "deepseek/deepseek-r1", "accounts/fireworks/models/deepseek-r1"],
  ["nebius", "deepseek/deepseek-r1", "deepseek-ai/DeepSeek-R1"],
  ["deepinfra", "meta-llama/llama-3.1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct"],
  ["clarifai", "anthropic/claude-3-opus", "claude-3-opus"],
  ["onerouter", "anthropic/claude-3.5-sonnet", "claude-3-5-sonnet@20240620"],
] as const;

describe("canonical to native", () => {
  test.each(examples)("CM-3.9 %s calls %s %s", (provider = "", name = "", native = "") => {
    const differing = ROWS_DIFFER.find(([other, id]) => other === provider && id === name);
    expect(nativeModelOf(provider, modelOf(name))).toBe(differing?.[2] ?? native);
  });

  test("CM-3.8 at Fireworks every model is accounts/fireworks/models/<name>, and none is made up", () => {
    const offered = models.filter(({ offers }) => offers.some(({ provider }) => provider === "fireworks"));
    expect(offered.length).toBeGreaterThan(20);
    for (const model of offered)
      expect(nativeModelOf("fireworks", model)).toMatch(/^accounts\/fireworks\/(?:models|routers)\/[a-z0-9-]+$/);
    expect(nativeModelOf("fireworks", modelOf("meta-llama/llama-3.3-70b-instruct"))).toBe(
      "accounts/fireworks/models/llama-v3p3-70b-instruct",
    );
    expect(nativeModelOf("fireworks", { id: "acme/new-1.5", offers: [] })).toBeNull();
  });

  test("CM-3.9 one model has another id at each provider", () => {
    const llama = modelOf("meta-llama/llama-3.3-70b-instruct");
    const ids = [
      "groq",
      "cerebras",
      "fireworks",
      "cloudflare-workers-ai",
      "nebius",
      "openrouter",
      "portkey",
      "helicone",
      "onerouter",
    ].map((provider) => nativeModelOf(provider, llama));
    expect(ids).toEqual([
      "llama-3.3-70b-versatile", "llama-3.3-70b", "accounts/fireworks/models/llama-v3p3-70b-instruct",
      "@cf/meta/llama-3.3-70b-instruct-fp8-fast", "meta-llama/Llama-3.3-70B-Instruct", "meta-llama/llama-3.3-70b-instruct",
      "@meta-llama/llama-3.3-70b-instruct", expect.stringContaining("llama-3.3-70b"), "llama-3.3-70b@latest",
    ]); // biome-ignore format: a list
  });

  test("a repository keeps its case, also at a provider that the catalog has no row of", () => {
    expect(nativeModelOf("sybil", modelOf("qwen/qwen3-32b"))).toBe("Qwen/Qwen3-32B");
    expect(nativeModelOf("sybil", modelOf("openai/gpt-4o"))).toBeNull();
  });

  test("a vendor is asked for its own models only", () => {
    expect(nativeModelOf("anthropic", { id: "anthropic/claude-opus-9.1", offers: [] })).toBe("claude-opus-9-1");
    expect(nativeModelOf("anthropic", { id: "openai/gpt-9", offers: [] })).toBeNull();
    expect(nativeModelOf("xai", { id: "x-ai/grok-9.1", offers: [] })).toBe("grok-9.1");
  });

  test("nobody knows an unknown provider's ids, whatever it is called", () => {
    for (const provider of ["nobody", "constructor", "__proto__", ""])
      expect(nativeModelOf(provider, { id: "openai/gpt-4o", offers: [] })).toBeNull();
  });
});

describe("native to canonical", () => {
  test.each(examples)("CM-3.9 %s/… and the native id lead to %s", (provider = "", name = "", native = "") => {
    const wanted = names.resolve(name);
    const resolved = names.resolve(`${provider}/${native}`);
    // Ids of models that the catalog does not have stay what they are.
    if (wanted.kind !== "model") return expect(resolved).toMatchObject({ provider });
    const owners = models.filter(({ offers }) =>
      offers.some((offer) => offer.provider === provider && offer.nativeModel === native),
    );
    expect(resolved).toMatchObject({ kind: "model" });
    if (owners.length > 0) expect(owners.map(({ id }) => id)).toContain(Reflect.get(resolved, "id"));
    else expect(resolved).toMatchObject({ id: wanted.id });
  });

  test("CM-3.9 there and back: a model's id at any provider, pinned to it, is that model again", () => {
    for (const model of models) {
      for (const provider of Object.keys(MODEL_ID_CONVENTIONS)) {
        const native = nativeModelOf(provider, model);
        if (native === null) continue;
        const owners = models.filter((other) => nativeModelOf(provider, other) === native).map(({ id }) => id);
        const back = names.resolve(`${provider}/${native}`);
        if (model.id.includes(":") || back.kind === "retired") continue;
        expect([provider, native, owners.includes(Reflect.get(back, "id"))]).toEqual([provider, native, true]);
      }
    }
  });
});

test("every provider that hosts models has a convention, and answers to its id and its other names", () => {
  for (const { id, aliases = [], acceptsAnyModel } of PROVIDERS) {
    if (acceptsAnyModel !== true) expect(Object.keys(MODEL_ID_CONVENTIONS)).toContain(id);
    for (const slug of [id, ...aliases]) expect(providerOfSlug(slug)).toBe(id);
  }
  expect(providerOfSlug("nobody")).toBeNull();
});
