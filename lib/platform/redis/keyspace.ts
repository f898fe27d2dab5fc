import type { Clock } from "../../ports/clock.ts";
import { wrongType } from "./reply-error.ts";

export type SortedSet = Map<string, number>;
export type StoredValue =
  | { readonly type: "string"; value: string }
  | { readonly type: "hash"; readonly value: Map<string, string> }
  | { readonly type: "set"; readonly value: Set<string> }
  | { readonly type: "zset"; readonly value: SortedSet };

interface Entry {
  stored: StoredValue;
  expiresAtMs: number | null;
}

/** Keys looked at in each active sweep for expired ones, so that what nobody reads again is freed too. */
const SWEEP_KEYS = 20;
const SWEEP_EVERY_WRITES = 100;

/** The keys of the embedded engine, with their expiry: typed access, lazily expired, swept as it is written to. */
export class Keyspace {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  #writes = 0;
  #sweeper: Iterator<string> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): StoredValue | null {
    return this.#live(key)?.stored ?? null;
  }

  string(key: string): string | null {
    const stored = this.get(key);
    if (stored === null) return null;
    if (stored.type !== "string") throw wrongType();
    return stored.value;
  }

  hash(key: string): Map<string, string> | null {
    const stored = this.get(key);
    if (stored === null) return null;
    if (stored.type !== "hash") throw wrongType();
    return stored.value;
  }

  set(key: string): Set<string> | null {
    const stored = this.get(key);
    if (stored === null) return null;
    if (stored.type !== "set") throw wrongType();
    return stored.value;
  }

  zset(key: string): SortedSet | null {
    const stored = this.get(key);
    if (stored === null) return null;
    if (stored.type !== "zset") throw wrongType();
    return stored.value;
  }

  /** The hash at `key`, made when there is none. */
  openHash(key: string): Map<string, string> {
    return this.hash(key) ?? this.#put(key, { type: "hash", value: new Map() }).value;
  }

  openSet(key: string): Set<string> {
    return this.set(key) ?? this.#put(key, { type: "set", value: new Set() }).value;
  }

  openZset(key: string): SortedSet {
    return this.zset(key) ?? this.#put(key, { type: "zset", value: new Map() }).value;
  }

  /** Writes a string. `expiresAtMs` undefined keeps the expiry that the key has. */
  putString(key: string, value: string, expiresAtMs: number | null | undefined): void {
    const entry = this.#live(key);
    if (entry !== null && expiresAtMs === undefined) entry.stored = { type: "string", value };
    else this.#entries.set(key, { stored: { type: "string", value }, expiresAtMs: expiresAtMs ?? null });
    this.#noteWrite();
  }

  delete(key: string): boolean {
    return this.#live(key) !== null && this.#entries.delete(key);
  }

  /** Redis has no empty hashes, sets or sorted sets: the key goes with the last member. */
  dropIfEmpty(key: string): void {
    const stored = this.#entries.get(key)?.stored;
    if (stored !== undefined && stored.type !== "string" && stored.value.size === 0) this.#entries.delete(key);
  }

  /** Null: no expiry. Undefined: no such key. */
  expiry(key: string): number | null | undefined {
    return this.#live(key)?.expiresAtMs;
  }

  expire(key: string, expiresAtMs: number | null): void {
    const entry = this.#live(key);
    if (entry !== null) entry.expiresAtMs = expiresAtMs;
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()].filter((key) => this.#live(key) !== null);
  }

  clear(): void {
    this.#entries.clear();
  }

  #put<Stored extends StoredValue>(key: string, stored: Stored): Stored {
    this.#entries.set(key, { stored, expiresAtMs: null });
    this.#noteWrite();
    return stored;
  }

  #live(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAtMs === null || entry.expiresAtMs > this.#clock.now()) return entry;
    this.#entries.delete(key);
    return null;
  }

  #noteWrite(): void {
    this.#writes += 1;
    if (this.#writes % SWEEP_EVERY_WRITES !== 0) return;
    for (let seen = 0; seen < SWEEP_KEYS; seen++) {
      this.#sweeper ??= this.#entries.keys();
      const next = this.#sweeper.next();
      if (next.done === true) {
        this.#sweeper = null;
        return;
      }
      this.#live(next.value);
    }
  }
}
