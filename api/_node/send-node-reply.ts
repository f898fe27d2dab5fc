import { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { writeStream, writeWhole } from "../../lib/platform/node/write-response.ts";
import { type SendReply, sendWebReply } from "../_http/send-reply.ts";

/** On Node: straight to the connection's own response object. */
export const sendNodeReply: SendReply = (reply, exchange) => {
  const outgoing = outgoingOf(exchange.bindings);
  if (outgoing === null) return sendWebReply(reply, exchange);
  const { status, headers, body } = reply;
  if (typeof body === "string") writeWhole(outgoing, status, headers, body);
  else exchange.ports.background(writeStream(outgoing, status, headers, body));
  return RESPONSE_ALREADY_SENT;
};

function outgoingOf(bindings: unknown): ServerResponse | null {
  const outgoing: unknown =
    typeof bindings === "object" && bindings !== null ? Reflect.get(bindings, "outgoing") : null;
  return outgoing instanceof ServerResponse ? outgoing : null;
}
