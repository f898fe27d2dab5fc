import { describe, expect, test } from "vitest";
import { DEFAULT_PRICE, effectivePrice, isPremium, pricingMissing } from "../../lib/catalog/effective-price.ts";
import { usualOutputTokens } from "../../lib/catalog/expected-output.ts";
import type { Offer } from "../../lib/catalog/model.ts";
import { usdPerToken } from "../../lib/catalog/model-list.ts";
import { costNanoUsd } from "../../lib/money/cost.ts";

const UNPRICED: Offer = { provider: "openrouter", nativeModel: "x", contextLength: null, price: null };
const OWN_PRICE = { ...DEFAULT_PRICE, version: "v1", inputPerMillion: 1n, outputPerMillion: 2n };

const PREMIUM = [
  ...["openai/gpt-4", "openai/gpt-4o-mini", "openai/gpt-4.1-nano", "openai/chatgpt-4o-latest", "openai/gpt-5-nano"],
  ...["openai/o1", "openai/o1-pro", "openai/o3", "openai/o3-mini-high", "openai/o4-mini"],
  ...["anthropic/claude-3-haiku", "anthropic/claude-haiku-4.5", "anthropic/claude-opus-9"],
  ...["google/gemini-1.5-pro", "google/gemini-2.5-flash-lite", "google/gemini-3-flash-preview"],
  ...["cohere/command-r-plus", "mistralai/mixtral-8x22b-instruct"],
];
const ORDINARY = [
  ...["openai/gpt-3.5-turbo", "openai/gpt-oss-120b", "google/gemma-2-9b-it", "meta-llama/llama-3.3-70b-instruct"],
  ...["mistralai/mixtral-8x7b-instruct", "qwen/qwen3-32b", "deepseek/deepseek-r1", "vendor/foo1", "vendor/pro3"],
];

describe("prices", () => {
  test.each(PREMIUM)("CM-6.6.1 %s is not served at the default price", (id) => {
    expect(isPremium(id)).toBe(true);
    expect(effectivePrice(id, UNPRICED)).toBeNull();
    expect(pricingMissing(id)).toMatchObject({ code: "model_pricing_missing", status: 422 });
  });

  test.each(PREMIUM)("CM-6.6.2 %s is served at a price of its own", (id) => {
    expect(effectivePrice(id, { ...UNPRICED, price: OWN_PRICE })).toBe(OWN_PRICE);
  });

  test.each(ORDINARY)("CM-6.6.3 %s is served at 0.00002 USD a token", (id) => {
    const price = effectivePrice(id, UNPRICED);
    expect(usdPerToken(price?.inputPerMillion ?? -1n)).toBe("0.00002");
    expect(usdPerToken(price?.outputPerMillion ?? -1n)).toBe("0.00002");
  });

  test("the default price charges every part of a request", () => {
    const parts = { inputUncached: 1, cacheRead: 1, cacheWrite: 1, cacheWriteOneHour: 1, output: 1, reasoning: 1 };
    expect(costNanoUsd(DEFAULT_PRICE, parts)).toBe(120_000n);
  });
});

describe("the usual length of an answer", () => {
  test.each([
    ["openai/gpt-4", 100_000, 8192],
    ["openai/gpt-4o", 100_000, 4096],
    ["openai/gpt-4o-mini", 100_000, 16384],
    ["openai/gpt-4o-2024-11-20", 100_000, 4096],
    ["anthropic/claude-3.5-sonnet", 100_000, 8192],
    ["mistralai/mixtral-8x7b-instruct", 100_000, 32768],
    ["qwen/qwen3-32b", 100_000, 4096],
    ["openai/gpt-4", 1000, 1000],
  ])("%s of at most %i gives %i: the longest name that fits counts", (id, maximum, expected) => {
    expect(usualOutputTokens(id, maximum)).toBe(expected);
  });
});
