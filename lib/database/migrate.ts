import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { MIGRATIONS } from "./migrations.ts";
import type { Database } from "./tables.ts";

/**
 * Brings the database up to date. Safe to run by several processes at once (the migrator takes a lock).
 * @returns the names of the migrations that were applied
 * @throws Error with the name of the one that failed; nothing of it is kept
 */
export async function migrate(database: Kysely<Database>): Promise<readonly string[]> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find(({ status }) => status === "Error");
  if (error !== undefined) {
    const message =
      failed === undefined ? "The migrations could not be run." : `Migration ${failed.migrationName} failed.`;
    throw new Error(message, { cause: error });
  }
  return results.filter(({ status }) => status === "Success").map(({ migrationName }) => migrationName);
}
