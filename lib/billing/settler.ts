import type { NanoUsd } from "../money/nano-usd.ts";
import type { SettleItem } from "./ledger-store.ts";
import type { Reservation } from "./reserve-credits.ts";
import type { SettlePorts } from "./settle-credits.ts";

/** What a request is charged and why, kept on its transaction. */
export interface Charge {
  readonly amountNanoUsd: NanoUsd;
  readonly detail: object;
  readonly attempts: readonly { readonly provider: string; readonly outcome: string; readonly costNanoUsd: NanoUsd }[];
}

/** Writes charges. A charge is keyed by its request: written twice it counts once. Never rejects. */
export interface Settler {
  settle(ports: SettlePorts, reservation: Reservation, charge: Charge): Promise<void>;
  /** Writes what is still waiting; for a shutdown. */
  flush(): Promise<void>;
}

/** A charge as the ledger takes it. */
export function itemOf(reservation: Reservation, charge: Charge): SettleItem {
  return {
    request: reservation.requestId,
    account: reservation.accountId,
    amount: String(charge.amountNanoUsd),
    detail: charge.detail,
    attempts: charge.attempts.map(({ provider, outcome, costNanoUsd }) => ({
      provider,
      outcome,
      cost: String(costNanoUsd),
    })),
  };
}
