import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Model, Offer } from "../../lib/catalog/model.ts";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import {
  anthropicModel,
  openAiModel,
  renderAnthropicModel,
  renderOpenAiModel,
  servedOffers,
  usdPerToken,
} from "../../lib/catalog/model-list.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const models: readonly Model[] = seedModels().map(modelOfJson);

function model(id: string): Model {
  const found = models.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

function offer(provider: string, input: bigint, output: bigint): Offer {
  const { offers } = model("meta-llama/llama-3.3-70b-instruct");
  const price = offers.find((each) => each.price !== null)?.price ?? null;
  if (price === null) throw new Error("no price");
  const nativeModel = `${provider}-native`;
  return {
    provider,
    nativeModel,
    contextLength: 8000,
    price: { ...price, inputPerMillion: input, outputPerMillion: output },
  };
}

describe("the list of models", () => {
  test("every seed model that is served renders as both schemas say", () => {
    const everyone = { has: () => true };
    const rendered = models.map((each) => renderOpenAiModel(each, everyone)).filter((each) => each !== null);
    // All but four that nobody offers any more.
    expect(rendered).toHaveLength(206);
    for (const each of rendered) expect(openAiModel.safeParse(each).error).toBeUndefined();
    for (const each of models) expect(anthropicModel.safeParse(renderAnthropicModel(each)).error).toBeUndefined();
  });

  test("OpenAI's four fields and OpenRouter's, money as strings", () => {
    expect(renderOpenAiModel(model("openai/gpt-4o"), new Set(["openai"]))).toEqual({
      id: "openai/gpt-4o",
      object: "model",
      created: Date.parse("2024-05-13") / 1000,
      owned_by: "openai",
      canonical_slug: "openai/gpt-4o",
      name: "GPT-4o",
      context_length: 128000,
      architecture: { modality: "text+image->text", input_modalities: ["text", "image"], output_modalities: ["text"] },
      pricing: { prompt: "0.0000025", completion: "0.00001", input_cache_read: "0.00000125" },
      top_provider: { context_length: 128000, max_completion_tokens: 16384, is_moderated: false },
      per_request_limits: null,
      supported_parameters: expect.arrayContaining(["max_tokens", "tools", "tool_choice", "response_format"]),
    });
  });

  test("Anthropic's shape", () => {
    expect(renderAnthropicModel(model("openai/gpt-4o"))).toEqual({
      type: "model",
      id: "openai/gpt-4o",
      display_name: "GPT-4o",
      created_at: "2024-05-13T00:00:00.000Z",
    });
  });

  test("a model without a date is the oldest, not an error", () => {
    for (const releaseDate of [null, "soon"]) {
      const undated = { ...model("openai/gpt-4o"), releaseDate };
      expect(renderOpenAiModel(undated, new Set(["openai"]))?.created).toBe(0);
      expect(renderAnthropicModel(undated).created_at).toBe("1970-01-01T00:00:00.000Z");
    }
  });

  test("CM-9.2.1 CM-9.2.2 a model that nobody here serves at a known price is left out", () => {
    const llama = model("meta-llama/llama-3.3-70b-instruct");
    const unpriced: Model = { ...llama, offers: [{ ...offer("groq", 1n, 1n), price: null }] };
    expect(renderOpenAiModel(llama, new Set())).toBeNull();
    expect(renderOpenAiModel(unpriced, new Set(["groq"]))).toBeNull();
    expect(renderOpenAiModel(llama, new Set(["groq"]))).not.toBeNull();
  });

  test("CM-5.2.1 a closed model is not listed for a provider that may not serve it", () => {
    const gpt = model("openai/gpt-4o");
    const { length } = gpt.offers;
    expect(length).toBeGreaterThan(2);
    expect(
      servedOffers(gpt, { has: () => true })
        .map(({ provider }) => provider)
        .toSorted(),
    ).toEqual(["openai", "openrouter"]);
    expect(renderOpenAiModel(gpt, new Set(["aihubmix"]))).toBeNull();
  });

  test("the price is that of the cheapest offer", () => {
    const llama = model("meta-llama/llama-3.3-70b-instruct");
    const offers = [offer("groq", 590_000_000n, 790_000_000n), offer("deepinfra", 100_000_000n, 320_000_000n)];
    const listed = renderOpenAiModel({ ...llama, offers }, new Set(["groq", "deepinfra"]));
    expect(listed?.pricing).toMatchObject({ prompt: "0.0000001", completion: "0.00000032" });
    expect(listed?.top_provider.context_length).toBe(8000);
  });
});

describe("money per token", () => {
  test.each([
    [0n, "0"],
    [1n, "0.000000000000001"],
    [20_000_000_000n, "0.00002"],
    [1_000_000_000_000_000n, "1"],
    [1_500_000_000_000_000n, "1.5"],
  ])("%s nano-dollars a million tokens are %s dollars a token", (perMillion, dollars) => {
    expect(usdPerToken(perMillion)).toBe(dollars);
  });

  test("no digit is lost either way", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (perMillion) => {
        const [whole = "", fraction = ""] = usdPerToken(perMillion).split(".");
        expect(BigInt(whole + fraction.padEnd(15, "0"))).toBe(perMillion);
        expect(fraction.endsWith("0")).toBe(false);
      }),
      { numRuns: RUNS },
    );
  });
});
