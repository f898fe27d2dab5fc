import type { Duplex } from "node:stream";
import { openAiErrorBody } from "../../errors/error-bodies.ts";
import { GatewayError } from "../../errors/gateway-error.ts";

/** What Node's parser and its timers say (nodejs.org/api/http.html#event-clienterror, read 2026-11-23). */
const STALLED = "ERR_HTTP_REQUEST_TIMEOUT";
const HEADERS_TOO_LARGE = "HPE_HEADER_OVERFLOW";
/** For so long what a refused client still sends is read and dropped: a connection closed on unread bytes loses the answer. */
const LINGER_MS = 1_000;

/**
 * Answers what is not HTTP, or stopped being it: no route ever sees such a request, and the connection cannot be used
 * again. Two lengths, a length and chunks, a body shorter than its length (B37, B38); one that stalls (B39); headers, or a
 * URL, past what is read of them (B97).
 */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  maxHeaderBytes: number,
  newRequestId: () => string,
): void {
  // Answered already: what comes now is the rest of what was refused.
  if (socket.writableEnded) return;
  // Nobody is left to answer, or an answer is already on its way.
  if (!socket.writable || error.code === "ECONNRESET" || hasAnswered(socket)) {
    socket.destroy(error);
    return;
  }
  const [statusLine, refusal] = answerTo(error.code, maxHeaderBytes);
  const requestId = newRequestId();
  const text = JSON.stringify(openAiErrorBody(refusal, requestId));
  const head = [
    `HTTP/1.1 ${statusLine}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`);
  socket.resume();
  const given = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("end", () => socket.destroy());
  socket.once("close", () => clearTimeout(given));
}

function answerTo(code: string | undefined, maxHeaderBytes: number): readonly [string, GatewayError] {
  if (code === STALLED) {
    return ["408 Request Timeout", new GatewayError("request_timeout", "The request did not arrive in time.")];
  }
  if (code === HEADERS_TOO_LARGE) {
    const message = `The URL and the headers are longer than ${maxHeaderBytes} bytes together.`;
    return ["431 Request Header Fields Too Large", new GatewayError("headers_too_large", message)];
  }
  return ["400 Bad Request", new GatewayError("invalid_request", "The request is not well-formed HTTP.")];
}

/** Node keeps the response that a socket is at work on under a name of its own. */
function hasAnswered(socket: Duplex): boolean {
  const message: unknown = Reflect.get(socket, "_httpMessage");
  return typeof message === "object" && message !== null && Reflect.get(message, "headersSent") === true;
}
