import { neon, neonConfig } from "@neondatabase/serverless";
import { Kysely } from "kysely";
import { NeonDialect } from "kysely-neon";
import type { Database } from "../../database/tables.ts";

const DEADLINE_MS = 5_000;

/** What a client hands to its calls: the library spreads it over what it gives to `fetchFunction`. */
interface ClientOptions extends RequestInit {
  /** Where the SQL endpoint is, or null for Neon's own. */
  readonly endpoint: string | null;
}

/**
 * Neon over HTTP: one statement a call, no connection to keep.
 * @param endpoint where its SQL endpoint is, or null for Neon's own; the local server speaks the same protocol
 */
export function createNeonPostgres(connectionString: string, endpoint: string | null): Kysely<Database> {
  // The library is configured as a whole. This is the same for every client; what differs travels with the call.
  neonConfig.fetchFunction = fetchWithDeadline;
  const fetchOptions: ClientOptions = { endpoint };
  return new Kysely<Database>({ dialect: new NeonDialect({ neon: neon(connectionString, { fetchOptions }) }) });
}

function fetchWithDeadline(neonEndpoint: string, { endpoint, ...init }: ClientOptions): Promise<Response> {
  return fetch(endpoint ?? neonEndpoint, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) });
}
