import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Price, UnitPrices } from "../../lib/money/cost.ts";
import { type Consumption, NOTHING_CONSUMED, taskCostNanoUsd, withTenth } from "../../lib/money/task-cost.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const amount = fc.bigInt({ min: 0n, max: 10n ** 13n });
const optional = fc.option(amount);
const units = fc.record<UnitPrices>({
  perImage: optional,
  perAudioMinute: optional,
  perMillionCharacters: optional,
  perSearch: optional,
  imageInputPerMillion: optional,
  imageOutputPerMillion: optional,
  audioInputPerMillion: optional,
  audioOutputPerMillion: optional,
});
const price: fc.Arbitrary<Price> = fc.record({
  version: fc.constant("test"),
  inputPerMillion: amount,
  outputPerMillion: amount,
  cachedInputPerMillion: fc.constant(null),
  cacheWritePerMillion: fc.constant(null),
  cacheWriteOneHourPerMillion: fc.constant(null),
  reasoningPerMillion: fc.constant(null),
  perRequest: fc.constant(0n),
  units,
});
const count = fc.nat({ max: 10_000_000 });
const consumption = fc.record<Consumption>({
  inputTokens: count,
  imageInputTokens: count,
  audioInputTokens: count,
  outputTokens: count,
  imageOutputTokens: count,
  audioOutputTokens: count,
  imageHundredths: count,
  audioMilliseconds: count,
  characters: count,
  searches: count,
});

const NO_UNITS: UnitPrices = {
  perImage: null,
  perAudioMinute: null,
  perMillionCharacters: null,
  perSearch: null,
  imageInputPerMillion: null,
  imageOutputPerMillion: null,
  audioInputPerMillion: null,
  audioOutputPerMillion: null,
};

function priced(wish: Partial<UnitPrices>, input = 0n, output = 0n): Price {
  return {
    version: "test",
    inputPerMillion: input,
    outputPerMillion: output,
    cachedInputPerMillion: null,
    cacheWritePerMillion: null,
    cacheWriteOneHourPerMillion: null,
    reasoningPerMillion: null,
    perRequest: 0n,
    units: { ...NO_UNITS, ...wish },
  };
}

const cost = (wish: Partial<UnitPrices>, consumed: Partial<Consumption>) =>
  taskCostNanoUsd(priced(wish), { ...NOTHING_CONSUMED, ...consumed });

describe("the cost of tasks", () => {
  test("CM-6.1.1 by the image, the minute, the character, the search and the token", () => {
    expect(cost({ perImage: 35_000_000n }, { imageHundredths: 150 })).toBe(52_500_000n);
    expect(cost({ perAudioMinute: 6_000_000n }, { audioMilliseconds: 90_000 })).toBe(9_000_000n);
    expect(cost({ perMillionCharacters: 15_000_000_000n }, { characters: 13 })).toBe(195_000n);
    expect(cost({ perSearch: 2_000_000n }, { searches: 3 })).toBe(6_000_000n);
    expect(cost({ imageOutputPerMillion: 40_000_000_000n }, { imageOutputTokens: 272 })).toBe(10_880_000n);
  });

  test("CM-6.1.2 nothing costs nothing, whatever the price", () => {
    fc.assert(
      fc.property(price, (any) => {
        expect(taskCostNanoUsd(any, NOTHING_CONSUMED)).toBe(0n);
      }),
      { numRuns: RUNS },
    );
  });

  test("CM-6.1.4 rounded up once: never less than the exact sum, never a whole nano-dollar more", () => {
    fc.assert(
      fc.property(price, consumption, ({ units: own = NO_UNITS, ...rest }, consumed) => {
        const charged = taskCostNanoUsd({ ...rest, units: own }, consumed);
        // The exact sum in parts of 300,000,000: hundredths, millionths and sixty-thousandths go into it evenly.
        const parts = 300_000_000n;
        const of = (quantity: number, each: bigint | null, per: bigint) =>
          (BigInt(quantity) * (each ?? 0n) * parts) / per;
        const tokens =
          of(consumed.inputTokens, rest.inputPerMillion, 1_000_000n) +
          of(consumed.imageInputTokens, own.imageInputPerMillion ?? rest.inputPerMillion, 1_000_000n) +
          of(consumed.audioInputTokens, own.audioInputPerMillion ?? rest.inputPerMillion, 1_000_000n) +
          of(consumed.outputTokens, rest.outputPerMillion, 1_000_000n) +
          of(consumed.imageOutputTokens, own.imageOutputPerMillion ?? rest.outputPerMillion, 1_000_000n) +
          of(consumed.audioOutputTokens, own.audioOutputPerMillion ?? rest.outputPerMillion, 1_000_000n);
        const exact =
          tokens +
          (tokens > 0n ? 0n : of(consumed.audioMilliseconds, own.perAudioMinute, 60_000n)) +
          of(consumed.imageHundredths, own.perImage, 100n) +
          of(consumed.characters, own.perMillionCharacters, 1_000_000n) +
          of(consumed.searches, own.perSearch, 1n);
        expect(charged * parts).toBeGreaterThanOrEqual(exact);
        expect((charged - 1n) * parts).toBeLessThan(exact + 1n);
      }),
      { numRuns: RUNS },
    );
  });

  test("what was counted in tokens is not charged by the minute too", () => {
    const both = priced({ perAudioMinute: 6_000_000n, audioInputPerMillion: 6_000_000_000n });
    const heard = { ...NOTHING_CONSUMED, audioMilliseconds: 60_000 };
    expect(taskCostNanoUsd(both, heard)).toBe(6_000_000n);
    expect(taskCostNanoUsd(both, { ...heard, audioInputTokens: 600 })).toBe(3_600_000n);
  });

  test("CM-6.3.1 a tenth on top is rounded up", () => {
    expect([withTenth(0n), withTenth(1n), withTenth(10n), withTenth(35_000_000n)]).toEqual([0n, 2n, 11n, 38_500_000n]);
  });
});
