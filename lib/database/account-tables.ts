import type { ColumnType } from "kysely";

export interface AccountTables {
  readonly account: AccountTable;
  readonly api_key: ApiKeyTable;
}

/** Drivers give a Date, Neon HTTP may give text: read it with `new Date(value)`. */
type Timestamp = ColumnType<Date | string, string, string>;
type DefaultedTimestamp = ColumnType<Date | string, string | undefined, never>;

interface AccountTable {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly created_at: DefaultedTimestamp;
}

interface ApiKeyTable {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  /** HMAC-SHA256 of the whole key, hex. */
  readonly key_hash: string;
  readonly last4: string;
  readonly environment: string;
  readonly requests_per_minute: number;
  readonly expires_at: Timestamp | null;
  readonly revoked_at: Timestamp | null;
  readonly created_at: DefaultedTimestamp;
}
