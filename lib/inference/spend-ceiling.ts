import { costNanoUsd, type Price } from "../money/cost.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import { NO_USAGE } from "../protocol/usage.ts";

/** A charge may pass its hold by a twentieth, for what was on its way when the ceiling was reached (ledger, I8). */
export function ceilingOf(heldNanoUsd: NanoUsd): NanoUsd {
  return heldNanoUsd + heldNanoUsd / 20n;
}

/** An extension is asked for when this share of the hold is spent, so that it is there before it is needed. */
const EXTEND_AT_SHARE = 0.7;

export interface CeilingTerms {
  readonly price: Price;
  readonly estimatedInputTokens: number;
  readonly heldNanoUsd: NanoUsd;
  /** Raises the hold to the amount given; false when the balance does not cover it. */
  extend(amountNanoUsd: NanoUsd): Promise<boolean>;
}

/**
 * Keeps a running stream within what is held for it, in output tokens so that the check is two comparisons. Near
 * the ceiling it doubles the hold in the background; the stream waits only when it gets there first.
 */
export class SpendCeiling {
  readonly #terms: CeilingTerms;
  #heldNanoUsd: NanoUsd;
  #softLimit = 0;
  #hardLimit = 0;
  #extending: Promise<boolean> | null = null;
  #refused = false;

  constructor(terms: CeilingTerms) {
    this.#terms = terms;
    this.#heldNanoUsd = terms.heldNanoUsd;
    this.#setLimits();
  }

  /** True while `outputTokens` may be passed on; a promise while that depends on an extension under way. */
  allows(outputTokens: number): boolean | Promise<boolean> {
    if (outputTokens <= this.#softLimit) return true;
    if (this.#extending === null && !this.#refused) this.#extending = this.#extend();
    if (outputTokens <= this.#hardLimit) return true;
    return this.#extending === null ? false : this.#extending.then(() => outputTokens <= this.#hardLimit);
  }

  /** The hold as it stands, extensions included, nano-dollars. */
  get heldNanoUsd(): NanoUsd {
    return this.#heldNanoUsd;
  }

  /** What may be charged for `costNanoUsd`: all of it where the hold covers it or can be raised to it. */
  chargeable(costNanoUsd: NanoUsd): NanoUsd | Promise<NanoUsd> {
    if (costNanoUsd <= ceilingOf(this.#heldNanoUsd)) return costNanoUsd;
    return this.#raisedTo(costNanoUsd);
  }

  async #raisedTo(costNanoUsd: NanoUsd): Promise<NanoUsd> {
    await this.#extending;
    if (costNanoUsd <= ceilingOf(this.#heldNanoUsd)) return costNanoUsd;
    if (await this.#terms.extend(costNanoUsd)) {
      this.#heldNanoUsd = costNanoUsd;
      return costNanoUsd;
    }
    return ceilingOf(this.#heldNanoUsd);
  }

  async #extend(): Promise<boolean> {
    const amount = this.#heldNanoUsd * 2n;
    const granted = await this.#terms.extend(amount);
    if (granted) this.#heldNanoUsd = amount;
    else this.#refused = true;
    this.#setLimits();
    this.#extending = null;
    return granted;
  }

  #setLimits(): void {
    const { price, estimatedInputTokens } = this.#terms;
    if (price.outputPerMillion === 0n) {
      this.#softLimit = this.#hardLimit = Number.POSITIVE_INFINITY;
      return;
    }
    const input = costNanoUsd(price, { ...NO_USAGE, inputUncached: estimatedInputTokens });
    const left = ceilingOf(this.#heldNanoUsd) - input;
    this.#hardLimit = left <= 0n ? 0 : Number((left * 1_000_000n) / price.outputPerMillion);
    this.#softLimit = this.#hardLimit * EXTEND_AT_SHARE;
  }
}
