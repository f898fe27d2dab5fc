import { WINDOW_MS } from "../billing/idempotency-script.ts";
import type { OnceKey } from "../billing/reserve-once.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import type { Gateway } from "./gateway.ts";

/** Printable ASCII, up to 255 characters (B88), as draft-ietf-httpapi-idempotency-key-header and Stripe have it. */
const SHAPE = /^[\x20-\x7e]{1,255}$/;
const ID_DIGITS = 32;

/** What a request's headers ask of idempotency. */
export interface IdempotencyWish {
  readonly key: string;
  /** `x-idempotency-store`: whether the reply is kept for a repetition; null leaves that to the operator. */
  readonly store: boolean | null;
}

/** @throws GatewayError `invalid_idempotency_key`; `invalid_value` for `x-idempotency-store` */
export function readIdempotency(headers: Headers): IdempotencyWish | null {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (!SHAPE.test(key)) {
    throw new GatewayError("invalid_idempotency_key", "Idempotency-Key must be 1 to 255 printable ASCII characters.", {
      param: "idempotency-key",
    });
  }
  const store = headers.get("x-idempotency-store");
  if (store !== null && store !== "true" && store !== "false") {
    throw new GatewayError("invalid_value", "x-idempotency-store must be true or false.", {
      param: "x-idempotency-store",
    });
  }
  return { key, store: store === null ? null : store === "true" };
}

/**
 * What the ledger calls an account's key: request ids of this window and the last, so that every hold and charge of the
 * key's request is under one id whatever happens, and no account can reach another's.
 * @param content what was asked, the route included: another content under the same key is refused
 */
export async function onceKeyOf(
  gateway: Pick<Gateway, "hasher">,
  ports: Pick<Ports, "clock">,
  accountId: string,
  key: string,
  content: string,
): Promise<OnceKey> {
  const window = Math.floor(ports.clock.now() / WINDOW_MS);
  const idOf = (of: number) => gateway.hasher.hash(`idempotency\n${accountId}\n${of}\n${key}`);
  const [id, previousId, fingerprint] = await Promise.all([
    idOf(window),
    idOf(window - 1),
    gateway.hasher.hash(`fingerprint\n${accountId}\n${content}`),
  ]);
  return {
    id: `req_${id.slice(0, ID_DIGITS)}`,
    previousId: `req_${previousId.slice(0, ID_DIGITS)}`,
    fingerprint: fingerprint.slice(0, ID_DIGITS),
  };
}
