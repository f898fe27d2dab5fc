import type { ColumnType } from "kysely";

export interface ResponseTables {
  readonly stored_response: StoredResponseTable;
}

interface StoredResponseTable {
  readonly account_id: string;
  readonly id: string;
  readonly item_ids: ColumnType<unknown, never, never>;
  readonly content: string;
  readonly created_at: ColumnType<Date, string, never>;
}
