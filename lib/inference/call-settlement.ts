import type { Identity } from "../accounts/identity.ts";
import { ENDED_FOR_NOTHING } from "../billing/idempotency-script.ts";
import { forgivePartialAnswer } from "../billing/partial-answer-allowance.ts";
import {
  checkpointReservation,
  extendReservation,
  type Reservation,
  recordShadowHold,
} from "../billing/reserve-credits.ts";
import { noteEnd } from "../billing/reserve-once.ts";
import { costNanoUsd } from "../money/cost.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import { NO_USAGE, totalInputTokens, totalOutputTokens, type Usage } from "../protocol/usage.ts";
import type { AttemptRecord } from "../routing/ask-endpoint.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Gateway } from "./gateway.ts";
import { SpendCeiling } from "./spend-ceiling.ts";
import type { StreamEnd } from "./stream-relay.ts";
import { UsageMeter } from "./usage-meter.ts";

/** A hold lives in Redis alone for its first second; a call that runs longer is also recorded in Postgres. */
const SHADOW_AFTER_MS = 1_000;
const CHECKPOINT_EVERY_MS = 5_000;

export type CallOutcome = "completed" | "empty" | "cut" | "provider-failed" | "client-gone";

/**
 * The money of one call from its admission to its one settlement. Whatever ends the call ends up in `settle`, which
 * acts once; every row of the outcome table in the ledger's design is decided in `#charge`.
 */
export class CallSettlement {
  readonly #gateway: Gateway;
  readonly #ports: Ports;
  readonly #identity: Identity;
  readonly #modelId: string;
  readonly #call: ParsedCall;
  #reservation: Reservation | null;
  readonly #attempts: AttemptRecord[] = [];
  #candidate: Candidate | null = null;
  #meter: UsageMeter | null = null;
  #ceiling: SpendCeiling | null = null;
  #writingSinceMs = 0;
  #cancelTimer: () => void;
  #settled = false;
  readonly #done = Promise.withResolvers<void>();

  constructor(
    gateway: Gateway,
    ports: Ports,
    terms: {
      readonly identity: Identity;
      readonly modelId: string;
      readonly call: ParsedCall;
      readonly reservation: Reservation | null;
    },
  ) {
    this.#gateway = gateway;
    this.#ports = ports;
    this.#identity = terms.identity;
    this.#modelId = terms.modelId;
    this.#call = terms.call;
    this.#reservation = terms.reservation;
    this.#cancelTimer = () => {};
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

  /** A provider has answered: from here on its price and its figures count. */
  begin({ candidate, kind, elapsedMs }: Pick<ProviderReply, "candidate" | "kind" | "elapsedMs">): UsageMeter {
    this.#candidate = candidate;
    // What wrote the answer: all of a whole reply's time, and of a stream's what comes after its first word.
    this.#writingSinceMs = this.#ports.clock.monotonicMs() - (kind === "whole" ? elapsedMs : 0);
    this.#meter = new UsageMeter({
      estimatedInputTokens: this.#call.estimatedInputTokens,
      contextLength: candidate.contextLength,
      maxOutputTokens: candidate.maxOutputTokens,
      choices: this.#call.choices,
    });
    if (this.#reservation !== null) {
      this.#ceiling = new SpendCeiling({
        price: candidate.price,
        estimatedInputTokens: this.#call.estimatedInputTokens,
        heldNanoUsd: this.#reservation.amountNanoUsd,
        extend: (amount) => this.#extend(amount),
      });
    }
    return this.#meter;
  }

  /** The model that answered; until one has, the one that was asked for. */
  get #model(): string {
    return this.#candidate?.modelId ?? this.#modelId;
  }

  get ceiling(): SpendCeiling | null {
    return this.#ceiling;
  }

  /** What `usage` costs at the answering provider's price; what was metered, where the figures cannot be true. */
  costOf(usage: Usage): NanoUsd {
    const [candidate, meter] = [this.#candidate, this.#meter];
    if (candidate === null || meter === null || meter.isEmpty) return 0n;
    return costNanoUsd(candidate.price, meter.believes(usage) ? usage : meter.final());
  }

  /** No provider answered: the hold is closed with a charge of nothing. */
  settleUnanswered(): void {
    this.#settleOnce(0n, NO_USAGE, "provider-failed");
  }

  settle(end: StreamEnd): void {
    const meter = this.#meter;
    if (meter === null) {
      this.settleUnanswered();
      return;
    }
    if (meter.disbelieved) {
      this.#ports.log.warn("usage_not_believed", { provider: this.#candidate?.provider.id, model: this.#model });
    }
    const usage = end.kind === "completed" ? meter.final() : meter.interrupted();
    const outcome = outcomeOf(end, meter);
    this.#settleOnce(this.#charge(outcome, this.costOf(usage)), usage, outcome);
    if (outcome === "completed" && this.#candidate !== null) {
      const { provider, modelId } = this.#candidate;
      const outputTokens = totalOutputTokens(usage);
      this.#gateway.outputLengths.note(this.#identity.keyId, modelId, Math.ceil(outputTokens / this.#call.choices));
      const writingMs = this.#ports.clock.monotonicMs() - this.#writingSinceMs;
      this.#gateway.speeds.noteThroughput(provider.id, modelId, outputTokens, writingMs);
    }
  }

  /** What the call is charged; at once wherever nobody has to be asked. */
  #charge(outcome: CallOutcome, cost: NanoUsd): NanoUsd | Promise<NanoUsd> {
    switch (outcome) {
      case "empty":
        return 0n;
      case "provider-failed":
        return this.#forgiven(cost);
      case "completed":
      case "cut":
      case "client-gone":
        return this.#chargeable(cost);
    }
  }

  async #forgiven(cost: NanoUsd): Promise<NanoUsd> {
    const forgiven = await forgivePartialAnswer(this.#ports, this.#identity.accountId, cost);
    return forgiven ? 0n : this.#chargeable(cost);
  }

  #chargeable(cost: NanoUsd): NanoUsd | Promise<NanoUsd> {
    return this.#ceiling === null ? cost : this.#ceiling.chargeable(cost);
  }

  #settleOnce(charge: NanoUsd | Promise<NanoUsd>, usage: Usage, outcome: CallOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer();
    // What waits for its batch to be written must not keep the whole call alive: under load that is most of the memory.
    if (typeof charge === "bigint") this.#done.resolve(this.#write(charge, usage, outcome));
    else this.#done.resolve(charge.then((amount) => this.#write(amount, usage, outcome)));
  }

  #write(amountNanoUsd: NanoUsd, usage: Usage, outcome: CallOutcome): Promise<void> | void {
    const provider = this.#candidate?.provider.id ?? null;
    const reservation = this.#reservation;
    this.#ports.log.info("request", {
      requestId: reservation?.requestId,
      keyId: this.#identity.keyId,
      model: this.#model,
      provider,
      outcome,
      inputTokens: totalInputTokens(usage),
      outputTokens: totalOutputTokens(usage),
      usageSource: usage.source,
      costNanoUsd: String(amountNanoUsd),
    });
    if (reservation === null) return;
    const { fingerprint } = reservation;
    if (fingerprint !== undefined) {
      const forNothing = outcome === "provider-failed" && amountNanoUsd === 0n;
      this.#ports.background(noteEnd(this.#ports, reservation, forNothing ? ENDED_FOR_NOTHING : amountNanoUsd));
    }
    return this.#gateway.settler.settle(this.#ports, reservation, {
      amountNanoUsd,
      detail: {
        keyId: this.#identity.keyId,
        model: this.#model,
        provider,
        priceVersion: this.#candidate?.price.version ?? null,
        outcome,
        usage,
        ...(this.#candidate?.credential?.ofCaller === true ? { byok: true } : {}),
        ...(fingerprint === undefined ? {} : { fingerprint }),
      },
      attempts: this.#attempts.map((attempt) => ({
        provider: attempt.provider,
        outcome: attempt.outcome,
        costNanoUsd: attempt.outcome === "answered" ? this.costOf(usage) : 0n,
      })),
    });
  }

  async #extend(amountNanoUsd: NanoUsd): Promise<boolean> {
    if (this.#reservation === null) return true;
    const extended = await extendReservation(this.#ports, this.#reservation, amountNanoUsd);
    if (extended === null) return false;
    this.#reservation = extended;
    return true;
  }

  #shadow(): void {
    if (this.#reservation !== null) this.#ports.background(recordShadowHold(this.#ports, this.#reservation));
    this.#cancelTimer = this.#ports.clock.schedule(CHECKPOINT_EVERY_MS, () => this.#checkpoint());
  }

  #checkpoint(): void {
    if (this.#reservation !== null && this.#meter !== null) {
      const soFar = this.costOf(this.#meter.interrupted());
      this.#ports.background(checkpointReservation(this.#ports, this.#reservation, soFar));
    }
    this.#cancelTimer = this.#ports.clock.schedule(CHECKPOINT_EVERY_MS, () => this.#checkpoint());
  }
}

function outcomeOf(end: StreamEnd, meter: UsageMeter): CallOutcome {
  switch (end.kind) {
    case "completed":
      return meter.isEmpty ? "empty" : "completed";
    case "cut":
      return "cut";
    case "failed":
      return "provider-failed";
    case "client-gone":
      return "client-gone";
  }
}
