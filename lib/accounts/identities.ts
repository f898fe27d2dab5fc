import { GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import { findIdentity } from "./account-store.ts";
import { type Identity, identity } from "./identity.ts";
import type { KeyHasher } from "./key-hasher.ts";

const FRESH_MS = 30_000;
/** A key seen valid this recently still passes when no store answers (ledger, section 1). */
const STALE_MS = 600_000;
/** Redis keeps an identity for this long: the bound that we promise on revocation elsewhere, with `FRESH_MS` within it. */
const SHARED_SECONDS = 30;
const UNKNOWN_MS = 5_000;
const MAX_KEYS = 10_000;

type IdentityPorts = Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;

interface Known {
  /** Null: the database said that there is no such key. */
  readonly identity: Identity | null;
  readonly readAtMs: number;
}

/**
 * The isolate's cache of identities, by the whole key. Memory answers the warm path without hashing anything; Redis
 * and Postgres know keys by their hash only.
 */
export class Identities {
  readonly #hasher: KeyHasher;
  readonly #known = new Map<string, Known>();
  readonly #loading = new Map<string, Promise<Identity | null>>();

  constructor(hasher: KeyHasher) {
    this.#hasher = hasher;
  }

  static key(hash: string): string {
    return `gw:key:${hash}`;
  }

  hash(apiKey: string): Promise<string> {
    return this.#hasher.hash(apiKey);
  }

  /** What is known of the key and fresh: an identity, null for a key that does not exist, undefined for neither. */
  fromMemory(apiKey: string, nowMs: number): Identity | null | undefined {
    const known = this.#known.get(apiKey);
    if (known === undefined) return undefined;
    const ageMs = nowMs - known.readAtMs;
    return ageMs <= (known.identity === null ? UNKNOWN_MS : FRESH_MS) ? known.identity : undefined;
  }

  /** Takes in what Redis had under the key's hash, or null when that was nothing of use. */
  absorb(apiKey: string, text: unknown, nowMs: number): Identity | null {
    if (typeof text !== "string") return null;
    try {
      const found = identity.parse(JSON.parse(text));
      this.#remember(apiKey, found, nowMs);
      return found;
    } catch {
      return null; // garbage in the cache is a miss (F7)
    }
  }

  /**
   * Asks the database. Null: there is no such key, it is revoked.
   * @throws GatewayError `accounts_unavailable` when it does not answer and the key was not seen lately
   */
  load(ports: IdentityPorts, apiKey: string, hash: string): Promise<Identity | null> {
    const loading = this.#loading.get(apiKey);
    if (loading !== undefined) return loading;
    const load = this.#read(ports, apiKey, hash).finally(() => this.#loading.delete(apiKey));
    this.#loading.set(apiKey, load);
    return load;
  }

  /** Forgets a revoked key here and in Redis; isolates elsewhere forget within a minute. */
  async revoke(ports: IdentityPorts, keyId: string, hash: string): Promise<void> {
    for (const [apiKey, known] of this.#known) if (known.identity?.keyId === keyId) this.#known.delete(apiKey);
    await ports.redis.del(Identities.key(hash));
  }

  async #read(ports: IdentityPorts, apiKey: string, hash: string): Promise<Identity | null> {
    const nowMs = ports.clock.now();
    try {
      const found = await findIdentity(ports.database, hash);
      this.#remember(apiKey, found, nowMs);
      if (found !== null) ports.background(this.#share(ports, hash, found));
      return found;
    } catch (error) {
      const known = this.#known.get(apiKey);
      if (known?.identity != null && nowMs - known.readAtMs <= STALE_MS) return known.identity;
      ports.log.warn("identity_read_failed", { reason: error instanceof Error ? error.name : "unknown" });
      throw new GatewayError("accounts_unavailable", "Keys cannot be checked right now. Retry in a few seconds.", {
        retryAfterSeconds: 5,
        cause: error,
      });
    }
  }

  async #share(ports: IdentityPorts, hash: string, found: Identity): Promise<void> {
    try {
      await ports.redis.set(Identities.key(hash), JSON.stringify(found), { ex: SHARED_SECONDS });
    } catch {
      // A cache that cannot be written is a miss later on.
    }
  }

  #remember(apiKey: string, found: Identity | null, nowMs: number): void {
    this.#known.delete(apiKey);
    this.#known.set(apiKey, { identity: found, readAtMs: nowMs });
    if (this.#known.size > MAX_KEYS) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
  }
}
