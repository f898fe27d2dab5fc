import type { PreferenceFilter } from "./candidate-filter.ts";

const NAMED_PRECISION = /(?:^|[-_./])(int4|int8|fp4|fp6|fp8|fp16|bf16|fp32)(?=$|[-_./:])/i;

/** The precision that an offer's native id names, else OpenRouter's word for what nobody says: `unknown`. */
function quantizationOf(nativeModel: string): string {
  return NAMED_PRECISION.exec(nativeModel)?.[1]?.toLowerCase() ?? "unknown";
}

/** `quantizations`: an offer that does not say how it is quantized is taken only where `unknown` is listed. */
export const filterByQuantization: PreferenceFilter = ({ nativeModel }, { quantizations }) =>
  quantizations === null || quantizations.includes(quantizationOf(nativeModel)) ? null : "provider.quantizations";
