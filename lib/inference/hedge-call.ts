import type { Clock } from "../ports/clock.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import type { Attempt } from "../routing/ask-endpoint.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import { AttemptAborted } from "../routing/attempt-failure.ts";
import type { Hedge } from "../routing/call-with-failover.ts";
import type { Gateway } from "./gateway.ts";

/** A second provider is asked once the first is later than all but this share of its answers. */
const HEDGE_AT_SHARE = 0.95;

/**
 * Staged hedging of a stream, where the operator has it on (`HEDGING`): after the model's measured p95 to the first token
 * at its provider. Null where it is off, for a whole reply, whose first token nobody sees, and, by its `delayMs`, while too
 * little has been measured.
 */
export function hedgeFor(gateway: Gateway, parsed: ParsedCall): Hedge<ProviderReply> | null {
  if (!gateway.configuration.hedging || !parsed.stream) return null;
  return {
    delayMs: ({ provider, modelId }) => gateway.speeds.firstTokenMs(provider.id, modelId, HEDGE_AT_SHARE),
    discard: (reply) => {
      if (reply.kind === "whole") return;
      reply.watchdog.stop();
      reply.abort(new AttemptAborted("cut"));
      reply.stream.cancel();
    },
  };
}

/**
 * Tries at a stream that leave their time to the first token in the isolate's view of speeds. One that another provider outran counts
 * with the time that it had: left out, a provider would seem the faster the more often it is too slow.
 */
export function measured(
  gateway: Gateway,
  clock: Clock,
  clientSignal: AbortSignal,
  attempt: Attempt<ProviderReply>,
): Attempt<ProviderReply> {
  return async (candidate, signal) => {
    const startedAtMs = clock.monotonicMs();
    const result = await attempt(candidate, signal);
    const outrun = result.kind === "abandoned" && !clientSignal.aborted;
    const started = result.kind === "answered" && result.reply.kind === "stream";
    if (outrun || started) {
      gateway.speeds.noteFirstToken(candidate.provider.id, candidate.modelId, clock.monotonicMs() - startedAtMs);
    }
    return result;
  };
}
