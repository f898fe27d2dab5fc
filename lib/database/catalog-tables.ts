import type { ColumnType } from "kysely";

export interface CatalogTables {
  readonly model: ModelTable;
  readonly model_offer: ModelOfferTable;
  readonly model_price: ModelPriceTable;
}

interface ModelTable {
  readonly id: string;
  readonly name: string;
  readonly release_date: string | null;
  readonly context_length: number;
  readonly max_output_tokens: number | null;
  readonly modality: string;
  readonly capabilities: ColumnType<readonly string[], string>;
  readonly open_weights: boolean;
}

interface ModelOfferTable {
  readonly model_id: string;
  readonly provider: string;
  readonly native_model: string;
  readonly context_length: number | null;
  /** The price in force; null: none is known. */
  readonly price_version: string | null;
}

/** Prices are never changed: a new price is a new version. Integers of nano-dollars per million tokens. */
interface ModelPriceTable {
  readonly version: string;
  readonly input: string;
  readonly output: string;
  readonly cached_input: string | null;
  readonly cache_write: string | null;
  /** By the piece, nano-dollars: an image, a minute, a million characters, a search. */
  readonly image: string | null;
  readonly audio_minute: string | null;
  readonly million_characters: string | null;
  readonly search: string | null;
  /** Per million image or audio tokens. */
  readonly image_input: string | null;
  readonly image_output: string | null;
  readonly audio_input: string | null;
  readonly audio_output: string | null;
}
