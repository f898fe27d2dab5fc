import { GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import { findIdentity } from "./account-store.ts";
import { type Identity, identity } from "./identity.ts";
import type { KeyHasher } from "./key-hasher.ts";

const FRESH_MS = 30_000;
/** A key seen valid this recently still passes when no store answers (ledger, section 1). */
const STALE_MS = 600_000;
/** For this long a key that passed that way is not asked about again. */
const STALE_RETRY_MS = 5_000;
/** Redis keeps an identity for this long: with `FRESH_MS` it makes the minute that we promise on revocation elsewhere. */
const SHARED_SECONDS = 30;
/** What Redis holds of a revoked key, for as long as any isolate could still fall back to what it remembers. */
const REVOKED = "revoked";
const REVOKED_SECONDS = STALE_MS / 1000 + SHARED_SECONDS;
const UNKNOWN_MS = 5_000;
const MAX_KEYS = 10_000;

type IdentityPorts = Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;

interface Known {
  readonly identity: Identity;
  readonly readAtMs: number;
  readonly freshUntilMs: number;
}

/**
 * The isolate's cache of identities, by the whole key. Memory answers the warm path without hashing anything; Redis
 * and Postgres know keys by their hash only.
 */
export class Identities {
  readonly #hasher: KeyHasher;
  readonly #known = new Map<string, Known>();
  /** Keys that do not exist, until when that is believed. Apart, so that made-up keys push out none that work. */
  readonly #unknown = new Map<string, number>();
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
    if (known !== undefined && nowMs <= known.freshUntilMs) return known.identity;
    const unknownUntilMs = this.#unknown.get(apiKey);
    return unknownUntilMs !== undefined && nowMs <= unknownUntilMs ? null : undefined;
  }

  /** Takes in what Redis had under the key's hash, or null when that was nothing of use. */
  absorb(apiKey: string, text: unknown, nowMs: number): Identity | null {
    if (typeof text !== "string") return null;
    // The database has the last word; but should it be away, this key is no longer one that was seen valid lately.
    if (text === REVOKED) this.#known.delete(apiKey);
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

  /**
   * Forgets a revoked key here and marks it in Redis; isolates elsewhere forget it within a minute, even when Redis
   * does not answer now: what it has of the key expires by itself.
   */
  async revoke(ports: IdentityPorts, keyId: string, hash: string): Promise<void> {
    for (const [apiKey, known] of this.#known) if (known.identity.keyId === keyId) this.#known.delete(apiKey);
    try {
      await ports.redis.set(Identities.key(hash), REVOKED, { ex: REVOKED_SECONDS });
    } catch {
      ports.log.warn("revocation_not_shared", { keyId });
    }
  }

  /** Forgets what is known of an account's keys, here and in Redis; elsewhere within a minute. */
  async forgetAccount(ports: IdentityPorts, accountId: string, hashes: readonly string[]): Promise<void> {
    for (const [apiKey, known] of this.#known) if (known.identity.accountId === accountId) this.#known.delete(apiKey);
    if (hashes.length === 0) return;
    try {
      await ports.redis.del(...hashes.map(Identities.key));
    } catch {
      ports.log.warn("identity_change_not_shared", { accountId });
    }
  }

  async #read(ports: IdentityPorts, apiKey: string, hash: string): Promise<Identity | null> {
    const nowMs = ports.clock.now();
    try {
      const found = await findIdentity(ports.database, hash);
      if (found === null) this.#rememberUnknown(apiKey, nowMs);
      else {
        this.#remember(apiKey, found, nowMs);
        ports.background(this.#share(ports, hash, found));
      }
      return found;
    } catch (error) {
      const known = this.#known.get(apiKey);
      if (known !== undefined && nowMs - known.readAtMs <= STALE_MS) {
        this.#known.set(apiKey, { ...known, freshUntilMs: nowMs + STALE_RETRY_MS });
        return known.identity;
      }
      ports.log.warn("identity_read_failed", { reason: error instanceof Error ? error.name : "unknown" });
      throw new GatewayError("accounts_unavailable", "Keys cannot be checked right now. Retry in a few seconds.", {
        retryAfterSeconds: 5,
        cause: error,
      });
    }
  }

  /** Never over what is there: a key revoked since it was read stays marked so. */
  async #share(ports: IdentityPorts, hash: string, found: Identity): Promise<void> {
    try {
      await ports.redis.set(Identities.key(hash), JSON.stringify(found), { ex: SHARED_SECONDS, nx: true });
    } catch {
      // A cache that cannot be written is a miss later on.
    }
  }

  #remember(apiKey: string, found: Identity, nowMs: number): void {
    this.#known.delete(apiKey);
    this.#known.set(apiKey, { identity: found, readAtMs: nowMs, freshUntilMs: nowMs + FRESH_MS });
    dropOldest(this.#known);
  }

  #rememberUnknown(apiKey: string, nowMs: number): void {
    this.#known.delete(apiKey);
    this.#unknown.delete(apiKey);
    this.#unknown.set(apiKey, nowMs + UNKNOWN_MS);
    dropOldest(this.#unknown);
  }
}

/** Maps keep the order of insertion, and what is read anew is inserted anew. */
function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_KEYS) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
