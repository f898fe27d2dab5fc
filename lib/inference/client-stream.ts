import type { ClientStream } from "../ports/client-stream.ts";
import { type Clock, firstOf } from "../ports/clock.ts";

/** A stream of one piece. */
export function streamOf(text: string): ClientStream {
  let bytes: Uint8Array | null = new TextEncoder().encode(text);
  return {
    next: () => {
      const piece = bytes;
      bytes = null;
      return Promise.resolve(piece);
    },
    leave: () => {},
  };
}

/** A comment, which every reader of server-sent events skips. */
const KEEP_ALIVE = ": keep-alive\n\n";

/**
 * A stream that began before its provider was known: keep-alives until `opened` brings the real one.
 * @param keepAlive what the client's format skips
 * @param opened never rejects: a failure is a stream of the protocol's error event
 */
export function patientStream(
  clock: Clock,
  opened: Promise<ClientStream>,
  keepAliveMs: number,
  leave: () => void,
  keepAlive: string = KEEP_ALIVE,
): ClientStream {
  const sign = new TextEncoder().encode(keepAlive);
  let source: ClientStream | null = null;
  return {
    async next() {
      source ??= await firstOf(clock, opened, keepAliveMs);
      return source === null ? sign : source.next();
    },
    leave() {
      if (source === null) leave();
      else source.leave();
    },
  };
}
