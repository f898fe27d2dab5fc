import type { Ports } from "../ports/ports.ts";
import { type Credit, creditInPostgres, readCreditAmount } from "./ledger-store.ts";
import { refreshMirror } from "./reserve-credits.ts";

/**
 * Gives an account credit, once per key, and tells the mirror, so that it can be spent at once.
 * @returns `ok`, `replay` (this key gave this amount before: nothing changed), `mismatch` (it gave another) or `no_account`
 */
export async function addCredit(
  ports: Pick<Ports, "database" | "redis" | "log">,
  credit: Credit,
): Promise<"ok" | "replay" | "mismatch" | "no_account"> {
  const { status, base, version } = await creditInPostgres(ports.database, credit);
  if (status === "no_account") return "no_account";
  await refreshMirror(ports, credit.accountId, String(base), String(version));
  if (status !== "replay") return "ok";
  return (await readCreditAmount(ports.database, credit.key)) === credit.amountNanoUsd ? "replay" : "mismatch";
}
