import type { AccountTables } from "./account-tables.ts";
import type { BatchTables } from "./batch-tables.ts";
import type { CatalogTables } from "./catalog-tables.ts";
import type { LedgerTables } from "./ledger-tables.ts";
import type { ResponseTables } from "./response-tables.ts";

/** Table types of every subject, for kysely. bigint columns are strings on the wire and stay so until parsed. */
export interface Database extends AccountTables, BatchTables, LedgerTables, CatalogTables, ResponseTables {}
