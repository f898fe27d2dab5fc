import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ClientStream } from "../../ports/client-stream.ts";

type Headers = Readonly<Record<string, string>>;

/** Sends a body in one piece. */
export function writeWhole(outgoing: ServerResponse, status: number, headers: Headers, body: string): void {
  outgoing.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  outgoing.end(body);
}

/**
 * Sends a stream piece by piece, no faster than the client reads it. A web stream between the two would cost more than
 * all the rest of a short stream. Never rejects.
 */
export async function writeStream(
  outgoing: ServerResponse,
  status: number,
  headers: Headers,
  stream: ClientStream,
): Promise<void> {
  outgoing.writeHead(status, headers);
  // The head travels with the first piece when that is there already, and does not wait for it when it is not.
  const flush = setImmediate(() => outgoing.flushHeaders());
  outgoing.once("close", () => stream.leave());
  for (let bytes = await stream.next(); bytes !== null; bytes = await stream.next()) {
    clearImmediate(flush);
    if (outgoing.destroyed) return;
    if (!outgoing.write(bytes)) await writable(outgoing);
  }
  clearImmediate(flush);
  outgoing.end();
}

/** Resolves when the client has read enough, or has left. */
async function writable(outgoing: ServerResponse): Promise<void> {
  const settled = new AbortController();
  try {
    const { signal } = settled;
    await Promise.race([once(outgoing, "drain", { signal }), once(outgoing, "close", { signal })]);
  } catch {
    // It broke; the next piece finds it destroyed.
  } finally {
    settled.abort();
  }
}
