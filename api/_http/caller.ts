import type { Identity } from "../../lib/accounts/identity.ts";
import { secretsMatch } from "../../lib/accounts/key-hasher.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { authenticate } from "../../lib/inference/authenticate.ts";
import type { Gateway } from "../../lib/inference/gateway.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { readCredential } from "./credential.ts";

/** Who may call a route. */
export type Policy = "public" | "key" | "admin" | "key-or-admin";

export type Caller =
  | { readonly kind: "anyone" }
  | { readonly kind: "admin" }
  | { readonly kind: "key"; readonly identity: Identity };

/**
 * Finds out who calls and whether that is enough.
 * @throws GatewayError 401 for a credential that is missing or opens nothing, 403 `admin_required`
 */
export async function identifyCaller(
  gateway: Gateway,
  ports: Ports,
  policy: Policy,
  headers: Headers,
): Promise<Caller> {
  if (policy === "public") return { kind: "anyone" };
  const { adminApiKey } = gateway.configuration;
  if (policy === "admin" && adminApiKey === null) {
    throw new GatewayError(
      "admin_required",
      "Operator routes are closed. Set ADMIN_API_KEY on the gateway to open them.",
    );
  }
  const credential = readCredential(headers);
  if (policy !== "key" && adminApiKey !== null && (await secretsMatch(credential, adminApiKey))) {
    return { kind: "admin" };
  }
  const identity = await authenticate(gateway, ports, credential);
  if (policy === "admin") {
    throw new GatewayError("admin_required", "This route is the operator's: send ADMIN_API_KEY as the bearer token.");
  }
  return { kind: "key", identity };
}

/**
 * The account that a call is about: a key's own, or the one that the operator names.
 * @throws GatewayError `missing_field` from the operator without one, `forbidden_field` for a foreign one (B102)
 */
export function accountOf(caller: Caller, named: string | undefined): string {
  if (caller.kind === "key") {
    if (named !== undefined && named !== caller.identity.accountId) {
      throw new GatewayError("forbidden_field", "account_id is for the operator; a key sees its own account.", {
        param: "account_id",
      });
    }
    return caller.identity.accountId;
  }
  if (named === undefined) {
    throw new GatewayError("missing_field", "account_id is required.", { param: "account_id" });
  }
  return named;
}
