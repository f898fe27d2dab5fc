import type { Identity } from "../accounts/identity.ts";
import type { OnceKey } from "../billing/reserve-once.ts";
import type { ClientStream } from "../ports/client-stream.ts";
import type { ClientFormat, ProtocolHeaders } from "../protocol/client-format.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { IdempotencyWish } from "./idempotency-key.ts";

export interface RoutingHeaders {
  /** The session that they name, or null (see `sessionOfHeaders`). */
  readonly session: string | null;
  /** `x-gateway-metadata: enabled`: the reply tells in `x-gateway-routing` why it went where it went. */
  readonly reported: boolean;
}

export const NO_ROUTING_HEADERS: RoutingHeaders = { session: null, reported: false };

/** A call that the gateway makes by itself for an account, on terms of its own. */
interface OnBehalf {
  readonly identity: Identity;
  /** Of each price, in percent. */
  readonly pricePercent: number;
  readonly once: OnceKey;
}

/** A request as a route hands it over: its body read and parsed as JSON, nothing of it judged yet. */
export interface InferenceCall {
  readonly format: ClientFormat;
  /** The API key, of a valid shape; empty where `onBehalf` says who calls. */
  readonly credential: string;
  readonly onBehalf?: OnBehalf | null;
  readonly text: string;
  readonly body: JsonObject;
  readonly protocolHeaders: ProtocolHeaders;
  /** What the request's headers say of its route. Absent: nothing. */
  readonly routing?: RoutingHeaders;
  /** `req_…`: the key under which this call is held, settled and logged. */
  readonly requestId: string;
  /** Not null: the call is to be made once. */
  readonly idempotency: IdempotencyWish | null;
  /** Aborts when the client leaves; null where the runtime tells that by cancelling the reply's stream only. */
  readonly signal: AbortSignal | null;
}

export interface InferenceReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ClientStream;
}
