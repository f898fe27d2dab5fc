import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { answerClientError } from "../../lib/platform/node/client-error.ts";
import { newRequestId } from "../_http/request-id.ts";

/** Of all headers together, the request line included. */
const MAX_HEADER_BYTES = 32 * 1024;
/** Longer than the minute for which load balancers keep a connection, so that it is theirs to close. */
const KEEP_ALIVE_MS = 65_000;

interface ServerOptions {
  /** How long a request's head may take to arrive. Bodies of JSON have a time of their own. */
  readonly arrivalMs: number;
  /** How long a whole request may take to arrive: long enough for an upload over a slow line. */
  readonly uploadMs: number;
  /**
   * How long nothing may move on a connection while it is answered. A client that is gone without a word, or that reads no
   * more, is left then (F45, F46); a stream that waits for its provider moves by its keep-alives.
   */
  readonly idleMs: number;
}

/** Node's HTTP server around the app, with bounds on what a connection may cost. Not listening yet. */
export function createHttpServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { arrivalMs, uploadMs, idleMs }: ServerOptions,
): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: uploadMs,
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
