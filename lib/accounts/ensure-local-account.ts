import { addCredit } from "../billing/add-credit.ts";
import type { Configuration } from "../ports/configuration.ts";
import type { Ports } from "../ports/ports.ts";
import { insertAccount, isKeyUsable, revokeOtherKeysNamed } from "./account-store.ts";
import { createKey, DEFAULT_REQUESTS_PER_MINUTE } from "./create-key.ts";
import type { KeyHasher } from "./key-hasher.ts";

const LOCAL_ACCOUNT_ID = "local";
const LOCAL_CREDIT_NANO_USD = 5_000_000_000n; // $5
const LOCAL_KEY_NAME = "local";
const BOOTSTRAP_KEY_NAME = "GANGWAY_BOOTSTRAP_KEY";

export interface LocalAccount {
  readonly accountId: string;
  /** To be printed, and given back as `savedKey` at the next start: the database holds its hash only. */
  readonly apiKey: string;
}

/**
 * The account of a newcomer: made at the first start on embedded stores, with $5, once ever. Its key is the operator's
 * choice where there is one, else the one of the last start, else a new one.
 * @param savedKey the key that an earlier start returned, or null
 */
export async function ensureLocalAccount(
  ports: Pick<Ports, "database" | "redis" | "log">,
  hasher: KeyHasher,
  configuration: Pick<Configuration, "bootstrapKey" | "keyEnvironment">,
  savedKey: string | null,
): Promise<LocalAccount> {
  await insertAccount(ports.database, { id: LOCAL_ACCOUNT_ID, name: "Local account", email: null });
  await addCredit(ports, {
    key: `signup:${LOCAL_ACCOUNT_ID}`,
    accountId: LOCAL_ACCOUNT_ID,
    amountNanoUsd: LOCAL_CREDIT_NANO_USD,
    bucket: "purchased",
    kind: "trial",
    description: "Credit of the local account",
  });
  const apiKey = await ensureKey(ports, hasher, configuration, savedKey);
  return { accountId: LOCAL_ACCOUNT_ID, apiKey };
}

async function ensureKey(
  ports: Pick<Ports, "database">,
  hasher: KeyHasher,
  { bootstrapKey, keyEnvironment }: Pick<Configuration, "bootstrapKey" | "keyEnvironment">,
  savedKey: string | null,
): Promise<string> {
  const wish = {
    accountId: LOCAL_ACCOUNT_ID,
    environment: keyEnvironment,
    requestsPerMinute: DEFAULT_REQUESTS_PER_MINUTE,
    expiresAt: null,
  };
  // A key that the operator no longer names must stop working, or changing it would not lock anybody out.
  const keptHash = bootstrapKey === null ? null : await hasher.hash(bootstrapKey);
  await revokeOtherKeysNamed(ports.database, LOCAL_ACCOUNT_ID, BOOTSTRAP_KEY_NAME, keptHash);
  if (bootstrapKey !== null) {
    const { apiKey } = await createKey(ports, hasher, { ...wish, name: BOOTSTRAP_KEY_NAME, apiKey: bootstrapKey });
    return apiKey;
  }
  if (savedKey !== null && (await isKeyUsable(ports.database, await hasher.hash(savedKey)))) return savedKey;
  const { apiKey } = await createKey(ports, hasher, { ...wish, name: LOCAL_KEY_NAME });
  return apiKey;
}
