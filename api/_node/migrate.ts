import { loadSeedCatalog } from "../../lib/catalog/catalog-store.ts";
import { migrate } from "../../lib/database/migrate.ts";
import { createTcpPostgres, MIGRATION_TIMEOUT_MS } from "../../lib/platform/postgres/tcp-postgres.ts";

/** `npm run migrate`: brings the database of DATABASE_URL up to date, over TCP (Neon has that too), and adds the seed catalog. */
const url = process.env["DATABASE_URL"];
if (url === undefined || !/^postgres(?:ql)?:\/\//.test(url)) {
  process.stderr.write(
    "DATABASE_URL must be: a postgres:// URL. Without one the embedded database is used, which migrates by itself.\n",
  );
  process.exit(1);
}
const postgres = createTcpPostgres(url, MIGRATION_TIMEOUT_MS);
try {
  const applied = await migrate(postgres.database);
  await loadSeedCatalog(postgres.database);
  process.stdout.write(applied.length === 0 ? "The database is up to date.\n" : `Applied ${applied.join(", ")}.\n`);
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? ` ${error.cause.message}` : "";
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${cause}\n`);
  process.exitCode = 1;
} finally {
  await postgres.close();
}
