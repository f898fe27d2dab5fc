/** Money is an integer number of nano-dollars (1e-9 USD) in a bigint (design: ledger, section 2). */
export type NanoUsd = bigint;

const NANO_USD_PER_USD = 1_000_000_000n;

const DECIMAL_USD = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/;

/**
 * Parses a decimal string in USD with at most nine decimals: `"5"`, `"0.000000001"`, `"-2.50"`.
 * @returns null for anything else, so that the caller can name the field
 */
export function parseUsd(text: string): NanoUsd | null {
  const match = DECIMAL_USD.exec(text);
  if (match === null) return null;
  const [, sign, whole = "0", fraction = ""] = match;
  const amount = BigInt(whole) * NANO_USD_PER_USD + BigInt(fraction.padEnd(9, "0"));
  return sign === "-" ? -amount : amount;
}

/** Writes USD with up to nine decimals and no trailing zeros: `"5"`, `"0.00001"`, `"-2.5"`. */
export function formatUsd(amount: NanoUsd): string {
  const magnitude = amount < 0n ? -amount : amount;
  const whole = magnitude / NANO_USD_PER_USD;
  const fraction = (magnitude % NANO_USD_PER_USD).toString().padStart(9, "0").replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
