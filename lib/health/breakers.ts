import type { Ports } from "../ports/ports.ts";
import { hashOf } from "../ports/redis-replies.ts";
import { BREAKERS_KEY, claimProbeScript, recordOutcomeScript } from "./breaker-scripts.ts";
import {
  admission,
  afterOutcome,
  type BreakerOutcome,
  type BreakerState,
  CLOSED,
  parseBreakerState,
} from "./breaker-state.ts";
import { isKeyField, KeyCoolDowns } from "./key-cool-downs.ts";

type BreakerPorts = Pick<Ports, "clock" | "redis" | "log">;

interface LocalBreaker {
  state: BreakerState;
  /** When this isolate learnt it; a reading of Redis that was asked for earlier does not undo it. */
  learntAtMs: number;
}

/**
 * The isolate's view of every provider's breaker. The shared truth is in Redis and is read with each request's one
 * round trip; when Redis is away the local view alone decides (fail open: an unknown breaker is closed).
 */
export class BreakerView {
  readonly #local = new Map<string, LocalBreaker>();
  /** The single keys of providers that have several. */
  readonly keys = new KeyCoolDowns();

  state(provider: string): BreakerState {
    return this.#local.get(provider)?.state ?? CLOSED;
  }

  /** Takes in a reading of `HGETALL gw:breakers` that was asked for at `askedAtMs`. */
  absorb(fields: Readonly<Record<string, string>>, askedAtMs: number): void {
    const keyFields = new Map<string, string>();
    for (const [provider, local] of this.#local) {
      if (local.learntAtMs <= askedAtMs && fields[provider] === undefined) this.#local.delete(provider);
    }
    for (const provider in fields) {
      if (isKeyField(provider)) {
        keyFields.set(provider, fields[provider] ?? "");
        continue;
      }
      const local = this.#local.get(provider);
      if (local !== undefined && local.learntAtMs > askedAtMs) continue;
      this.#local.set(provider, { state: parseBreakerState(fields[provider] ?? ""), learntAtMs: askedAtMs });
    }
    this.keys.absorb(keyFields, askedAtMs);
  }

  /**
   * Notes a call's outcome, here at once and in Redis by the returned promise, which never rejects.
   * A success of a healthy provider costs nothing: there is nothing to reset.
   */
  record(ports: BreakerPorts, provider: string, outcome: BreakerOutcome): Promise<void> | null {
    const before = this.state(provider);
    if (outcome === "success" && before.kind === "closed" && before.consecutiveFailures === 0) return null;
    const nowMs = ports.clock.now();
    const after = afterOutcome(before, outcome, nowMs);
    this.#learn(provider, after, nowMs);
    if (after.kind === "open" && before.kind !== "open") {
      ports.log.warn("breaker_opened", { provider, outcome });
    }
    return this.#share(ports, provider, outcome, nowMs);
  }

  /**
   * True when this request may call the provider. For an open breaker that is the one probe, claimed here.
   * @param early true for the last provider left: it is probed before its time rather than never
   */
  async admit(ports: BreakerPorts, provider: string, early: boolean): Promise<boolean> {
    const nowMs = ports.clock.now();
    const state = this.state(provider);
    const verdict = admission(state, nowMs);
    if (verdict === "call") return true;
    if (verdict === "skip" && !(early && state.kind === "open")) return false;
    const openedAtMs = state.kind === "closed" ? nowMs : state.openedAtMs;
    this.#learn(provider, { kind: "half-open", openedAtMs, probeStartedAtMs: nowMs }, nowMs);
    try {
      const args = [provider, String(nowMs), early ? "1" : "0"];
      const claimed = await ports.redis.eval(claimProbeScript.lua, [BREAKERS_KEY], args);
      return Number(claimed) === 1;
    } catch {
      return true; // Redis is away: the local view has let exactly one through.
    }
  }

  /** Forgets what is known of `provider` and of its keys, here and in Redis. */
  async reset(ports: BreakerPorts, provider: string, keyIds: readonly string[] = []): Promise<void> {
    this.#local.delete(provider);
    await ports.redis.hdel(BREAKERS_KEY, provider);
    await this.keys.reset(ports, provider, keyIds);
  }

  #learn(provider: string, state: BreakerState, nowMs: number): void {
    // One millisecond ahead, so that a reading asked for in this very millisecond counts as the older one.
    this.#local.set(provider, { state, learntAtMs: nowMs + 1 });
  }

  async #share(ports: BreakerPorts, provider: string, outcome: BreakerOutcome, nowMs: number): Promise<void> {
    try {
      await ports.redis.eval(recordOutcomeScript.lua, [BREAKERS_KEY], [provider, outcome, String(nowMs)]);
    } catch {
      ports.log.warn("breaker_not_shared", { provider, outcome });
    }
  }
}

/** Reads every breaker that is not healthy from Redis into the view. */
export async function refreshBreakers(ports: BreakerPorts, view: BreakerView): Promise<void> {
  const askedAtMs = ports.clock.now();
  view.absorb(hashOf(await ports.redis.hgetall(BREAKERS_KEY)), askedAtMs);
}
