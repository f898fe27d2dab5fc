import { googleErrorBody } from "../../../errors/error-bodies.ts";
import { formatUsd } from "../../../money/nano-usd.ts";
import type { ReplyContext, StreamPassthrough } from "../../client-format.ts";
import type { JsonObject } from "../../json.ts";
import { spliceJson } from "../../json-splice.ts";
import type { Usage } from "../../usage.ts";
import type { Framing } from "./framing.ts";
import { usageMetadataJson } from "./usage-json.ts";

/** Passes a stream of generateContent responses through: each keeps its bytes, but for the cost in the last one's usage. */
export function createGenerateContentPassthrough(
  context: ReplyContext,
  framing: Framing,
  keepsFrames: boolean,
): StreamPassthrough {
  let finished = false;
  let usageSent = false;
  const closing = (usage: Usage, body: string) =>
    framing.piece(spliceJson(body, { usageMetadata: usageMetadataJson(usage, context.costOf(usage)) })) + framing.end();
  return {
    push(frame, events) {
      const { data } = frame;
      if (data === null || data === "") return "";
      for (const event of events) if (event.kind === "finish") finished = true;
      const report = events.find((event) => event.kind === "usage");
      if (!finished || report?.kind !== "usage") return keepsFrames ? frame.raw : framing.piece(data);
      usageSent = true;
      return framing.piece(priced(data, report.usage, context));
    },
    cut(usage) {
      const end = { content: { parts: [{ text: "" }], role: "model" }, finishReason: "MAX_TOKENS", index: 0 };
      return closing(usage, JSON.stringify({ candidates: [end] }));
    },
    finish: (usage) => (usageSent ? framing.end() : closing(usage, '{"candidates":[]}')),
    fail: (error, requestId) => framing.piece(JSON.stringify(googleErrorBody(error, requestId))) + framing.end(),
  };
}

/** A whole response's own text, with the cost in its usage. */
export function passGenerateContentReply(text: string, _body: JsonObject, usage: Usage, context: ReplyContext): string {
  return priced(text, usage, context);
}

function priced(text: string, usage: Usage, context: ReplyContext): string {
  const cost = context.costOf(usage);
  return spliceJson(text, {
    usageMetadata: (own) =>
      own?.startsWith("{") === true ? spliceJson(own, { cost: formatUsd(cost) }) : usageMetadataJson(usage, cost),
  });
}
