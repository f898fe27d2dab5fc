import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { answerClientError } from "../../lib/platform/node/client-error.ts";
import { newRequestId } from "../_http/request-id.ts";

/** Of all headers together, the request line included. */
const MAX_HEADER_BYTES = 32 * 1024;
/** Longer than the minute for which load balancers keep a connection, so that it is theirs to close. */
const KEEP_ALIVE_MS = 65_000;

interface ServerOptions {
  /** How long a request may take to arrive. */
  readonly arrivalMs: number;
  /**
   * How long nothing may move on a connection while it is answered. A client that is gone without a word, or that reads no
   * more, is left then (F45, F46); a stream that waits for its provider moves by its keep-alives.
   */
  readonly idleMs: number;
}

/** Node's HTTP server around the app, with bounds on what a connection may cost. Not listening yet. */
export function createHttpServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { arrivalMs, idleMs }: ServerOptions,
): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: arrivalMs,
      headersTimeout: arrivalMs,
      connectionsCheckingInterval: Math.ceil(arrivalMs / 6),
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    getRequestListener(fetch),
  );
  server.timeout = idleMs;
  server.on("clientError", (error, socket) =>
    answerClientError(error, socket, MAX_HEADER_BYTES, () => newRequestId(Date.now())),
  );
  return server;
}
