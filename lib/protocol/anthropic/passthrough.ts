import { formatUsd } from "../../money/nano-usd.ts";
import type { ReplyContext, StreamPassthrough } from "../client-format.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { memberText, spliceJson } from "../json-splice.ts";
import { stripEdits } from "../strip-fields.ts";
import type { Usage } from "../usage.ts";
import { createMessagesStreamEncoder } from "./encode-stream.ts";
import { anthropicUsageJson } from "./usage-json.ts";

/**
 * Passes an Anthropic stream through: every frame keeps its bytes, but for the cost in `message_delta`'s usage. A
 * `message_delta` that tells no usage waits for the end of the stream, when what was metered is known.
 */
export function createMessagesPassthrough(context: ReplyContext): StreamPassthrough {
  let openIndex: number | null = null;
  let heldDelta: string | null = null;
  const own = createMessagesStreamEncoder(context);
  const strip = stripEdits(context.stripFields);

  /** A message's opening without what the provider adds to it. */
  function pushStart(raw: string, data: string): string {
    if (context.stripFields.length === 0) return raw;
    const usage = (text: string | null) => (text?.startsWith("{") === true ? spliceJson(text, strip.usage) : text);
    const message = (text: string | null) => (text === null ? null : spliceJson(text, { ...strip.reply, usage }));
    return `event: message_start\ndata: ${spliceJson(data, { message })}\n\n`;
  }

  function pushDelta(data: string, usage: Usage | null): string {
    const text = memberText(data, "usage");
    if (usage === null || text === null || !text.startsWith("{")) {
      heldDelta = data;
      return "";
    }
    const priced = spliceJson(text, { ...strip.usage, cost: formatUsd(context.costOf(usage)) });
    return `event: message_delta\ndata: ${spliceJson(data, { usage: priced })}\n\n`;
  }

  return {
    push(frame, events) {
      const { data } = frame;
      if (data === null) return frame.raw;
      switch (frame.event) {
        case "message_start":
          return pushStart(frame.raw, data);
        case "content_block_start":
          openIndex = indexOf(data);
          return frame.raw;
        case "content_block_stop":
          openIndex = null;
          return frame.raw;
        case "message_delta": {
          const report = events.find((event) => event.kind === "usage");
          return pushDelta(data, report?.kind === "usage" ? report.usage : null);
        }
        case "message_stop":
          return ""; // written by `finish`, after what was held back
        default:
          return frame.raw;
      }
    },
    cut(usage) {
      const stop = openIndex === null ? "" : frameText("content_block_stop", `"index":${openIndex}`);
      const cost = anthropicUsageJson(usage, context.costOf(usage));
      const delta = '"delta":{"stop_reason":"max_tokens","stop_sequence":null}';
      return `${stop}${frameText("message_delta", `${delta},"usage":${cost}`)}${frameText("message_stop", "")}`;
    },
    finish(usage) {
      const metered = () => ({ usage: anthropicUsageJson(usage, context.costOf(usage)) });
      const delta = heldDelta === null ? "" : `event: message_delta\ndata: ${spliceJson(heldDelta, metered())}\n\n`;
      return delta + frameText("message_stop", "");
    },
    fail: (error, requestId) => own.fail(error, requestId),
  };
}

function frameText(type: string, members: string): string {
  return `event: ${type}\ndata: {"type":"${type}"${members === "" ? "" : `,${members}`}}\n\n`;
}

function indexOf(data: string): number | null {
  const index = Number(memberText(data, "index"));
  return Number.isSafeInteger(index) ? index : null;
}

/** A whole message's own text, with the cost in its usage. */
export function passMessagesReply(text: string, body: JsonObject, usage: Usage, context: ReplyContext): string {
  const cost = context.costOf(usage);
  const strip = stripEdits(context.stripFields);
  return spliceJson(text, {
    ...strip.reply,
    usage: (own) =>
      own !== null && isJsonObject(body["usage"])
        ? spliceJson(own, { ...strip.usage, cost: formatUsd(cost) })
        : anthropicUsageJson(usage, cost),
  });
}
