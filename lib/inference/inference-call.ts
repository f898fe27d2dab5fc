import type { ClientStream } from "../ports/client-stream.ts";
import type { ClientFormat, ProtocolHeaders } from "../protocol/client-format.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { IdempotencyWish } from "./idempotency-key.ts";

/** A request as a route hands it over: its body read and parsed as JSON, nothing of it judged yet. */
export interface InferenceCall {
  readonly format: ClientFormat;
  /** The API key, of a valid shape. */
  readonly credential: string;
  readonly text: string;
  readonly body: JsonObject;
  readonly protocolHeaders: ProtocolHeaders;
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
