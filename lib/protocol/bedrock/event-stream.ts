import { EventStreamCodec } from "@smithy/eventstream-codec";
import type { FrameParser, SseFrame } from "../sse/sse-parser.ts";

/** One message at the most, bytes: AWS sends none larger than this (and security K29 wants a bound). */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Two lengths, a checksum of them, and one of the whole message. */
const MIN_MESSAGE_BYTES = 16;
/** A message begins with its length. */
const LENGTH_BYTES = 4;

/**
 * An incremental parser of application/vnd.amazon.eventstream
 * (docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html describes the encoding; read 2026-11-25): any cut of
 * the same bytes gives the same frames. A frame's name is its `:event-type`, or the type of the exception that it tells.
 */
export function createEventStreamParser(maxMessageBytes = MAX_MESSAGE_BYTES): FrameParser {
  const utf8 = new TextDecoder();
  const codec = new EventStreamCodec(
    (bytes) => (typeof bytes === "string" ? bytes : utf8.decode(bytes)),
    (text) => new TextEncoder().encode(text),
  );
  /** What has come of messages that are not whole, piece by piece: joined only once there is something to read. */
  let pieces: Uint8Array[] = [];
  let pendingBytes = 0;
  /** How much must be there before a message, or its length, can be read. */
  let neededBytes = LENGTH_BYTES;
  let unreadable = false;

  function drain(): SseFrame[] {
    const frames: SseFrame[] = [];
    const pending = joined();
    let start = 0;
    neededBytes = LENGTH_BYTES;
    while (pending.length - start >= LENGTH_BYTES) {
      const length = new DataView(pending.buffer, pending.byteOffset + start).getUint32(0);
      if (length < MIN_MESSAGE_BYTES || length > maxMessageBytes) return giveUp(frames);
      neededBytes = length;
      if (pending.length - start < length) break;
      try {
        frames.push(read(pending.subarray(start, start + length)));
      } catch {
        return giveUp(frames); // a checksum that is wrong: nothing after it can be trusted to be where it seems
      }
      start += length;
      neededBytes = LENGTH_BYTES;
    }
    keep(pending.subarray(start));
    return frames;
  }

  function joined(): Uint8Array {
    const [first] = pieces;
    if (first !== undefined && pieces.length === 1) return first;
    const whole = new Uint8Array(pendingBytes);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** The rest of what was read, as a copy: the piece that it lies in is not ours to keep. */
  function keep(rest: Uint8Array): void {
    pieces = rest.length === 0 ? [] : [rest.slice()];
    pendingBytes = rest.length;
  }

  function read(message: Uint8Array): SseFrame {
    const { headers, body } = codec.decode(message);
    const named = headers[":event-type"] ?? headers[":exception-type"] ?? headers[":error-code"];
    const data = utf8.decode(body);
    return { event: typeof named?.value === "string" ? named.value : "message", data, raw: data };
  }

  function giveUp(frames: SseFrame[]): SseFrame[] {
    unreadable = true;
    keep(new Uint8Array(0));
    return frames;
  }

  return {
    get overflowed() {
      return unreadable;
    },
    push(bytes) {
      if (unreadable) return [];
      pendingBytes += bytes.length;
      const whole = pendingBytes >= neededBytes;
      pieces.push(whole ? bytes : bytes.slice()); // what waits is ours; what is read at once need not be
      if (!whole) return [];
      return drain();
    },
    /** What was left is a message that was cut off: it says nothing. */
    end: () => [],
  };
}
