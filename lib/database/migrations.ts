import type { Migration } from "kysely/migration";
import { accountsMigration } from "./migrations/0001-accounts.ts";
import { ledgerMigration } from "./migrations/0002-ledger.ts";
import { catalogMigration } from "./migrations/0003-catalog.ts";
import { ledgerEntriesMigration } from "./migrations/0004-ledger-entries.ts";
import { storedResponsesMigration } from "./migrations/0005-stored-responses.ts";
import { unitPricesMigration } from "./migrations/0006-unit-prices.ts";
import { idempotencyMigration } from "./migrations/0007-idempotency.ts";
import { providerKeysMigration } from "./migrations/0008-provider-keys.ts";
import { batchesMigration } from "./migrations/0009-batches.ts";

/** Every migration in order, forward only. A name is permanent once released; a change is a new migration. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_accounts": accountsMigration,
  "0002_ledger": ledgerMigration,
  "0003_catalog": catalogMigration,
  "0004_ledger_entries": ledgerEntriesMigration,
  "0005_stored_responses": storedResponsesMigration,
  "0006_unit_prices": unitPricesMigration,
  "0007_idempotency": idempotencyMigration,
  "0008_provider_keys": providerKeysMigration,
  "0009_batches": batchesMigration,
};
