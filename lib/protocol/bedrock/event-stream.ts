import { EventStreamCodec } from "@smithy/eventstream-codec";
import type { FrameParser, SseFrame } from "../sse/sse-parser.ts";

/** One message at the most, bytes: AWS sends none larger than this (and security K29 wants a bound). */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Two lengths, a checksum of them, and one of the whole message. */
const MIN_MESSAGE_BYTES = 16;

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
  let pending: Uint8Array = new Uint8Array(0);
  let unreadable = false;

  function drain(): SseFrame[] {
    const frames: SseFrame[] = [];
    let start = 0;
    while (pending.length - start >= 4) {
      const length = new DataView(pending.buffer, pending.byteOffset + start).getUint32(0);
      if (length < MIN_MESSAGE_BYTES || length > maxMessageBytes) return giveUp(frames);
      if (pending.length - start < length) break;
      try {
        frames.push(read(pending.subarray(start, start + length)));
      } catch {
        return giveUp(frames); // a checksum that is wrong: nothing after it can be trusted to be where it seems
      }
      start += length;
    }
    pending = pending.slice(start); // a copy: the piece that it lies in is not ours to keep
    return frames;
  }

  function read(message: Uint8Array): SseFrame {
    const { headers, body } = codec.decode(message);
    const named = headers[":event-type"] ?? headers[":exception-type"] ?? headers[":error-code"];
    const data = utf8.decode(body);
    return { event: typeof named?.value === "string" ? named.value : "message", data, raw: data };
  }

  function giveUp(frames: SseFrame[]): SseFrame[] {
    unreadable = true;
    pending = new Uint8Array(0);
    return frames;
  }

  return {
    get overflowed() {
      return unreadable;
    },
    push(bytes) {
      if (unreadable) return [];
      if (pending.length === 0) pending = bytes;
      else {
        const joined = new Uint8Array(pending.length + bytes.length);
        joined.set(pending);
        joined.set(bytes, pending.length);
        pending = joined;
      }
      return drain();
    },
    /** What was left is a message that was cut off: it says nothing. */
    end: () => [],
  };
}
