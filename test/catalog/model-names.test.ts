import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPlausibleName, ModelNames } from "../../lib/catalog/model-names.ts";
import aliases from "../../lib/catalog/seed/aliases.json" with { type: "json" };
import { seedModels } from "../../lib/catalog/seed-models.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const models = seedModels();
const ids = new Set(models.map(({ id }) => id));
const names = new ModelNames(models, ["ollama"]);

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

  test("CM-3.4 every canonical id comes back unchanged, with no provider preferred", () => {
    for (const id of ids) expect(names.resolve(id)).toEqual({ kind: "model", id, provider: null });
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
    expect(names.resolve("gpt-4o-2024-08-06")).toEqual({ kind: "unknown", name: "openai/gpt-4o-2024-08-06" });
  });
});

describe("providers' own names", () => {
  test("CM-3.5 a named provider beats every other rule", () => {
    for (const provider of ["groq", "together", "openrouter"]) {
      expect(names.resolve(`${provider}/meta-llama/llama-3.3-70b-instruct`)).toEqual({
        kind: "model",
        id: "meta-llama/llama-3.3-70b-instruct",
        provider,
      });
    }
    expect(names.resolve("groq/llama-3.3-70b-versatile")).toMatchObject({ provider: "groq" });
  });

  test("CM-3.6 an id in one provider's own format is that provider's", () => {
    expect(names.resolve("accounts/fireworks/models/llama-v3p3-70b-instruct")).toEqual({
      kind: "model",
      id: "meta-llama/llama-3.3-70b-instruct",
      provider: "fireworks",
    });
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
      if (resolved.kind !== "model" || resolved.provider === null) continue;
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
  ])("B42 near %s is %s, among at most three", (name, id) => {
    const near = names.near(name);
    expect(near).toContain(id);
    expect(near.length).toBeLessThanOrEqual(3);
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
  const anyName = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom(...known),
    fc
      .tuple(fc.constantFrom("groq", "openrouter", "ollama", "nobody"), fc.constantFrom(...known))
      .map((p) => p.join("/")),
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
            expect(names.resolve(resolved.id)).toEqual({ kind: "model", id: resolved.id, provider: null });
            return;
          case "any-model":
            expect(`${resolved.provider}/${resolved.nativeModel}`.toLowerCase()).toBe(name.toLowerCase());
            return;
          case "retired":
            expect(ids.has(resolved.successor)).toBe(true);
            return;
          case "unknown":
            if (!isPlausibleName(name)) expect(resolved.name).toBe(name);
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
