/** Hundredths of an image of 1024 x 1024 (spec facts, section 11); a size that is not named counts as one. */
const SIZE_HUNDREDTHS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    "256x256": 50,
    "512x512": 75,
    "1024x1024": 100,
    "1024x1792": 150,
    "1792x1024": 150,
    "2048x2048": 200,
  }),
);
const FULL = 100;
/** `hd` costs twice as much as `standard`: openai.com/api/pricing, DALL-E 3 (read 2026-11-25). */
const QUALITY_FACTORS: ReadonlyMap<string, number> = new Map([["hd", 2]]);

/** What one image counts for: its size times its quality, always (spec facts, section 1). */
export function imageHundredths(size: string | null, quality: string | null): number {
  return (SIZE_HUNDREDTHS.get(size ?? "") ?? FULL) * (QUALITY_FACTORS.get(quality ?? "") ?? 1);
}

/**
 * Tokens of one image at the models that bill images in tokens, the larger of upright and wide:
 * platform.openai.com/docs/guides/image-generation, cost and latency (read 2026-11-25). The dearest stands for `auto`.
 */
const TOKENS: ReadonlyMap<string, { readonly square: number; readonly other: number }> = new Map(
  Object.entries({
    low: { square: 272, other: 408 },
    medium: { square: 1_056, other: 1_584 },
    high: { square: 4_160, other: 6_240 },
  }),
);
const DEAREST = { square: 4_160, other: 6_240 };

/** An upper estimate of one image's output tokens. */
export function outputTokensOf(size: string | null, quality: string | null): number {
  const { square, other } = TOKENS.get(quality ?? "") ?? DEAREST;
  const [width, height] = (size ?? "").split("x");
  return width !== undefined && width !== "" && width === height ? square : other;
}
