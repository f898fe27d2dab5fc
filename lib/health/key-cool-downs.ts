import type { Ports } from "../ports/ports.ts";
import { BREAKERS_KEY } from "./breaker-scripts.ts";

type CoolDownPorts = Pick<Ports, "clock" | "redis" | "log">;

/** Why a key is left alone for a while. */
export type CoolDownReason = "credentials" | "forbidden" | "payment" | "rate-limited";

export interface CoolDown {
  readonly reason: CoolDownReason;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** A refused key is tried again as often as an open breaker is; an account without money is not filled up so soon. */
export const COOL_DOWN_MS: Readonly<Record<Exclude<CoolDownReason, "rate-limited">, number>> = {
  credentials: 300_000,
  forbidden: 60_000,
  payment: 3_600_000,
};
const REASONS: readonly CoolDownReason[] = ["credentials", "forbidden", "payment", "rate-limited"];
/** A provider that asks to be left alone for longer is asked again all the same: to ask costs it next to nothing. */
const MAX_RATE_LIMIT_MS = 3_600_000;

interface LocalCoolDown extends CoolDown {
  /** When this isolate learnt it; a reading of Redis that was asked for earlier does not undo it. */
  readonly learntAtMs: number;
}

/**
 * The keys of pools that are left alone for a while, shared through the breakers' hash under `provider#key`
 * (`k:<until>:<reason>`), read with each request's one round trip. Only the operator's own pools are kept here, so that the
 * hash stays as small as the configuration.
 */
export class KeyCoolDowns {
  readonly #local = new Map<string, LocalCoolDown>();

  /** What is known of one key, null when it may be used. */
  state(provider: string, keyId: string, nowMs: number): CoolDown | null {
    const known = this.#local.get(fieldOf(provider, keyId));
    return known === undefined || known.untilMs <= nowMs ? null : known;
  }

  /** Takes in the fields of keys from a reading of the hash that was asked for at `askedAtMs`. */
  absorb(fields: ReadonlyMap<string, string>, askedAtMs: number): void {
    for (const [field, local] of this.#local) {
      if (local.learntAtMs <= askedAtMs && !fields.has(field)) this.#local.delete(field);
    }
    for (const [field, text] of fields) {
      const local = this.#local.get(field);
      if (local !== undefined && local.learntAtMs > askedAtMs) continue;
      const read = parseCoolDown(text);
      if (read !== null) this.#local.set(field, { ...read, learntAtMs: askedAtMs });
    }
  }

  /** Leaves a key alone, here at once and everywhere by the returned promise, which never rejects. */
  start(ports: CoolDownPorts, provider: string, keyId: string, reason: CoolDownReason, forMs: number): Promise<void> {
    const nowMs = ports.clock.now();
    const untilMs = nowMs + Math.ceil(Math.min(forMs, MAX_RATE_LIMIT_MS));
    this.#local.set(fieldOf(provider, keyId), { reason, untilMs, learntAtMs: nowMs + 1 });
    if (reason !== "rate-limited") ports.log.error("provider_key_refused", null, { provider, key: keyId, reason });
    return this.#share(ports, provider, () =>
      ports.redis.hset(BREAKERS_KEY, { [fieldOf(provider, keyId)]: `k:${untilMs}:${reason}` }),
    );
  }

  /**
   * A key has answered: a cool-down of its that is over is forgotten. One that is not stands: the call may have left
   * before it began. Null: there is nothing to forget.
   */
  noteAnswer(ports: CoolDownPorts, provider: string, keyId: string): Promise<void> | null {
    const field = fieldOf(provider, keyId);
    const known = this.#local.get(field);
    if (known === undefined || known.untilMs > ports.clock.now()) return null;
    this.#local.delete(field);
    return this.#share(ports, provider, () => ports.redis.hdel(BREAKERS_KEY, field));
  }

  /** Forgets these keys of a provider, here and in Redis. */
  async reset(ports: CoolDownPorts, provider: string, keyIds: readonly string[]): Promise<void> {
    const fields = keyIds.map((keyId) => fieldOf(provider, keyId));
    for (const field of fields) this.#local.delete(field);
    if (fields.length > 0) await ports.redis.hdel(BREAKERS_KEY, ...fields);
  }

  async #share(ports: CoolDownPorts, provider: string, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch {
      ports.log.warn("key_cool_down_not_shared", { provider });
    }
  }
}

/** True for a field of the breakers' hash that is about a key. */
export function isKeyField(field: string): boolean {
  return field.includes("#");
}

function fieldOf(provider: string, keyId: string): string {
  return `${provider}#${keyId}`;
}

function parseCoolDown(text: string): CoolDown | null {
  const [kind, until, reason] = text.split(":");
  const untilMs = Number(until);
  const known = REASONS.find((name) => name === reason);
  return kind === "k" && Number.isSafeInteger(untilMs) && known !== undefined ? { reason: known, untilMs } : null;
}
