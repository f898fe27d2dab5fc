import type { Price } from "../money/cost.ts";

/** A model that can be called, and who offers it. */
export interface Model {
  readonly id: string;
  readonly name: string;
  /** ISO date, or null. */
  readonly releaseDate: string | null;
  readonly contextLength: number;
  /** Null where the vendor states none. */
  readonly maxOutputTokens: number | null;
  /** `text+image->text` and the like. */
  readonly modality: string;
  readonly capabilities: readonly string[];
  readonly openWeights: boolean;
  readonly offers: readonly Offer[];
}

/** One provider's offer of a model. */
export interface Offer {
  readonly provider: string;
  readonly nativeModel: string;
  readonly contextLength: number | null;
  /** Null: no price is known (see `effectivePrice`). */
  readonly price: Price | null;
}

/** The vendor of a canonical id: `openai` of `openai/gpt-4o`. */
export function vendorOf(modelId: string): string {
  return modelId.slice(0, Math.max(0, modelId.indexOf("/")));
}

/** An output as long as the context is the most that can be asked for where no maximum is stated. */
export function maxOutputOf(model: Pick<Model, "contextLength" | "maxOutputTokens">): number {
  return model.maxOutputTokens ?? model.contextLength;
}
