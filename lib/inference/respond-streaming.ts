import type { Ports } from "../ports/ports.ts";
import type { ClientFormat, ReplyContext } from "../protocol/client-format.ts";
import { AttemptAborted } from "../routing/attempt-failure.ts";
import { repliesUntouched } from "../routing/candidate.ts";
import type { CallSettlement } from "./call-settlement.ts";
import { passingWriter, type StreamEnd, StreamRelay, type StreamReply, translatingWriter } from "./stream-relay.ts";
import type { UsageMeter } from "./usage-meter.ts";

/** How long a stream whose client has left is read on, at a provider that bills it to its end (ledger, section 8). */
const MAX_DRAIN_MS = 25_000;

/** From its end marker a provider's stream is given this long to be over. */
const MAX_FINISH_MS = 1_000;

/** The relay of a committed stream, its end wired to settlement. */
export function relayOf(
  ports: Ports,
  reply: StreamReply,
  format: ClientFormat,
  settlement: CallSettlement,
  context: ReplyContext,
  requestId: string,
): StreamRelay {
  const meter = settlement.begin(reply);
  const writer = repliesUntouched(reply.candidate, format.name)
    ? passingWriter(
        format.createStreamPassthrough({ ...context, stripFields: reply.candidate.provider.stripFromReply ?? [] }),
      )
    : translatingWriter(format.createStreamEncoder(context));
  const onEnd = (end: StreamEnd) => {
    if (end.kind === "client-gone") ports.background(leaveProvider(ports, reply, meter, settlement));
    else settlement.settle(end);
    if (end.kind === "completed") ports.background(finishReading(ports, reply));
  };
  return new StreamRelay({ reply, writer, meter, ceiling: settlement.ceiling, requestId, onEnd });
}

/** Lets a provider end its stream in its own way, for a moment, so that its connection is there for the next call. */
async function finishReading(ports: Ports, reply: StreamReply): Promise<void> {
  const cancel = ports.clock.schedule(MAX_FINISH_MS, () => reply.stream.cancel());
  await reply.stream.drain();
  cancel();
}

/** Closes the provider's stream where that stops its bill; reads it to its end for the usage where it does not. */
async function leaveProvider(
  ports: Ports,
  reply: StreamReply,
  meter: UsageMeter,
  settlement: CallSettlement,
): Promise<void> {
  const gone = () => reply.abort(new AttemptAborted("client-gone"));
  if (reply.candidate.provider.billsAfterAbort === true) {
    const cancel = ports.clock.schedule(MAX_DRAIN_MS, gone);
    try {
      for (let batch = await reply.stream.next(); batch !== null; batch = await reply.stream.next()) {
        for (const { events } of batch) for (const event of events) meter.observe(event);
      }
    } catch {
      // Cut off or broken: what was metered until here is charged.
    }
    cancel();
  } else {
    gone();
    reply.stream.cancel();
  }
  settlement.settle({ kind: "client-gone" });
}
