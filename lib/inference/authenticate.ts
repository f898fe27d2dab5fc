import { isWellFormedKey } from "../accounts/api-key.ts";
import { Identities } from "../accounts/identities.ts";
import { assertNotExpired, type Identity, invalidKey } from "../accounts/identity.ts";
import { secretsMatch } from "../accounts/key-hasher.ts";
import { Catalog } from "../catalog/catalog.ts";
import type { Ports } from "../ports/ports.ts";
import type { Gateway } from "./gateway.ts";

/**
 * Finds out who calls. Warm, memory answers; cold, one Redis round trip reads the identity and, with it, the model that
 * the call will need; only then the database is asked.
 * @param modelNames the model as the client named it, or several, to read along
 * @throws GatewayError `invalid_api_key`, `expired_api_key`, `accounts_unavailable`
 */
export async function authenticate(
  gateway: Gateway,
  ports: Ports,
  apiKey: string,
  modelNames: unknown = null,
): Promise<Identity> {
  const nowMs = ports.clock.now();
  const known = gateway.identities.fromMemory(apiKey, nowMs);
  const identity = known === undefined ? await lookUp(gateway, ports, apiKey, modelNames) : known;
  if (identity === null) throw invalidKey();
  assertNotExpired(identity, nowMs);
  return identity;
}

async function lookUp(gateway: Gateway, ports: Ports, apiKey: string, modelNames: unknown): Promise<Identity | null> {
  // The operator's own choice of a key may have any shape; nobody else's is looked up without ours (B4, B5).
  const { bootstrapKey } = gateway.configuration;
  if (!isWellFormedKey(apiKey) && (bootstrapKey === null || !(await secretsMatch(apiKey, bootstrapKey)))) return null;
  const hash = await gateway.identities.hash(apiKey);
  const cached = await readCached(gateway, ports, apiKey, hash, modelNames);
  return cached ?? gateway.identities.load(ports, apiKey, hash);
}

/** The cold path's first round trip. What Redis does not have, or Redis being away, is a miss. */
async function readCached(
  gateway: Gateway,
  ports: Ports,
  apiKey: string,
  hash: string,
  modelNames: unknown,
): Promise<Identity | null> {
  const modelIds = [modelNames].flat().flatMap((name: unknown) => {
    const named = typeof name === "string" ? gateway.catalog.resolve(name) : null;
    return named?.kind === "model" && gateway.catalog.fromMemory(ports, named.id) === undefined ? [named.id] : [];
  });
  try {
    const keys = [Identities.key(hash), ...modelIds.map((id) => Catalog.key(id))];
    const [identity, ...models] = await ports.redis.mget<(string | null)[]>(...keys);
    for (const [index, id] of modelIds.entries()) gateway.catalog.absorb(ports, id, models[index]);
    return gateway.identities.absorb(apiKey, identity, ports.clock.now());
  } catch {
    gateway.catalog.noteSharedFailure(ports.clock.now());
    return null;
  }
}
