import { formatUsd } from "../../money/nano-usd.ts";
import type { ReplyContext, StreamPassthrough } from "../client-format.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { memberText, spliceJson } from "../json-splice.ts";
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

  function pushDelta(data: string, usage: Usage | null): string {
    const text = memberText(data, "usage");
    if (usage === null || text === null || !text.startsWith("{")) {
      heldDelta = data;
      return "";
    }
    const priced = spliceJson(text, { cost: formatUsd(context.costOf(usage)) });
    return `event: message_delta\ndata: ${spliceJson(data, { usage: priced })}\n\n`;
  }

  return {
    push(frame, events) {
      const { data } = frame;
      if (data === null) return frame.raw;
      switch (frame.event) {
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
  return spliceJson(text, {
    usage: (own) =>
      own !== null && isJsonObject(body["usage"])
        ? spliceJson(own, { cost: formatUsd(cost) })
        : anthropicUsageJson(usage, cost),
  });
}
