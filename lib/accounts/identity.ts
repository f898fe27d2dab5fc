import * as z from "zod";
import { accountSuspended } from "../errors/account-suspended.ts";
import { GatewayError } from "../errors/gateway-error.ts";

/** Who calls: what the gateway needs of a key and its account. Holds nothing from which the key could be made. */
export const identity = z.object({
  accountId: z.string(),
  keyId: z.string(),
  requestsPerMinute: z.int().positive(),
  expiresAtMs: z.number().nullable(),
  /** The account is stopped. Known from here, so that a call which holds no credit is refused as well. */
  suspended: z.boolean(),
  /** The account's own keys for providers, sealed: with the identity, so that no call has to ask for them. */
  providerKeys: z.array(
    z.object({
      provider: z.string(),
      /** `first`: before the operator's. `only`: instead of it. */
      mode: z.enum(["first", "only"]),
      sealed: z.string(),
    }),
  ),
});
export type Identity = z.infer<typeof identity>;
export type ProviderKeyMode = Identity["providerKeys"][number]["mode"];

/** One text for every key that does not open: which part was wrong is nobody's business (B5 to B7). */
export function invalidKey(): GatewayError {
  return new GatewayError("invalid_api_key", "This API key is not valid.");
}

/** @throws GatewayError `account_suspended` */
export function assertNotSuspended(who: Identity): void {
  if (who.suspended) throw accountSuspended();
}

/** @throws GatewayError `expired_api_key` */
export function assertNotExpired(who: Identity, nowMs: number): void {
  if (who.expiresAtMs === null || who.expiresAtMs > nowMs) return;
  const date = new Date(who.expiresAtMs).toISOString();
  throw new GatewayError("expired_api_key", `This API key expired on ${date}.`);
}
