import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelOfJson } from "../../lib/catalog/model-json.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { type BillableCounts, costNanoUsd, type Price } from "../../lib/money/cost.ts";
import { formatUsd, parseUsd } from "../../lib/money/nano-usd.ts";
import { NO_USAGE } from "../../lib/protocol/usage.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const perMillion = fc.bigInt({ min: 0n, max: 10n ** 15n });
const optional = fc.option(perMillion);
const price: fc.Arbitrary<Price> = fc.record({
  version: fc.constant("test"),
  inputPerMillion: perMillion,
  outputPerMillion: perMillion,
  cachedInputPerMillion: optional,
  cacheWritePerMillion: optional,
  cacheWriteOneHourPerMillion: optional,
  reasoningPerMillion: optional,
  perRequest: fc.constant(0n),
});
const tokens = fc.nat({ max: 50_000_000 });
const counts = fc.record<BillableCounts>({
  inputUncached: tokens,
  cacheRead: tokens,
  cacheWrite: tokens,
  cacheWriteOneHour: tokens,
  output: tokens,
  reasoning: tokens,
});

function offer(modelId: string, provider: string): Price {
  const model = seedModels()
    .map(modelOfJson)
    .find(({ id }) => id === modelId);
  const found = model?.offers.find((candidate) => candidate.provider === provider)?.price;
  if (found == null) throw new Error(`${modelId} at ${provider}`);
  return found;
}
const sum = (a: BillableCounts, b: BillableCounts): BillableCounts => ({
  inputUncached: a.inputUncached + b.inputUncached,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
  cacheWriteOneHour: a.cacheWriteOneHour + b.cacheWriteOneHour,
  output: a.output + b.output,
  reasoning: a.reasoning + b.reasoning,
});

describe("cost", () => {
  test("CM-6.1.1 is prompt tokens at the prompt price plus completion tokens at the completion price", () => {
    // gpt-4o: $2.50 and $10.00 per million tokens
    const cost = costNanoUsd(offer("openai/gpt-4o", "openai"), { ...NO_USAGE, inputUncached: 1_000, output: 500 });
    expect(formatUsd(cost)).toBe("0.0075");
  });

  test("CM-6.1.2 zero tokens cost exactly 0", () => {
    fc.assert(
      fc.property(price, (any) => {
        expect(costNanoUsd({ ...any, perRequest: 5n }, NO_USAGE)).toBe(0n);
      }),
      { numRuns: RUNS },
    );
  });

  test("CM-6.1.3 the same usage costs what each model's own prices say", () => {
    const usage = { ...NO_USAGE, inputUncached: 1_000_000, output: 1_000_000 };
    expect(formatUsd(costNanoUsd(offer("openai/gpt-4o", "openai"), usage))).toBe("12.5");
    expect(formatUsd(costNanoUsd(offer("openai/gpt-4o-mini", "openai"), usage))).toBe("0.75");
    expect(formatUsd(costNanoUsd(offer("anthropic/claude-sonnet-4.5", "anthropic"), usage))).toBe("18");
  });

  test("CM-6.1.4 is exact where binary floating point is not", () => {
    // 3 tokens at $0.1 per million: 0.0000003, which 3 * 0.0000001 is not.
    const tiny: Price = { ...offer("openai/gpt-4o", "openai"), inputPerMillion: 100_000_000n };
    expect(formatUsd(costNanoUsd(tiny, { ...NO_USAGE, inputUncached: 3 }))).toBe("0.0000003");
    const large = costNanoUsd(
      { ...tiny, inputPerMillion: 600_000_000_001n },
      { ...NO_USAGE, inputUncached: 10_000_000 },
    );
    expect(large).toBe(6_000_000_000_010n);
  });

  test("P6 is never negative, grows with tokens and prices, and rounds once: a whole differs from its parts by at most a nano", () => {
    fc.assert(
      fc.property(price, counts, counts, (any, a, b) => {
        const [first, second, both] = [costNanoUsd(any, a), costNanoUsd(any, b), costNanoUsd(any, sum(a, b))];
        expect(first >= 0n && both >= first && both >= second).toBe(true);
        expect(both <= first + second && first + second - both <= 1n).toBe(true);
        expect(costNanoUsd({ ...any, outputPerMillion: any.outputPerMillion + 1n }, a) >= first).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});

test("amounts survive being written and read", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), (amount) => {
      expect(parseUsd(formatUsd(amount))).toBe(amount);
    }),
    { numRuns: RUNS },
  );
  for (const text of ["", "1e5", "1.0000000001", "NaN", "+1", " 1", "1.", ".5", "--1"])
    expect(parseUsd(text)).toBeNull();
});
