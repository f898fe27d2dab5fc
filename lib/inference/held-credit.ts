import type { Identity } from "../accounts/identity.ts";
import { ENDED_FOR_NOTHING } from "../billing/idempotency-script.ts";
import {
  checkpointReservation,
  extendReservation,
  type Reservation,
  recordShadowHold,
} from "../billing/reserve-credits.ts";
import { noteEnd } from "../billing/reserve-once.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { AttemptRecord } from "../routing/ask-endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Gateway } from "./gateway.ts";
import { ceilingOf } from "./spend-ceiling.ts";

/** A hold lives in Redis alone for its first second; a call that runs longer is also recorded in Postgres. */
const SHADOW_AFTER_MS = 1_000;
const CHECKPOINT_EVERY_MS = 5_000;

/** What a settled call is written down with. Numbers and names only. */
export interface CallStatement {
  readonly outcome: string;
  readonly candidate: Candidate | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Who counted. */
  readonly usageSource: string;
  readonly usage: object;
  /** What the answering provider's attempt cost. */
  readonly answeredNanoUsd: NanoUsd;
}

export interface HeldTerms {
  readonly identity: Identity;
  readonly modelId: string;
  /** Null: the call cannot cost anything. */
  readonly reservation: Reservation | null;
}

/**
 * The credit held for one call, from its admission to its one settlement: recorded when it lasts, raised when it does not
 * suffice, and closed once. What is charged is its caller's to decide.
 */
export class HeldCredit {
  readonly #gateway: Gateway;
  readonly #ports: Ports;
  readonly #identity: Identity;
  readonly #modelId: string;
  readonly #usedSoFar: () => NanoUsd | null;
  #reservation: Reservation | null;
  readonly #attempts: AttemptRecord[] = [];
  #cancelTimer: () => void = () => {};
  #settled = false;
  #ended: Promise<void> | null = null;
  readonly #done = Promise.withResolvers<void>();

  /** @param usedSoFar what to charge if this isolate dies now; null: nothing has been delivered yet */
  constructor(gateway: Gateway, ports: Ports, terms: HeldTerms, usedSoFar: () => NanoUsd | null) {
    this.#gateway = gateway;
    this.#ports = ports;
    this.#identity = terms.identity;
    this.#modelId = terms.modelId;
    this.#reservation = terms.reservation;
    this.#usedSoFar = usedSoFar;
    if (terms.reservation !== null) {
      // What is to be made once is in Postgres at once: should Redis lose it, a repetition is not made a second time.
      if (terms.reservation.fingerprint !== undefined) ports.background(recordShadowHold(ports, terms.reservation));
      this.#cancelTimer = ports.clock.schedule(SHADOW_AFTER_MS, () => this.#shadow());
    }
    // Registered now: an isolate whose client has left runs only what it already promised to finish.
    ports.background(this.#done.promise);
  }

  noteAttempt(record: AttemptRecord): void {
    this.#attempts.push(record);
  }

  /** What is held, nano-dollars; null where nothing need be. */
  get amountNanoUsd(): NanoUsd | null {
    return this.#reservation?.amountNanoUsd ?? null;
  }

  /** Raises the hold to the amount given; false when the balance does not cover it. */
  async extend(amountNanoUsd: NanoUsd): Promise<boolean> {
    if (this.#reservation === null) return true;
    const extended = await extendReservation(this.#ports, this.#reservation, amountNanoUsd);
    if (extended === null) return false;
    this.#reservation = extended;
    return true;
  }

  /** What may be charged for `costNanoUsd`: all of it where the hold covers it or can be raised to it (ledger, I8). */
  chargeable(costNanoUsd: NanoUsd): NanoUsd | Promise<NanoUsd> {
    const held = this.amountNanoUsd;
    if (held === null || costNanoUsd <= ceilingOf(held)) return costNanoUsd;
    return this.extend(costNanoUsd).then((granted) => (granted ? costNanoUsd : ceilingOf(held)));
  }

  /** Of a call that is to be made once: when a repetition can see that it is over. Null for any other. Never rejects. */
  get ended(): Promise<void> | null {
    return this.#ended;
  }

  /** Closes the hold with `charge`. The first call counts, later ones do nothing. */
  settle(charge: NanoUsd | Promise<NanoUsd>, statement: CallStatement): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer();
    // What waits for its batch to be written must not keep the whole call alive: under load that is most of the memory.
    if (typeof charge === "bigint") this.#done.resolve(this.#write(charge, statement));
    else this.#done.resolve(charge.then((amount) => this.#write(amount, statement)));
  }

  #write(amountNanoUsd: NanoUsd, statement: CallStatement): Promise<void> | void {
    const { outcome, candidate, inputTokens, outputTokens, usageSource, usage } = statement;
    const provider = candidate?.provider.id ?? null;
    const model = candidate?.modelId ?? this.#modelId;
    const reservation = this.#reservation;
    this.#ports.log.info("request", {
      requestId: reservation?.requestId,
      keyId: this.#identity.keyId,
      model,
      provider,
      outcome,
      inputTokens,
      outputTokens,
      usageSource,
      costNanoUsd: String(amountNanoUsd),
    });
    if (reservation === null) return;
    const { fingerprint } = reservation;
    if (fingerprint !== undefined) {
      const forNothing = outcome === "provider-failed" && amountNanoUsd === 0n;
      this.#ended = noteEnd(this.#ports, reservation, forNothing ? ENDED_FOR_NOTHING : amountNanoUsd);
      this.#ports.background(this.#ended);
    }
    return this.#gateway.settler.settle(this.#ports, reservation, {
      amountNanoUsd,
      detail: {
        keyId: this.#identity.keyId,
        model,
        provider,
        priceVersion: candidate?.price.version ?? null,
        outcome,
        usage,
        ...(candidate?.credential?.ofCaller === true ? { byok: true } : {}),
        ...(fingerprint === undefined ? {} : { fingerprint }),
      },
      attempts: this.#attempts.map((attempt) => ({
        provider: attempt.provider,
        outcome: attempt.outcome,
        costNanoUsd: attempt.outcome === "answered" ? statement.answeredNanoUsd : 0n,
      })),
    });
  }

  #shadow(): void {
    if (this.#reservation !== null) this.#ports.background(recordShadowHold(this.#ports, this.#reservation));
    this.#cancelTimer = this.#ports.clock.schedule(CHECKPOINT_EVERY_MS, () => this.#checkpoint());
  }

  #checkpoint(): void {
    const used = this.#usedSoFar();
    if (this.#reservation !== null && used !== null) {
      this.#ports.background(checkpointReservation(this.#ports, this.#reservation, used));
    }
    this.#cancelTimer = this.#ports.clock.schedule(CHECKPOINT_EVERY_MS, () => this.#checkpoint());
  }
}
