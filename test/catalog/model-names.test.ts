import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPlausibleName, ModelNames } from "../../lib/catalog/model-names.ts";
import aliases from "../../lib/catalog/seed/aliases.json" with { type: "json" };
import overrides from "../../lib/catalog/seed/provider-overrides.json" with { type: "json" };
import { seedModels } from "../../lib/catalog/seed-models.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const models = seedModels();
const ids = new Set(models.map(({ id }) => id));
const names = new ModelNames(models, ["ollama"]);

/** What a name says that speaks of nothing but its model. */
const PLAIN = { pinned: false, preference: {}, variant: null };

/** The model that a name stands for, or what became of it. */
function found(name: string): string {
  const resolved = names.resolve(name);
  return resolved.kind === "model" ? resolved.id : resolved.kind;
}

describe("aliases and canonical ids", () => {
  test("CM-3.1 r1 is deepseek/deepseek-r1", () => {
    expect(found("r1")).toBe("deepseek/deepseek-r1");
  });

  test("CM-3.2 gpt-4o is openai/gpt-4o", () => {
    expect(found("gpt-4o")).toBe("openai/gpt-4o");
  });

  test("CM-3.3 at least 120 aliases lead to a model of the catalog", () => {
    const leading = Object.keys(aliases).filter((alias) => ids.has(found(alias)));
    expect(leading.length).toBeGreaterThanOrEqual(120);
    expect(Object.keys(aliases)).toHaveLength(337);
  });

  test("CM-3.4 every canonical id comes back unchanged, with no provider preferred but where one is set", () => {
    for (const id of ids) {
      const provider = Reflect.get(overrides, id) ?? null;
      expect(names.resolve(id)).toEqual({ ...PLAIN, kind: "model", id, provider });
    }
  });

  test("no alias has the name of a model, and none leads to another alias", () => {
    for (const [alias, target] of Object.entries(aliases)) {
      expect(ids.has(alias)).toBe(false);
      expect(Object.hasOwn(aliases, target)).toBe(false);
      expect(alias).toBe(alias.toLowerCase());
    }
  });

  test("case does not matter", () => {
    expect(found("R1")).toBe("deepseek/deepseek-r1");
    expect(found("OpenAI/GPT-4o")).toBe("openai/gpt-4o");
    expect(found("Meta-Llama/Llama-3.3-70B-Instruct")).toBe("meta-llama/llama-3.3-70b-instruct");
  });

  test("an alias whose model is not in the seed is looked for by the model's id, as an operator may have added it", () => {
    expect(names.resolve("gpt-4o-2024-08-06")).toMatchObject({ kind: "unknown", name: "openai/gpt-4o-2024-08-06" });
  });
});

describe("providers' own names", () => {
  test("CM-3.5 a provider set for an id beats every other rule", () => {
    expect(Object.keys(overrides).length).toBeGreaterThanOrEqual(90);
    for (const [name, provider] of Object.entries(overrides)) {
      const resolved = names.resolve(name);
      if (resolved.kind === "retired") continue;
      expect(resolved).toMatchObject({ provider });
    }
    // The alias' own vendor, the prefix and the native id of Cerebras all say otherwise.
    expect(names.resolve("cerebras/llama-3.3-70b")).toMatchObject({ provider: "openrouter" });
    expect(names.resolve("deepseek-chat")).toMatchObject({ id: "deepseek/deepseek-chat", provider: "openrouter" });
    expect(names.resolve("Gemini-2.5-Flash:floor")).toMatchObject({ provider: "google-vertex" });
  });

  test("CM-3.5 a provider before the model's name is asked first", () => {
    const id = "meta-llama/llama-3.3-70b-instruct";
    for (const provider of ["groq", "together", "openrouter", "nebius", "sybil"]) {
      expect(names.resolve(`${provider}/${id}`)).toMatchObject({ id, provider, pinned: true });
      expect(names.resolve(`${provider}/llama-3.3-70b`)).toMatchObject({ id, provider });
    }
    expect(names.resolve("groq/llama-3.3-70b-versatile")).toMatchObject({ id, provider: "groq" });
    expect(names.resolve("together/meta-llama/Meta-Llama-3.3-70B-Instruct")).toMatchObject({
      id,
      provider: "together",
    });
  });

  test.each([
    ["hug/meta-llama/llama-3.3-70b-instruct", "huggingface"],
    ["alibaba/qwen/qwen-plus", "alibaba-cloud"],
    ["fal-ai/black-forest-labs/flux-dev", "fal"],
    ["gemini/gemini-2.5-pro", "google-ai-studio"],
    ["vertex_ai/gemini-2.5-pro", "google-vertex"],
    ["together_ai/meta-llama/llama-3.3-70b-instruct", "together"],
  ])("CM-3.5 %s is asked of %s, by another of its names", (name, provider) => {
    expect(names.resolve(name)).toMatchObject({ kind: "model", provider });
  });

  test("a vendor's name before a made-up model pins nothing", () => {
    for (const name of ["openai/gpt-5-turbo", "openai/GPT5", "deepseek/r2", "cohere/command"])
      expect(names.resolve(name)).toMatchObject({ kind: "unknown", name });
  });

  test.each([
    ["accounts/fireworks/models/llama-v3p3-70b-instruct", "fireworks", "meta-llama/llama-3.3-70b-instruct"],
    ["accounts/fireworks/models/llama4-maverick", "fireworks", "meta-llama/llama-4-maverick"],
    ["@cf/openai/gpt-oss-120b", "cloudflare-workers-ai", "openai/gpt-oss-120b"],
    ["@cf/meta/llama-3.1-8b-instruct", "cloudflare-workers-ai", "meta-llama/llama-3.1-8b-instruct"],
    ["models/gemini-2.5-flash-lite", "google-ai-studio", "google/gemini-2.5-flash-lite"],
    ["@google/models/gemini-2.5-pro", "google-vertex", "google/gemini-2.5-pro"],
    ["publishers/google/models/gemini-2.5-pro", "google-vertex", "google/gemini-2.5-pro"],
    [
      "projects/p-1/locations/global/publishers/google/models/gemini-3.5-flash",
      "google-vertex",
      "google/gemini-3.5-flash",
    ],
    ["anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", "anthropic/claude-sonnet-4.5"],
    ["us.anthropic.claude-opus-4-8", "bedrock", "anthropic/claude-opus-4.8"],
    ["meta.llama3-1-8b-instruct-v1:0", "bedrock", "meta-llama/llama-3.1-8b-instruct"],
    ["openai.gpt-oss-120b-1:0", "bedrock", "openai/gpt-oss-120b"],
    ["amazon.nova-lite-v1:0", "bedrock", "amazon/nova-lite-v1"],
    ["Qwen/Qwen3-32B:novita", "huggingface", "qwen/qwen3-32b"],
    ["meta-llama/Llama-3.3-70B-Instruct:hf-inference", "huggingface", "meta-llama/llama-3.3-70b-instruct"],
    ["gpt-4o-mini@2024-07-18", "onerouter", "openai/gpt-4o-mini"],
    ["gpt-4o@latest", "onerouter", "openai/gpt-4o"],
    ["openai/chat-completion/models/gpt-5-mini", "clarifai", "openai/gpt-5-mini"],
    ["@openai/gpt-4", "openrouter", "openai/gpt-4"],
  ])("CM-3.6 %s is an id of %s for %s", (name, provider, id) => {
    expect(names.resolve(name)).toMatchObject({ kind: "model", id, provider });
    expect(names.resolve(name.toUpperCase())).toMatchObject({ kind: "model", id, provider });
  });

  test("CM-3.6 a new model in a provider's own format is looked for as that provider's", () => {
    const name = "accounts/fireworks/models/Brand-New-1p5";
    expect(names.resolve(name)).toMatchObject({ kind: "unknown", name, provider: "fireworks" });
    expect(names.resolve("@preset/mine")).toMatchObject({ kind: "unknown" });
  });

  test.each([
    ["meta-llama/llama-9-9b", "openrouter"],
    ["qwen/qwen9", "alibaba-cloud"],
    ["deepseek-ai/deepseek-v9", "fireworks"],
    ["stabilityai/sd9", "fal"],
    ["z-ai/glm-9", "zai"],
    ["groq/new-model", "groq"],
    ["grok-9", "xai"],
    ["gemini-9-pro", "google-vertex"],
    ["nobody-knows/this-one", "openrouter"],
    ["this-one", null],
  ])("CM-3.7 a model that no table knows: %s would be asked of %s", (name, provider) => {
    expect(names.resolve(name)).toMatchObject({ kind: "unknown", name, provider });
  });

  test.each([
    ["claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"],
    ["gemini-2.5-flash", "google/gemini-2.5-flash"],
    ["llama-3.3-70b-versatile", "meta-llama/llama-3.3-70b-instruct"],
  ])("%s is %s", (native, id) => {
    expect(found(native)).toBe(id);
  });

  test("every native id of the seed leads to a model that somebody offers under it", () => {
    for (const { id, offers } of models) {
      for (const { provider, nativeModel } of offers) {
        const owners = models.filter((model) =>
          model.offers.some((offer) => offer.nativeModel.toLowerCase() === nativeModel.toLowerCase()),
        );
        const aliased = Reflect.get(aliases, nativeModel.toLowerCase());
        const expected = aliased === undefined ? owners.map((owner) => owner.id) : [aliased];
        expect(expected).toContain(found(nativeModel));
        expect(found(`${provider}/${id}`)).toBe(id);
      }
    }
  });

  test("a native id that several providers share prefers none of them", () => {
    for (const name of models.flatMap(({ offers }) => offers.map(({ nativeModel }) => nativeModel))) {
      const resolved = names.resolve(name);
      if (resolved.kind !== "model" || resolved.provider === null || resolved.pinned) continue;
      if (resolved.provider === (Reflect.get(overrides, resolved.id) ?? Reflect.get(overrides, name.toLowerCase())))
        continue;
      const { id, provider } = resolved;
      const users = models
        .find((model) => model.id === id)
        ?.offers.filter((offer) => offer.nativeModel.toLowerCase() === name.toLowerCase());
      expect(new Set(users?.map((offer) => offer.provider))).toEqual(new Set([provider]));
    }
  });

  test("a local server's models need no catalog, but they need a name", () => {
    expect(names.resolve("ollama/hf.co/some/Model:Q4_K_M")).toEqual({
      kind: "any-model",
      provider: "ollama",
      nativeModel: "hf.co/some/Model:Q4_K_M",
    });
    expect(found("ollama/")).toBe("unknown");
    expect(found("ollama")).toBe("unknown");
  });
});

describe("suffixes", () => {
  const LLAMA = "meta-llama/llama-3.3-70b-instruct";

  test.each([
    ["openai/gpt-4o:nitro", "openai/gpt-4o", { sort: "throughput" }],
    ["gpt-4o:floor", "openai/gpt-4o", { sort: "price" }],
    ["R1:FLOOR", "deepseek/deepseek-r1", { sort: "price" }],
    ["openai/gpt-5:thinking", "openai/gpt-5", { reasoning: true }],
    ["openai/gpt-5:thinking:floor", "openai/gpt-5", { reasoning: true, sort: "price" }],
    ["openai/gpt-5:nitro:floor", "openai/gpt-5", { sort: "price" }],
    ["openai/gpt-4o:free", "openai/gpt-4o", { onlyFree: true }],
    ["deepseek/deepseek-r1:exacto", "deepseek/deepseek-r1", { lockedProvider: "openrouter" }],
    ["openai/gpt-4o:extended", "openai/gpt-4o", {}],
    ["openai/gpt-4o:online", "openai/gpt-4o", {}],
    ["~anthropic/claude-sonnet-latest:nitro", found("~anthropic/claude-sonnet-latest"), { sort: "throughput" }],
  ])("%s is %s with a preference", (name, id, preference) => {
    expect(names.resolve(name)).toMatchObject({ kind: "model", id });
    expect(names.resolve(name)).toHaveProperty("preference", preference);
  });

  test("a variant that costs more than its model is not stood in for; one that does not, is", () => {
    for (const suffix of ["online", "extended"])
      expect(names.resolve(`openai/gpt-4o:${suffix}`)).toMatchObject({ variant: { suffix, required: true } });
    for (const suffix of ["free", "thinking", "exacto"])
      expect(names.resolve(`openai/gpt-4o:${suffix}`)).toMatchObject({ variant: { suffix, required: false } });
    expect(names.resolve("openai/gpt-4o:nitro")).toHaveProperty("variant", null);
  });

  test("a variant that the catalog has is a model of its own, by an alias too", () => {
    const own = { kind: "model", id: `${LLAMA}:free`, preference: {}, variant: null };
    for (const name of [`${LLAMA}:free`, "llama-3.3-70b:free", "LLAMA-3.3-70b-instruct:Free"])
      expect(names.resolve(name)).toMatchObject(own);
    expect(names.resolve("llama-3.3-70b:free:floor")).toMatchObject({ ...own, preference: { sort: "price" } });
    expect(names.resolve(`openrouter/${LLAMA}:free`)).toMatchObject({ ...own, provider: "openrouter" });
  });

  test("a provider before the name and a suffix after it go together", () => {
    expect(names.resolve(`groq/${LLAMA}:floor`)).toMatchObject({
      id: LLAMA,
      provider: "groq",
      preference: { sort: "price" },
    });
  });

  test("CM-3.10 an unknown model's suffix is taken off, its name keeps its case; other colons are part of a name", () => {
    expect(names.resolve("Acme/New-Model:nitro")).toMatchObject({
      kind: "unknown",
      name: "Acme/New-Model",
      preference: { sort: "throughput" },
    });
    expect(names.resolve("acme/new:free")).toMatchObject({ name: "acme/new", variant: { suffix: "free" } });
    for (const name of ["openai/gpt-4o:constructor", "openai/gpt-4o:turbo", "openai/gpt-4o:", ":nitro"])
      expect(names.resolve(name)).toMatchObject({ kind: "unknown", name, preference: {} });
  });
});

describe("the latest of a family", () => {
  test.each([
    ["anthropic", "claude-sonnet", /^anthropic\/claude-(?:[\d.]+-)?sonnet(?:-[\d.]+)?$/],
    ["anthropic", "claude-opus", /^anthropic\/claude-(?:[\d.]+-)?opus(?:-[\d.]+)?$/],
    ["openai", "gpt", /^openai\/gpt-[\d.]+o?$/],
    ["openai", "gpt-mini", /^openai\/gpt-[\d.]+o?-mini$/],
    ["google", "gemini-flash", /^google\/gemini-[\d.]+-flash(?:-preview)?$/],
    ["google", "gemini-pro", /^google\/gemini-[\d.]+-pro(?:-preview)?$/],
    ["moonshotai", "kimi", /^moonshotai\/kimi-k[\d.]+(?:-\d+)?$/],
  ])("~%s/%s-latest is the one that was released last", (vendor, family, members) => {
    const [newest] = models
      .filter(({ id, releaseDate }) => members.test(id) && releaseDate !== null)
      .toSorted((a, b) => (b.releaseDate ?? "").localeCompare(a.releaseDate ?? ""));
    expect(newest).toBeDefined();
    expect(names.resolve(`~${vendor}/${family}-latest`)).toMatchObject({ kind: "model", id: newest?.id });
    expect(found(`~${vendor.toUpperCase()}/${family}-Latest`)).toBe(newest?.id);
  });

  test("is decided by the catalog: a release changes it, a free variant and a model for images do not", () => {
    const [model] = models.filter(({ id }) => id === "anthropic/claude-sonnet-4.5");
    if (model === undefined) throw new Error("The seed has changed.");
    const released = (id: string, releaseDate: string, modality = model.modality) => ({
      ...model,
      id,
      releaseDate,
      modality,
    });
    const later = new ModelNames(
      [
        model,
        released("anthropic/claude-sonnet-9", "2031-01-02"),
        released("anthropic/claude-sonnet-9.1", "2031-01-02"),
        released("anthropic/claude-sonnet-9.2:free", "2032-01-01"),
        released("anthropic/claude-sonnet-9.3", "2033-01-01", "text->image"),
      ],
      [],
    );
    expect(later.resolve("~anthropic/claude-sonnet-latest")).toMatchObject({ id: "anthropic/claude-sonnet-9.1" });
  });

  test("of nothing is nothing", () => {
    for (const name of ["~openai/nothing-latest", "~openai/gpt", "~/gpt-latest", "~latest"])
      expect(found(name)).toBe("unknown");
  });
});

describe("names that lead nowhere", () => {
  test.each([
    ["../../etc"],
    ["openai/../gpt-4o"],
    ["a\u0000b"],
    ["openai/gpt\n"],
    ["openai/gpt-4o\n"],
    [" gpt-4o"],
    [""],
    ["/"],
    ["gpt-4o?x=1"],
    ["gpt-4ö"],
    ["__proto__"],
    ["constructor"],
    ["hasOwnProperty"],
    ["openai/__proto__"],
  ])("B44 %j is unknown", (name) => {
    expect(found(name)).toBe("unknown");
  });

  test("B43 a name of 10 kB is unknown at once", () => {
    const name = `openai/${"a".repeat(10_000)}`;
    const startedMs = performance.now();
    expect(found(name)).toBe("unknown");
    expect(names.near(name)).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(50);
  });

  test.each([
    ["opnai/gpt-4o", "openai/gpt-4o"],
    ["gpt4o", "openai/gpt-4o"],
    ["claude-sonet-4.5", "anthropic/claude-sonnet-4.5"],
    ["gpt-4o-2024-08-06", "openai/gpt-4o"],
    ["sonet-4.5", "anthropic/claude-sonnet-4.5"],
    ["deepseek-reasonner", "deepseek/deepseek-r1"],
    ["zai/glm4.7", "z-ai/glm-4.7"],
    ["~antropic/claude-sonnet-latest", "anthropic/claude-sonnet-5"],
  ])("B42 near %s is %s, among at most three", (name, id) => {
    const near = names.near(name);
    expect(near).toContain(id);
    expect(near.length).toBeLessThanOrEqual(3);
  });

  test("B42 B43 names as long as they may be are answered in bounded time, whatever they are made of", () => {
    const hostile = [
      "a",
      "gpt-4o",
      "a:",
      ":free",
      ":nitro",
      "/",
      "a/",
      "@",
      "1p",
      "-v1",
      "models/",
      "x.",
      "projects/a/models/",
    ];
    names.near("warm");
    const startedMs = performance.now();
    for (const part of hostile) {
      const name = `a${part.repeat(256)}`.slice(0, 256);
      for (let times = 0; times < 20; times++) {
        names.resolve(name);
        names.resolve(`openai/${name}`.slice(0, 256));
        names.near(name);
      }
    }
    expect((performance.now() - startedMs) / (hostile.length * 20)).toBeLessThan(5);
  });

  test("B42 nothing is near to a name that is like none", () => {
    expect(names.near("zzzzqqqq")).toEqual([]);
    expect(names.near("")).toEqual([]);
  });

  test.each([
    ["claude-2.1", "anthropic/claude-haiku-4.5"],
    ["anthropic/claude-2.1", "anthropic/claude-haiku-4.5"],
    ["gemini-1.5-pro", "google/gemini-2.5-pro"],
    ["GPT-4-32k", "openai/gpt-4o"],
    ["text-davinci-003", "openai/gpt-4o-mini"],
  ])("B45 %s is retired, and %s goes on in its place", (name, successor) => {
    expect(names.resolve(name)).toMatchObject({ kind: "retired", successor });
    expect(ids.has(successor)).toBe(true);
  });
});

describe("P22 resolution", () => {
  const known = [...ids, ...Object.keys(aliases), ...models.flatMap(({ offers }) => offers.map((o) => o.nativeModel))];
  const SUFFIXES = [":free", ":nitro", ":floor", ":online", ":thinking", ":extended", ":exacto", ":other"];
  const anyName = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom(...known),
    fc
      .tuple(
        fc.constantFrom(
          "groq",
          "openrouter",
          "hug",
          "fal-ai",
          "ollama",
          "nobody",
          "accounts/fireworks/models",
          "@cf",
          "models",
          "__proto__",
        ),
        fc.constantFrom(...known),
      )
      .map((p) => p.join("/")),
    fc
      .tuple(fc.constantFrom(...known), fc.constantFrom(...SUFFIXES), fc.constantFrom("", ...SUFFIXES))
      .map((p) => p.join("")),
    fc.tuple(fc.constantFrom(...known), fc.string({ maxLength: 4 })).map(([name, more]) => name + more),
  );

  test("P22 any string gives one answer, and a model's answer gives itself", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const resolved = names.resolve(name);
        expect(names.resolve(name)).toEqual(resolved);
        switch (resolved.kind) {
          case "model":
            expect(ids.has(resolved.id)).toBe(true);
            expect(names.resolve(resolved.id)).toMatchObject({ ...PLAIN, kind: "model", id: resolved.id });
            return;
          case "any-model":
            expect(`${resolved.provider}/${resolved.nativeModel}`.toLowerCase()).toBe(name.toLowerCase());
            return;
          case "retired":
            expect(ids.has(resolved.successor)).toBe(true);
            return;
          case "unknown":
            expect(names.resolve(resolved.name)).toMatchObject({ kind: "unknown", name: resolved.name });
            if (!isPlausibleName(name)) expect(resolved.name).toBe(name);
            // An alias' target, or the name in its own case, but for suffixes (CM-3.10).
            else if (!name.startsWith(resolved.name)) expect(Object.values(aliases)).toContain(resolved.name);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("P22 no name captures the longer ones that begin with it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...ids), fc.stringMatching(/^[a-z]{5}$/), (id, more) => {
        expect(found(`${id}-${more}`)).toBe("unknown");
      }),
      { numRuns: RUNS },
    );
  });

  test("near names are models of the catalog, whatever was asked for", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        for (const near of names.near(name)) expect(ids.has(near)).toBe(true);
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });
});
