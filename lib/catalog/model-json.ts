import * as z from "zod";
import type { Price, UnitPrices } from "../money/cost.ts";
import type { Model, Offer } from "./model.ts";

/** A model as it stands in Redis, in the seed and in a row of the database: prices are integers in strings. */
const amount = z.string().regex(/^\d+$/);
/** Prices of what is not text; each may be absent. Tokens are priced by the million, the rest by the piece. */
const unitAmounts = z.object({
  image: amount.nullish(),
  audioMinute: amount.nullish(),
  millionCharacters: amount.nullish(),
  search: amount.nullish(),
  imageInput: amount.nullish(),
  imageOutput: amount.nullish(),
  audioInput: amount.nullish(),
  audioOutput: amount.nullish(),
});
export const modelJson = z.object({
  id: z.string(),
  name: z.string(),
  releaseDate: z.string().nullable(),
  contextLength: z.int().positive(),
  maxOutputTokens: z.int().positive().nullable(),
  modality: z.string(),
  capabilities: z.array(z.string()),
  openWeights: z.boolean(),
  offers: z.array(
    z.object({
      provider: z.string(),
      nativeModel: z.string(),
      contextLength: z.number().nullable(),
      input: amount.nullable(),
      output: amount.nullable(),
      cachedInput: amount.nullable(),
      cacheWrite: amount.nullable(),
      units: unitAmounts.nullish(),
      /** Absent in the seed, whose versions are derived. */
      priceVersion: z.string().nullish(),
    }),
  ),
});

export type ModelJson = z.infer<typeof modelJson>;
type OfferJson = ModelJson["offers"][number];

/** The version that the seed's price of an offer goes by. */
export function seedPriceVersion(modelId: string, offer: Pick<OfferJson, "provider" | "nativeModel">): string {
  return `seed-2026-07:${offer.provider}:${offer.nativeModel}:${modelId}`;
}

export function modelOfJson(json: ModelJson): Model {
  const { offers, ...rest } = json;
  return { ...rest, offers: offers.map((offer) => offerOfJson(json.id, offer)) };
}

function offerOfJson(modelId: string, offer: OfferJson): Offer {
  const { provider, nativeModel, contextLength } = offer;
  return { provider, nativeModel, contextLength, price: priceOf(modelId, offer) };
}

function priceOf(modelId: string, offer: OfferJson): Price | null {
  if (offer.input === null || offer.output === null) return null;
  return {
    version: offer.priceVersion ?? seedPriceVersion(modelId, offer),
    inputPerMillion: BigInt(offer.input),
    outputPerMillion: BigInt(offer.output),
    cachedInputPerMillion: offer.cachedInput === null ? null : BigInt(offer.cachedInput),
    cacheWritePerMillion: offer.cacheWrite === null ? null : BigInt(offer.cacheWrite),
    cacheWriteOneHourPerMillion: null,
    reasoningPerMillion: null,
    perRequest: 0n,
    ...(offer.units === null || offer.units === undefined ? {} : { units: unitPrices(offer.units) }),
  };
}

function unitPrices(units: z.infer<typeof unitAmounts>): UnitPrices {
  const of = (text: string | null | undefined) => (text === null || text === undefined ? null : BigInt(text));
  return {
    perImage: of(units.image),
    perAudioMinute: of(units.audioMinute),
    perMillionCharacters: of(units.millionCharacters),
    perSearch: of(units.search),
    imageInputPerMillion: of(units.imageInput),
    imageOutputPerMillion: of(units.imageOutput),
    audioInputPerMillion: of(units.audioInput),
    audioOutputPerMillion: of(units.audioOutput),
  };
}
