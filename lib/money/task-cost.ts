import type { Price, UnitPrices } from "./cost.ts";
import type { NanoUsd } from "./nano-usd.ts";

/** What one task consumed, as far as that is known. Safe non-negative integers; each token is in one count only. */
export interface Consumption {
  readonly inputTokens: number;
  readonly imageInputTokens: number;
  readonly audioInputTokens: number;
  readonly outputTokens: number;
  readonly imageOutputTokens: number;
  readonly audioOutputTokens: number;
  /** Images in hundredths of one of 1024 x 1024 in standard quality: their sizes and qualities are multiplied in. */
  readonly imageHundredths: number;
  readonly audioMilliseconds: number;
  readonly characters: number;
  readonly searches: number;
}

export const NOTHING_CONSUMED: Consumption = {
  inputTokens: 0,
  imageInputTokens: 0,
  audioInputTokens: 0,
  outputTokens: 0,
  imageOutputTokens: 0,
  audioOutputTokens: 0,
  imageHundredths: 0,
  audioMilliseconds: 0,
  characters: 0,
  searches: 0,
};

const TOKENS_ONLY: UnitPrices = {
  perImage: null,
  perAudioMinute: null,
  perMillionCharacters: null,
  perSearch: null,
  imageInputPerMillion: null,
  imageOutputPerMillion: null,
  audioInputPerMillion: null,
  audioOutputPerMillion: null,
};

/** Of millionths, hundredths and sixty-thousandths the least common denominator. */
const DENOMINATOR = 3_000_000n;
const PER_MILLION = 3n;
const PER_HUNDREDTH = 30_000n;
const PER_MILLISECOND_OF_MINUTE = 50n;

/**
 * The cost of `consumed` under `price`: the exact sum in BigInt, rounded up once, to the nano-dollar. What a model is not
 * priced by costs nothing there; image and audio tokens without a price of their own cost what text does. A model with
 * prices by the token and by the minute is charged by the minute only where no token was counted.
 */
export function taskCostNanoUsd(price: Price, consumed: Consumption): NanoUsd {
  const units = price.units ?? TOKENS_ONLY;
  const tokens =
    BigInt(consumed.inputTokens) * price.inputPerMillion +
    BigInt(consumed.imageInputTokens) * (units.imageInputPerMillion ?? price.inputPerMillion) +
    BigInt(consumed.audioInputTokens) * (units.audioInputPerMillion ?? price.inputPerMillion) +
    BigInt(consumed.outputTokens) * price.outputPerMillion +
    BigInt(consumed.imageOutputTokens) * (units.imageOutputPerMillion ?? price.outputPerMillion) +
    BigInt(consumed.audioOutputTokens) * (units.audioOutputPerMillion ?? price.outputPerMillion);
  const characters = BigInt(consumed.characters) * (units.perMillionCharacters ?? 0n);
  const minutes = tokens > 0n ? 0n : BigInt(consumed.audioMilliseconds) * (units.perAudioMinute ?? 0n);
  const parts =
    (tokens + characters) * PER_MILLION +
    BigInt(consumed.imageHundredths) * (units.perImage ?? 0n) * PER_HUNDREDTH +
    minutes * PER_MILLISECOND_OF_MINUTE +
    BigInt(consumed.searches) * (units.perSearch ?? 0n) * DENOMINATOR;
  const anything = Object.values(consumed).some((count) => count > 0);
  return anything ? (parts + DENOMINATOR - 1n) / DENOMINATOR + price.perRequest : 0n;
}

/** `amount` and a tenth of it, rounded up: what is held before an image or audio call (spec facts, section 1). */
export function withTenth(amount: NanoUsd): NanoUsd {
  return (amount * 11n + 9n) / 10n;
}
