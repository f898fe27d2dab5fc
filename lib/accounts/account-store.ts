import { type Kysely, sql } from "kysely";
import type { Database } from "../database/tables.ts";
import { type Identity, identity } from "./identity.ts";

/** The identity behind a key's hash, or null when there is none or it is revoked. */
export function findIdentity(database: Kysely<Database>, keyHash: string): Promise<Identity | null> {
  return identityWhere(database, "key.key_hash", keyHash);
}

/** The same by the key's id: for what was begun with the key and goes on without it. */
export function findIdentityOfKey(database: Kysely<Database>, keyId: string): Promise<Identity | null> {
  return identityWhere(database, "key.id", keyId);
}

async function identityWhere(
  database: Kysely<Database>,
  column: "key.key_hash" | "key.id",
  value: string,
): Promise<Identity | null> {
  const row = await database
    .selectFrom("api_key as key")
    .leftJoin("credit_account as credit", "credit.account_id", "key.account_id")
    .select(["key.id", "key.account_id", "key.requests_per_minute", "key.expires_at", "credit.status"])
    .select(
      sql<string | null>`(
        select json_agg(json_build_object('provider', p.provider, 'mode', p.mode, 'sealed', p.sealed_secret))::text
        from provider_key p where p.account_id = key.account_id)`.as("provider_keys"),
    )
    .where(column, "=", value)
    .where("key.revoked_at", "is", null)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    accountId: row.account_id,
    keyId: row.id,
    requestsPerMinute: row.requests_per_minute,
    expiresAtMs: row.expires_at === null ? null : new Date(row.expires_at).getTime(),
    suspended: row.status === "frozen",
    providerKeys: row.provider_keys === null ? [] : identity.shape.providerKeys.parse(JSON.parse(row.provider_keys)),
  };
}

export interface NewAccount {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
}

/** Adds an account together with its empty balance. Does nothing when it is there already. */
export async function insertAccount(database: Kysely<Database>, account: NewAccount): Promise<void> {
  const { id, name, email } = account;
  await sql`select account_open(${id}, ${name}, ${email})`.execute(database);
}

export async function accountExists(database: Kysely<Database>, accountId: string): Promise<boolean> {
  const row = await database.selectFrom("account").select("id").where("id", "=", accountId).executeTakeFirst();
  return row !== undefined;
}

export interface NewKey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly keyHash: string;
  readonly last4: string;
  readonly environment: string;
  readonly requestsPerMinute: number;
  readonly expiresAt: string | null;
}

/** Adds a key. Does nothing when one of the same hash is there already (the local account's, at every start). */
export async function insertKey(database: Kysely<Database>, key: NewKey): Promise<void> {
  await database
    .insertInto("api_key")
    .values({
      id: key.id,
      account_id: key.accountId,
      name: key.name,
      key_hash: key.keyHash,
      last4: key.last4,
      environment: key.environment,
      requests_per_minute: key.requestsPerMinute,
      expires_at: key.expiresAt,
    })
    .onConflict((conflict) => conflict.column("key_hash").doNothing())
    .execute();
}

export interface StoredKey {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly last4: string;
  readonly environment: string;
  readonly requestsPerMinute: number;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

/** The keys of an account, newest first, revoked ones included. */
export async function listKeys(database: Kysely<Database>, accountId: string): Promise<readonly StoredKey[]> {
  const rows = await database
    .selectFrom("api_key")
    .select([
      "id",
      "account_id",
      "name",
      "last4",
      "environment",
      "requests_per_minute",
      "created_at",
      "expires_at",
      "revoked_at",
    ])
    .where("account_id", "=", accountId)
    .orderBy("created_at", "desc")
    .orderBy("id")
    .limit(1000)
    .execute();
  const iso = (date: Date | null) => (date === null ? null : new Date(date).toISOString());
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    last4: row.last4,
    environment: row.environment,
    requestsPerMinute: row.requests_per_minute,
    createdAt: new Date(row.created_at).toISOString(),
    expiresAt: iso(row.expires_at),
    revokedAt: iso(row.revoked_at),
  }));
}

/** Revokes a key; the hash of the key, or null when there is no such key that was not revoked. */
export async function revokeKey(
  database: Kysely<Database>,
  keyId: string,
): Promise<{ readonly keyHash: string } | null> {
  const row = await database
    .updateTable("api_key")
    .set({ revoked_at: sql<string>`now()` })
    .where("id", "=", keyId)
    .where("revoked_at", "is", null)
    .returning("key_hash")
    .executeTakeFirst();
  return row === undefined ? null : { keyHash: row.key_hash };
}

/** True for the hash of a key that is neither unknown nor revoked. */
export async function isKeyUsable(database: Kysely<Database>, keyHash: string): Promise<boolean> {
  return (await findIdentity(database, keyHash)) !== null;
}

/**
 * Revokes an account's keys of this name but for one, which comes back to life if it had been revoked this way.
 * @param keptHash the hash of the key to keep, or null for none
 */
export async function revokeOtherKeysNamed(
  database: Kysely<Database>,
  accountId: string,
  name: string,
  keptHash: string | null,
): Promise<void> {
  await sql`
    update api_key set revoked_at = case when key_hash = ${keptHash} then null else now() end
    where account_id = ${accountId} and name = ${name} and ((key_hash = ${keptHash}) is true) = (revoked_at is not null)
  `.execute(database);
}
