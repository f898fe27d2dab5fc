import { formatUsd } from "../../money/nano-usd.ts";
import type { ReplyContext, StreamEncoder, StreamPassthrough } from "../client-format.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { type JsonEdit, spliceJson } from "../json-splice.ts";
import type { SseFrame } from "../sse/sse-parser.ts";
import { stripEdits } from "../strip-fields.ts";
import type { Usage } from "../usage.ts";
import { createChatStreamEncoder } from "./encode-stream.ts";
import { usageJson } from "./usage-json.ts";

/**
 * Passes an OpenAI stream through: every frame keeps its bytes, but for the cost in a usage object, the fields that the
 * provider's declaration says are its own, and the usage chunk that the client did not ask for.
 * @param own writes what the provider did not: a missing usage chunk, the end of a stream that we stop, an error
 */
export function createChatPassthrough(
  context: ReplyContext,
  own: StreamEncoder = createChatStreamEncoder(context),
): StreamPassthrough {
  const strip = stripEdits(context.stripFields);
  const ownFields = Object.keys(strip.reply);
  let usageSent = false;

  function patched(frame: SseFrame, data: string, usage: Usage | null): string {
    const edits: Record<string, JsonEdit[string]> = {};
    for (const field of ownFields) if (data.includes(`"${field}"`)) edits[field] = null;
    if (usage !== null && data.includes('"usage"')) {
      edits["usage"] = (own) => {
        if (own === null || !own.startsWith("{")) return own;
        usageSent = true;
        return spliceJson(own, { ...strip.usage, cost: formatUsd(context.costOf(usage)) });
      };
    }
    return Object.keys(edits).length === 0 ? frame.raw : `data: ${spliceJson(data, edits)}\n\n`;
  }

  return {
    push(frame, events) {
      // Nearly every frame brings a piece of text and nothing to change.
      if (events.length === 1 && events[0]?.kind === "text" && ownFields.length === 0) return frame.raw;
      let usage: Usage | null = null;
      for (const event of events) {
        if (event.kind === "end") return "";
        if (event.kind === "usage") usage = event.usage;
        else if (event.kind === "start") own.push(event);
      }
      const { data } = frame;
      if (data === null) return frame.raw;
      const onlyUsage =
        usage !== null && !context.includeUsage && events.every(({ kind }) => kind === "usage" || kind === "start");
      if (onlyUsage) return "";
      return usage === null && ownFields.length === 0 ? frame.raw : patched(frame, data, usage);
    },
    cut(usage) {
      const event = { kind: "finish", choice: 0, reason: "length", nativeReason: null, stopSequence: null } as const;
      usageSent = false;
      return own.push(event) + own.finish(usage);
    },
    finish(usage) {
      return usageSent ? "data: [DONE]\n\n" : own.finish(usage);
    },
    fail: (error, requestId) => own.fail(error, requestId),
  };
}

/** A whole reply's own text, with the cost in its usage; a reply without usage gets the metered one. */
export function passChatReply(text: string, body: JsonObject, usage: Usage, context: ReplyContext): string {
  const cost = context.costOf(usage);
  const strip = stripEdits(context.stripFields);
  return spliceJson(text, {
    ...strip.reply,
    usage: (own) =>
      own !== null && isJsonObject(body["usage"])
        ? spliceJson(own, { ...strip.usage, cost: formatUsd(cost) })
        : usageJson(usage, cost),
  });
}
