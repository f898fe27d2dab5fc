import type { GatewayError } from "../../errors/gateway-error.ts";
import { formatUsd } from "../../money/nano-usd.ts";
import type { ReplyContext, StreamPassthrough } from "../client-format.ts";
import type { JsonObject } from "../json.ts";
import { memberText, spliceJson } from "../json-splice.ts";
import { stripEdits } from "../strip-fields.ts";
import type { Usage } from "../usage.ts";
import { createResponsesStreamEncoder, errorMembers, type OnReply } from "./encode-stream.ts";
import { PassedOutput } from "./passed-output.ts";
import { responsesUsageJson } from "./usage-json.ts";

const BEGINNINGS = ["response.created", "response.in_progress"];
const ENDS = ["response.completed", "response.incomplete", "response.failed"];

/**
 * Passes a stream of responses through: every frame keeps its bytes, but for the cost in the last one's usage. What has
 * passed is kept in mind, so that a stream which breaks off, or which the gateway cuts, ends with a whole response.
 */
export function createResponsesPassthrough(context: ReplyContext, onReply: OnReply = () => {}): StreamPassthrough {
  const passed = new PassedOutput();
  const previous = previousOf(context);
  let sequence = -1;

  /** An end of our own, after what has passed. */
  function end(type: string, edits: Readonly<Record<string, string>>): string {
    sequence += 1;
    const response = spliceJson(passed.head ?? "{}", { ...previous?.edits, ...edits, output: passed.outputText() });
    return `event: ${type}\ndata: {"type":"${type}","response":${response},"sequence_number":${sequence}}\n\n`;
  }

  return {
    push(frame, events) {
      const { data } = frame;
      if (data === null) return frame.raw;
      sequence += 1;
      passed.note(frame.event, data, events);
      if (BEGINNINGS.includes(frame.event) && previous !== null) {
        return withResponse(frame.event, data, (response) => spliceJson(response, previous.edits));
      }
      if (!ENDS.includes(frame.event)) return frame.raw;
      const response = memberText(data, "response");
      const report = events.find((event) => event.kind === "usage");
      if (response === null || report?.kind !== "usage") {
        passed.lateEnd = data;
        return ""; // written by `finish`, with what was metered
      }
      const text = pricedResponse(response, report.usage, context);
      onReply(text);
      return withResponse(frame.event, data, () => text);
    },
    cut(usage) {
      const reason = { status: '"incomplete"', incomplete_details: '{"reason":"max_output_tokens"}' };
      return end("response.incomplete", { ...reason, usage: responsesUsageJson(usage, context.costOf(usage)) });
    },
    finish(usage) {
      const data = passed.lateEnd;
      const response = data === null ? null : memberText(data, "response");
      if (data === null || response === null) return "";
      const text = pricedResponse(response, usage, context);
      onReply(text);
      const type = memberText(data, "type") ?? '"response.completed"';
      return withResponse(type.slice(1, -1), data, () => text);
    },
    fail(error: GatewayError, requestId) {
      if (passed.head === null) return createResponsesStreamEncoder(context).fail(error, requestId);
      const { message } = error;
      sequence += 1;
      const told = JSON.stringify({ type: "error", ...errorMembers(error, requestId), sequence_number: sequence });
      const kind = error.status === 429 ? "rate_limit_exceeded" : "server_error";
      const failed = { status: '"failed"', error: JSON.stringify({ code: kind, message }) };
      return `event: error\ndata: ${told}\n\n${end("response.failed", failed)}`;
    },
  };
}

/** A whole response's own text, with the cost in its usage; one without usage gets the metered one. */
export function passResponse(
  text: string,
  _body: JsonObject,
  usage: Usage,
  context: ReplyContext,
  onReply: OnReply = () => {},
): string {
  const priced = pricedResponse(text, usage, context);
  onReply(priced);
  return priced;
}

function pricedResponse(response: string, usage: Usage, context: ReplyContext): string {
  const cost = context.costOf(usage);
  const strip = stripEdits(context.stripFields);
  return spliceJson(response, {
    ...strip.reply,
    ...previousOf(context)?.edits,
    usage: (own) =>
      own?.startsWith("{") === true
        ? spliceJson(own, { ...strip.usage, cost: formatUsd(cost) })
        : responsesUsageJson(usage, cost),
  });
}

/** The provider was told the conversation instead of the response that it goes on from; the client is told that one. */
function previousOf({ request }: ReplyContext): { readonly edits: { previous_response_id: string } } | null {
  const id = request["previous_response_id"];
  return typeof id === "string" ? { edits: { previous_response_id: JSON.stringify(id) } } : null;
}

function withResponse(type: string, data: string, change: (response: string) => string): string {
  const response = memberText(data, "response");
  const changed = response === null ? data : spliceJson(data, { response: change(response) });
  return `event: ${type}\ndata: ${changed}\n\n`;
}
