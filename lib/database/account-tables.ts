import type { ColumnType } from "kysely";

export interface AccountTables {
  readonly account: AccountTable;
  readonly api_key: ApiKeyTable;
  readonly provider_key: ProviderKeyTable;
}

type Timestamp = ColumnType<Date, string | undefined, string>;

interface AccountTable {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly created_at: Timestamp;
}

interface ApiKeyTable {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  /** HMAC-SHA-256 of the whole key, hex. The key itself is nowhere. */
  readonly key_hash: string;
  readonly last4: string;
  readonly environment: string;
  readonly requests_per_minute: number;
  readonly expires_at: ColumnType<Date | null, string | null, string | null>;
  readonly revoked_at: ColumnType<Date | null, string | null | undefined, string>;
  readonly created_at: Timestamp;
}

interface ProviderKeyTable {
  readonly id: string;
  readonly account_id: string;
  readonly provider: string;
  readonly mode: "first" | "only";
  /** Under one of the operator's encryption keys. */
  readonly sealed_secret: string;
  readonly last4: string;
  readonly created_at: Timestamp;
}
