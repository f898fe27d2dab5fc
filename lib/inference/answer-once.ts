import type { OnceKey } from "../billing/reserve-once.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { formatUsd } from "../money/nano-usd.ts";
import type { Ports } from "../ports/ports.ts";
import type { Admission, EarlierCall } from "./admit-call.ts";
import type { Gateway } from "./gateway.ts";
import type { IdempotencyWish } from "./idempotency-key.ts";
import type { InferenceReply } from "./inference-call.ts";
import { keepReply, readKeptReply, sealerOf } from "./kept-replies.ts";
import type { LiveStream } from "./live-streams.ts";

/** A call under an Idempotency-Key. */
export interface OnceCall {
  readonly key: OnceKey;
  readonly store: IdempotencyWish["store"];
  readonly accountId: string;
  readonly stream: boolean;
  readonly signal: AbortSignal | null;
}

const IN_PROGRESS_SECONDS = 2;
const REPLAYED = { "idempotent-replayed": "true" };

/**
 * Makes a call unless it was made before: then its reply is given again where that is possible (a stream that runs in this
 * isolate, a reply that was kept), and refused with what became of it where not (ledger, section 8).
 * @param answer makes the call that `admit` has admitted
 * @throws GatewayError `idempotency_in_progress`, `idempotency_completed`, `idempotency_mismatch`, and what `admit` and
 *   `answer` throw
 */
export async function answerOnce(
  gateway: Gateway,
  ports: Ports,
  call: OnceCall,
  admit: () => Promise<Admission>,
  answer: (admission: Admission, signal: AbortSignal | null) => Promise<InferenceReply>,
): Promise<InferenceReply> {
  const sealer = call.stream ? null : sealerOf(gateway, call.store);
  const live = call.stream ? gateway.liveStreams.claim(call.key.id, call.signal) : null;
  try {
    const admission = await admit();
    if (admission.earlier !== null) {
      live?.end(null);
      return await answerEarlier(gateway, ports, call, admission.earlier);
    }
    const reply = await answerFirst(admission, answer, live, call.signal);
    if (sealer === null || reply.status !== 200 || typeof reply.body !== "string") return reply;
    await keepReply(ports, sealer, call.accountId, String(admission.reservation?.requestId), reply.body);
    return reply;
  } catch (error) {
    live?.fail(error);
    throw error;
  }
}

async function answerFirst(
  admission: Admission,
  answer: (admission: Admission, signal: AbortSignal | null) => Promise<InferenceReply>,
  live: LiveStream | null,
  signal: AbortSignal | null,
): Promise<InferenceReply> {
  const requestId = admission.reservation?.requestId ?? "";
  try {
    const given = await answer(admission, live?.signal ?? signal);
    const reply = { ...given, headers: { ...given.headers, "x-request-id": requestId } };
    return live === null ? reply : live.open(reply);
  } catch (error) {
    throw error instanceof GatewayError ? error.about(requestId) : error;
  }
}

async function answerEarlier(
  gateway: Gateway,
  ports: Ports,
  call: OnceCall,
  earlier: EarlierCall,
): Promise<InferenceReply> {
  const { requestId } = earlier;
  if (earlier.kind === "running") {
    const joined = call.stream ? await gateway.liveStreams.join(call.key.id, call.signal) : null;
    if (joined !== null) return { ...joined, headers: { ...joined.headers, ...REPLAYED } };
    throw new GatewayError(
      "idempotency_in_progress",
      `The request of this Idempotency-Key, ${requestId}, still runs.`,
      {
        param: "idempotency-key",
        retryAfterSeconds: IN_PROGRESS_SECONDS,
        requestId,
      },
    );
  }
  const kept = call.stream ? null : await readKeptReply(gateway, ports, call.accountId, requestId);
  if (kept !== null) {
    const headers = { "content-type": "application/json", "x-request-id": requestId, ...REPLAYED };
    return { status: 200, headers, body: kept };
  }
  const charged = earlier.chargedNanoUsd;
  const cost = charged === null ? "" : ` and was charged $${formatUsd(charged)}`;
  throw new GatewayError(
    "idempotency_completed",
    `The request of this Idempotency-Key, ${requestId}, was answered${cost}; its reply is not kept. Send a new key to ask again.`,
    {
      param: "idempotency-key",
      requestId,
      headers: charged === null ? {} : { "x-gateway-cost": formatUsd(charged) },
    },
  );
}
