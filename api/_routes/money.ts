import * as z from "zod";
import { parseUsd } from "../../lib/money/nano-usd.ts";

/** Money in JSON: a decimal string, because a float cannot hold a nano-dollar. */
export const usd = z.string().describe("USD, decimal, up to nine decimals");

/** An amount to be given: more than nothing, at most `maxUsd`. */
export function amountUsd(maxUsd: number) {
  return z
    .string()
    .superRefine((text, context) => {
      const amount = parseUsd(text);
      if (amount === null) {
        const message = 'must be a decimal string in USD with at most nine decimals, for example "5.25".';
        context.addIssue({ code: "custom", message, params: { code: "invalid_value" } });
      } else if (amount <= 0n || amount > BigInt(maxUsd) * 1_000_000_000n) {
        const message = `must be more than 0 and at most ${maxUsd} USD.`;
        context.addIssue({ code: "custom", message, params: { code: "out_of_range" } });
      }
    })
    .describe(`USD, decimal string, more than 0 and at most ${maxUsd}`);
}

/** @returns the amount that `amountUsd` has let through, nano-dollars */
export function nanoUsdOf(text: string): bigint {
  const amount = parseUsd(text);
  if (amount === null) throw new Error("An amount was used that its schema had not checked.");
  return amount;
}
