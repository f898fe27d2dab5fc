import type { Ports } from "../ports/ports.ts";
import { insertKey } from "./account-store.ts";
import { createApiKey, type KeyEnvironment } from "./api-key.ts";
import type { KeyHasher } from "./key-hasher.ts";

/** Spec facts, section 2.4: the default of a key without a plan. */
export const DEFAULT_REQUESTS_PER_MINUTE = 250;

export interface KeyWish {
  readonly accountId: string;
  readonly name: string;
  readonly environment: KeyEnvironment;
  readonly requestsPerMinute: number;
  /** ISO date, or null for a key that does not expire. */
  readonly expiresAt: string | null;
  /** A key that the operator chose, instead of a random one. */
  readonly apiKey?: string;
}

/** Makes a key. What is returned is the only time that it is seen: the database holds its hash and last four characters. */
export async function createKey(
  ports: Pick<Ports, "database">,
  hasher: KeyHasher,
  wish: KeyWish,
): Promise<{ readonly id: string; readonly apiKey: string }> {
  const apiKey = wish.apiKey ?? createApiKey(wish.environment);
  const id = `key_${crypto.randomUUID().replaceAll("-", "")}`;
  await insertKey(ports.database, {
    id,
    accountId: wish.accountId,
    name: wish.name,
    keyHash: await hasher.hash(apiKey),
    last4: apiKey.slice(-4),
    environment: wish.environment,
    requestsPerMinute: wish.requestsPerMinute,
    expiresAt: wish.expiresAt,
  });
  return { id, apiKey };
}
