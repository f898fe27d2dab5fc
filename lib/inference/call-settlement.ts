import type { Identity } from "../accounts/identity.ts";
import { forgivePartialAnswer } from "../billing/partial-answer-allowance.ts";
import { costNanoUsd } from "../money/cost.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import { NO_USAGE, totalInputTokens, totalOutputTokens, type Usage } from "../protocol/usage.ts";
import type { AttemptRecord } from "../routing/ask-endpoint.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Gateway } from "./gateway.ts";
import { HeldCredit, type HeldTerms } from "./held-credit.ts";
import { SpendCeiling } from "./spend-ceiling.ts";
import type { StreamEnd } from "./stream-relay.ts";
import { UsageMeter } from "./usage-meter.ts";

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
  readonly #held: HeldCredit;
  #candidate: Candidate | null = null;
  #meter: UsageMeter | null = null;
  #ceiling: SpendCeiling | null = null;
  #writingSinceMs = 0;

  constructor(gateway: Gateway, ports: Ports, terms: HeldTerms & { readonly call: ParsedCall }) {
    this.#gateway = gateway;
    this.#ports = ports;
    this.#identity = terms.identity;
    this.#modelId = terms.modelId;
    this.#call = terms.call;
    this.#held = new HeldCredit(gateway, ports, terms, () =>
      this.#meter === null ? null : this.costOf(this.#meter.interrupted()),
    );
  }

  noteAttempt(record: AttemptRecord): void {
    this.#held.noteAttempt(record);
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
      prompts: this.#call.prompts ?? 1,
    });
    const heldNanoUsd = this.#held.amountNanoUsd;
    if (heldNanoUsd !== null) {
      this.#ceiling = new SpendCeiling({
        price: candidate.price,
        estimatedInputTokens: this.#call.estimatedInputTokens,
        heldNanoUsd,
        extend: (amount) => this.#held.extend(amount),
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

  /**
   * No provider answered: the hold is closed with a charge of nothing.
   * @returns what to wait for before the client is told: it may come back under the same key at once
   */
  settleUnanswered(): Promise<void> | null {
    this.#settleOnce(0n, NO_USAGE, "provider-failed");
    return this.#held.ended;
  }

  settle(end: StreamEnd): void {
    const meter = this.#meter;
    if (meter === null) {
      this.#settleOnce(0n, NO_USAGE, "provider-failed");
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
    this.#held.settle(charge, {
      outcome,
      candidate: this.#candidate,
      inputTokens: totalInputTokens(usage),
      outputTokens: totalOutputTokens(usage),
      usageSource: usage.source,
      usage,
      answeredNanoUsd: this.costOf(usage),
    });
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
