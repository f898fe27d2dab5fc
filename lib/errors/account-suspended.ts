import { GatewayError } from "./gateway-error.ts";

/** An operator, or a debt, has stopped the account (B19). Its key goes on reading what is the account's own. */
export function accountSuspended(): GatewayError {
  return new GatewayError("account_suspended", "This account is suspended; contact the operator.");
}
