import { neon, neonConfig } from "@neondatabase/serverless";
import { Kysely } from "kysely";
import { NeonDialect } from "kysely-neon";
import type { Database } from "../../database/tables.ts";

const DEADLINE_MS = 5_000;

/**
 * Neon over HTTP: one statement a call, no connection to keep.
 * @param endpoint where its SQL endpoint is, or null for Neon's own; the local server speaks the same protocol
 */
export function createNeonPostgres(connectionString: string, endpoint: string | null): Kysely<Database> {
  // Configuration of the library as a whole; every client of an isolate has the same.
  if (endpoint !== null) neonConfig.fetchEndpoint = endpoint;
  neonConfig.fetchFunction = (url: string, init: RequestInit) =>
    fetch(url, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) });
  return new Kysely<Database>({ dialect: new NeonDialect({ neon: neon(connectionString) }) });
}
