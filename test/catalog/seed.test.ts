import { describe, expect, test } from "vitest";
import * as z from "zod";
import { modelJson, modelOfJson, seedPriceVersion } from "../../lib/catalog/model-json.ts";
import { usdPerToken } from "../../lib/catalog/model-list.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";

const models = seedModels();

/** Dollars per token as the vendors publish them, input and output, from the spec's seed. */
const PUBLISHED: readonly (readonly [string, string, string, string])[] = [
  ["openai/gpt-4o", "openai", "0.0000025", "0.00001"],
  ["openai/gpt-4o-mini", "openai", "0.00000015", "0.0000006"],
  ["openai/gpt-4", "openai", "0.00003", "0.00006"],
  ["anthropic/claude-sonnet-4.5", "anthropic", "0.000003", "0.000015"],
  ["google/gemini-2.5-flash", "google-ai-studio", "0.0000003", "0.0000025"],
  ["google/gemini-2.0-flash-exp:free", "openrouter", "0", "0"],
];

describe("the seed catalog", () => {
  test("is what the schema of a model says", () => {
    expect(z.array(modelJson).safeParse(models).error).toBeUndefined();
    expect(models).toHaveLength(210);
    expect(models.flatMap(({ offers }) => offers)).toHaveLength(985);
  });

  test("ids are vendor/model, lower case and different; contexts are positive", () => {
    for (const { id, contextLength } of models) {
      expect(id).toMatch(/^[a-z0-9-]+\/[a-z0-9.:-]+$/);
      expect(contextLength).toBeGreaterThan(0);
    }
    expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
  });

  test("modalities are kinds of input and kinds of output", () => {
    const kinds =
      /^(?:text|image|audio|video)(?:\+(?:text|image|audio|video))*->(?:(?:text|image|audio)(?:\+image)?|embedding|moderation|rerank)$/;
    for (const { modality } of models) expect(modality).toMatch(kinds);
  });

  test("one offer a provider and native id, so that each has one price version", () => {
    const versions = models.flatMap(({ id, offers }) => offers.map((offer) => seedPriceVersion(id, offer)));
    expect(new Set(versions).size).toBe(versions.length);
  });

  test("only :free models and embeddings' outputs cost nothing", () => {
    for (const { id, modality, offers } of models) {
      for (const { input, output } of offers) {
        if (id.endsWith(":free") || input === null) continue;
        if (modality.startsWith("text->text"))
          expect([id, BigInt(input) + BigInt(output ?? 0) > 0n]).toEqual([id, true]);
      }
    }
  });

  test("what is neither text nor free has a price of its own kind", () => {
    for (const { id, modality, offers } of models.map(modelOfJson)) {
      const [, output = ""] = modality.split("->");
      if (output.startsWith("text") && !modality.startsWith("audio->")) continue;
      if (output === "moderation") continue;
      for (const { price } of offers) {
        if (price === null) continue;
        const costs = Object.values(price.units ?? {}).some((amount) => (amount ?? 0n) > 0n);
        expect([id, costs || price.inputPerMillion > 0n]).toEqual([id, true]);
      }
    }
  });

  test.each(PUBLISHED)("%s at %s costs %s and %s USD a token, to the last digit", (id, provider, input, output) => {
    const model = models.find((candidate) => candidate.id === id);
    const offer =
      model === undefined ? undefined : modelOfJson(model).offers.find((each) => each.provider === provider);
    expect(usdPerToken(offer?.price?.inputPerMillion ?? -1n)).toBe(input);
    expect(usdPerToken(offer?.price?.outputPerMillion ?? -1n)).toBe(output);
  });
});
