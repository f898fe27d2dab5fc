import type { Identity } from "../accounts/identity.ts";
import { forgivePartialAnswer } from "../billing/partial-answer-allowance.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import { type Consumption, NOTHING_CONSUMED, taskCostNanoUsd } from "../money/task-cost.ts";
import type { Ports } from "../ports/ports.ts";
import type { ParsedTask } from "../protocol/tasks/task.ts";
import type { AttemptRecord } from "../routing/ask-endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Gateway } from "./gateway.ts";
import { HeldCredit, type HeldTerms } from "./held-credit.ts";

/** A reported figure is not believed where it costs more than this many times our own count (security K18). */
const BELIEVABLE_EXCESS = 20n;

/** How an answered task ended. */
export type TaskEnd = "completed" | "provider-failed" | "client-gone";

/** The money of one task from its admission to its one settlement, by the same table of outcomes as a chat's. */
export class TaskSettlement {
  readonly #ports: Ports;
  readonly #identity: Identity;
  readonly #modelId: string;
  readonly #call: ParsedTask;
  readonly #held: HeldCredit;
  #candidate: Candidate | null = null;
  #reported: Consumption | null = null;

  constructor(gateway: Gateway, ports: Ports, terms: HeldTerms & { readonly call: ParsedTask }) {
    this.#ports = ports;
    this.#identity = terms.identity;
    this.#modelId = terms.modelId;
    this.#call = terms.call;
    this.#held = new HeldCredit(gateway, ports, terms, () => (this.#candidate === null ? null : this.costNanoUsd));
  }

  noteAttempt(record: AttemptRecord): void {
    this.#held.noteAttempt(record);
  }

  /** A provider has answered: from here on its price counts. */
  begin(candidate: Candidate): void {
    this.#candidate = candidate;
  }

  /** What the provider reports, in one piece or bit by bit. */
  note(consumed: Consumption | null): void {
    if (consumed === null) return;
    this.#reported = this.#reported === null ? consumed : sumOf(this.#reported, consumed);
  }

  /** What the answer costs: by the provider's figures where they came and can be true, else by our own count. */
  get costNanoUsd(): NanoUsd {
    return this.#candidate === null ? 0n : taskCostNanoUsd(this.#candidate.price, this.#consumed());
  }

  /**
   * No provider answered: the hold is closed with a charge of nothing.
   * @returns what to wait for before the client is told: it may come back under the same key at once
   */
  settleUnanswered(): Promise<void> | null {
    this.#settle(0n, "provider-failed", NOTHING_CONSUMED);
    return this.#held.ended;
  }

  settle(end: TaskEnd): void {
    const cost = this.costNanoUsd;
    const charge = end === "provider-failed" ? this.#forgiven(cost) : this.#held.chargeable(cost);
    this.#settle(charge, end, this.#consumed());
  }

  /** A partial answer costs nothing within the account's allowance for that (ledger, section 8). */
  async #forgiven(cost: NanoUsd): Promise<NanoUsd> {
    const forgiven = await forgivePartialAnswer(this.#ports, this.#identity.accountId, cost);
    return forgiven ? 0n : this.#held.chargeable(cost);
  }

  #consumed(): Consumption {
    const metered = this.#call.metered();
    const reported = this.#reported;
    return reported !== null && this.#believes(reported, metered) ? reported : metered;
  }

  #believes(reported: Consumption, metered: Consumption): boolean {
    const counts = Object.values(reported);
    if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) return false;
    const price = this.#candidate?.price;
    if (price === undefined) return false;
    return taskCostNanoUsd(price, reported) <= taskCostNanoUsd(price, metered) * BELIEVABLE_EXCESS;
  }

  #settle(charge: NanoUsd | Promise<NanoUsd>, outcome: TaskEnd, consumed: Consumption): void {
    const believed = this.#reported !== null && consumed === this.#reported;
    if (this.#reported !== null && !believed) {
      this.#ports.log.warn("usage_not_believed", { provider: this.#candidate?.provider.id, model: this.#modelId });
    }
    const usage = Object.fromEntries(Object.entries(consumed).filter(([, count]) => count > 0));
    const usageSource = believed ? "provider" : "estimated";
    this.#held.settle(charge, {
      outcome,
      candidate: this.#candidate,
      inputTokens: consumed.inputTokens + consumed.imageInputTokens + consumed.audioInputTokens,
      outputTokens: consumed.outputTokens + consumed.imageOutputTokens + consumed.audioOutputTokens,
      usageSource,
      usage: { ...usage, source: usageSource },
      answeredNanoUsd: this.costNanoUsd,
    });
  }
}

function sumOf(one: Consumption, other: Consumption): Consumption {
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    imageInputTokens: one.imageInputTokens + other.imageInputTokens,
    audioInputTokens: one.audioInputTokens + other.audioInputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    imageOutputTokens: one.imageOutputTokens + other.imageOutputTokens,
    audioOutputTokens: one.audioOutputTokens + other.audioOutputTokens,
    imageHundredths: one.imageHundredths + other.imageHundredths,
    audioMilliseconds: one.audioMilliseconds + other.audioMilliseconds,
    characters: one.characters + other.characters,
    searches: one.searches + other.searches,
  };
}
