import type { Duplex } from "node:stream";
import { openAiErrorBody } from "../../errors/error-bodies.ts";
import { GatewayError } from "../../errors/gateway-error.ts";

/** What Node's parser and its timers say (nodejs.org/api/http.html#event-clienterror, read 2026-11-23). */
const STALLED = "ERR_HTTP_REQUEST_TIMEOUT";
const HEADERS_TOO_LARGE = "HPE_HEADER_OVERFLOW";

/**
 * Answers what is not HTTP, or stopped being it: no route ever sees such a request, and the connection cannot be used
 * again. Two lengths, a length and chunks, a body shorter than its length (B37, B38); one that stalls (B39).
 */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  newRequestId: () => string,
): void {
  // Nobody is left to answer, or an answer is already on its way.
  if (!socket.writable || error.code === "ECONNRESET" || hasAnswered(socket)) {
    socket.destroy(error);
    return;
  }
  const [statusLine, body] = answerTo(error.code);
  const requestId = newRequestId();
  const text = body === null ? "" : JSON.stringify(openAiErrorBody(body, requestId));
  const head = [
    `HTTP/1.1 ${statusLine}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`, () => socket.destroy());
}

function answerTo(code: string | undefined): readonly [string, GatewayError | null] {
  if (code === STALLED) {
    return ["408 Request Timeout", new GatewayError("request_timeout", "The request did not arrive in time.")];
  }
  if (code === HEADERS_TOO_LARGE) return ["431 Request Header Fields Too Large", null];
  return ["400 Bad Request", new GatewayError("invalid_request", "The request is not well-formed HTTP.")];
}

/** Node keeps the response that a socket is at work on under a name of its own. */
function hasAnswered(socket: Duplex): boolean {
  const message: unknown = Reflect.get(socket, "_httpMessage");
  return typeof message === "object" && message !== null && Reflect.get(message, "headersSent") === true;
}
