import type { Ports } from "../ports/ports.ts";
import { type Credit, creditInPostgres } from "./ledger-store.ts";
import { refreshMirror } from "./reserve-credits.ts";

/**
 * Gives an account credit, once per key, and tells the mirror, so that it can be spent at once.
 * @returns `ok`, `replay` (this key was used before: nothing changed) or `no_account`
 */
export async function addCredit(
  ports: Pick<Ports, "database" | "redis" | "log">,
  credit: Credit,
): Promise<"ok" | "replay" | "no_account"> {
  const { status, base, version } = await creditInPostgres(ports.database, credit);
  if (status === "no_account") return "no_account";
  await refreshMirror(ports, credit.accountId, String(base), String(version));
  return status === "replay" ? "replay" : "ok";
}
