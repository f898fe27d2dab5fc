import { formatUsd } from "../money/nano-usd.ts";
import type { ClientFormat, ReplyContext } from "../protocol/client-format.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import { repliesUntouched } from "../routing/candidate.ts";
import type { CallSettlement } from "./call-settlement.ts";

export interface WholeAnswer {
  readonly body: string;
  /** Decimal USD, for `x-gateway-cost`. */
  readonly cost: string;
}

/** A reply that came in one piece, in the client's format: passed through where the formats agree, else translated. */
export function respondWhole(
  reply: ProviderReply & { readonly kind: "whole" },
  format: ClientFormat,
  settlement: CallSettlement,
  context: ReplyContext,
): WholeAnswer {
  const meter = settlement.begin(reply);
  for (const event of reply.events) meter.observe(event);
  const usage = meter.final();
  const body = repliesUntouched(reply.candidate, format.name)
    ? format.passReply(reply.text, reply.body, usage, {
        ...context,
        stripFields: reply.candidate.provider.stripFromReply ?? [],
      })
    : format.encodeReply(reply.events, usage, context);
  settlement.settle({ kind: "completed" });
  return { body, cost: formatUsd(settlement.costOf(usage)) };
}

/** The same reply for a client that asked for a stream: a provider may answer in one piece all the same. */
export function streamWhole(
  reply: ProviderReply & { readonly kind: "whole" },
  format: ClientFormat,
  settlement: CallSettlement,
  context: ReplyContext,
): string {
  const meter = settlement.begin(reply);
  const encoder = format.createStreamEncoder(context);
  let text = "";
  for (const event of reply.events) {
    meter.observe(event);
    text += encoder.push(event);
  }
  text += encoder.finish(meter.final());
  settlement.settle({ kind: "completed" });
  return text;
}
