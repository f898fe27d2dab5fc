import { type Kysely, sql } from "kysely";
import type { Database } from "../database/tables.ts";
import type { ProviderKeyMode } from "./identity.ts";

export interface StoredProviderKey {
  readonly id: string;
  readonly provider: string;
  readonly mode: ProviderKeyMode;
  readonly last4: string;
  readonly createdAt: string;
}

/** Keeps an account's key for a provider; one that was there before is replaced. */
export async function saveProviderKey(
  database: Kysely<Database>,
  key: Omit<StoredProviderKey, "createdAt"> & { readonly accountId: string; readonly sealedSecret: string },
): Promise<StoredProviderKey> {
  const row = await database
    .insertInto("provider_key")
    .values({
      id: key.id,
      account_id: key.accountId,
      provider: key.provider,
      mode: key.mode,
      sealed_secret: key.sealedSecret,
      last4: key.last4,
    })
    .onConflict((conflict) =>
      conflict.columns(["account_id", "provider"]).doUpdateSet((excluded) => ({
        id: excluded.ref("excluded.id"),
        mode: excluded.ref("excluded.mode"),
        sealed_secret: excluded.ref("excluded.sealed_secret"),
        last4: excluded.ref("excluded.last4"),
        created_at: sql<string>`clock_timestamp()`,
      })),
    )
    .returning(["id", "provider", "mode", "last4", "created_at"])
    .executeTakeFirstOrThrow();
  return { id: row.id, provider: row.provider, mode: row.mode, last4: row.last4, createdAt: isoOf(row.created_at) };
}

export async function listProviderKeys(
  database: Kysely<Database>,
  accountId: string,
): Promise<readonly StoredProviderKey[]> {
  const rows = await database
    .selectFrom("provider_key")
    .select(["id", "provider", "mode", "last4", "created_at"])
    .where("account_id", "=", accountId)
    .orderBy("provider")
    .execute();
  return rows.map(({ created_at, ...row }) => ({ ...row, createdAt: isoOf(created_at) }));
}

/** False: the account has no such key. */
export async function deleteProviderKey(database: Kysely<Database>, accountId: string, id: string): Promise<boolean> {
  const row = await database
    .deleteFrom("provider_key")
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** The hashes of the account's keys that open: under which its identity may be cached. */
export async function keyHashesOf(database: Kysely<Database>, accountId: string): Promise<readonly string[]> {
  const rows = await database
    .selectFrom("api_key")
    .select("key_hash")
    .where("account_id", "=", accountId)
    .where("revoked_at", "is", null)
    .limit(1000)
    .execute();
  return rows.map(({ key_hash }) => key_hash);
}

function isoOf(date: Date): string {
  return new Date(date).toISOString();
}
