/** One server-sent event (WHATWG HTML, section 9.2.6): its name, its joined data, and its text as it came. */
export interface SseFrame {
  /** The `event:` field, or "message". */
  readonly event: string;
  /** The `data:` lines joined by a line feed; null for a frame of comments only. */
  readonly data: string | null;
  /** The frame as received, its blank line included: what a passthrough sends on. */
  readonly raw: string;
}

/** Cuts a stream's bytes into frames: server-sent events, or a provider's own framing. */
export interface FrameParser {
  /** The frames that `bytes` complete. Never throws, whatever the bytes. */
  push(bytes: Uint8Array): SseFrame[];
  /** After the last bytes: what was left without its end, as a frame if it says anything. */
  end(): SseFrame[];
  /** True once the stream is not readable any more, as when an event grew past the cap: nothing further is kept. */
  readonly overflowed: boolean;
}

/** One event at the most, UTF-16 units (security K29). */
const MAX_EVENT_CHARACTERS = 1024 * 1024;

/** An incremental parser: any cut of the same bytes gives the same frames. Lines end in LF, CRLF or CR. */
export function createSseParser(maxEventCharacters = MAX_EVENT_CHARACTERS): FrameParser {
  // Drops a byte order mark at the start and keeps a character that was cut in two.
  const decoder = new TextDecoder();
  let pending = "";
  /** Where the search for a blank line goes on: what is before it was searched already. */
  let searchFrom = 0;
  let overflowed = false;

  function drain(text: string): SseFrame[] {
    const frames: SseFrame[] = [];
    // Looked for once: most streams have none, and then a blank line is two line feeds.
    const endOfFrame = text.includes("\r") ? endOfMixedFrame : endOfPlainFrame;
    let start = 0;
    for (;;) {
      const end = endOfFrame(text, start, Math.max(start, searchFrom));
      if (end < 0) break;
      const frame = readFrame(text.slice(start, end));
      if (frame !== null) frames.push(frame);
      start = end;
    }
    pending = start === 0 ? text : text.slice(start);
    // A line end may be cut in two: the last three characters are looked at again.
    searchFrom = Math.max(0, pending.length - 3);
    if (pending.length > maxEventCharacters) {
      overflowed = true;
      pending = "";
    }
    return frames;
  }

  return {
    get overflowed() {
      return overflowed;
    },
    push(bytes) {
      if (overflowed) return [];
      const text = decoder.decode(bytes, { stream: true });
      return drain(pending === "" ? text : pending + text);
    },
    end() {
      if (overflowed) return [];
      const rest = pending + decoder.decode();
      pending = "";
      const frame = readFrame(rest);
      return frame === null ? [] : [{ ...frame, raw: `${rest.replace(/[\r\n]+$/, "")}\n\n` }];
    },
  };
}

/** The index after the blank line that ends the frame at `start`, or -1 while that has not come. */
function endOfPlainFrame(text: string, start: number, searchFrom: number): number {
  const lineFeeds = text.indexOf("\n\n", Math.max(start, searchFrom - 1));
  return lineFeeds < 0 ? -1 : lineFeeds + 2;
}

/** The same for text with carriage returns in it, line by line. */
function endOfMixedFrame(text: string, start: number): number {
  for (let lineStart = start; lineStart < text.length; ) {
    const lineEnd = endOfLine(text, lineStart);
    if (lineEnd === null) return -1;
    const isBlank = lineEnd.contentEnd === lineStart;
    if (isBlank) return lineEnd.next;
    lineStart = lineEnd.next;
  }
  return -1;
}

/** Null while the line, or the second half of its CRLF, has not come. */
function endOfLine(text: string, start: number): { readonly contentEnd: number; readonly next: number } | null {
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === LINE_FEED) return { contentEnd: index, next: index + 1 };
    if (code !== CARRIAGE_RETURN) continue;
    if (index + 1 === text.length) return null;
    return { contentEnd: index, next: text.charCodeAt(index + 1) === LINE_FEED ? index + 2 : index + 1 };
  }
  return null;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Null for a frame that holds nothing at all: a blank line too many. */
function readFrame(raw: string): SseFrame | null {
  // Nearly every frame is one data line: no splitting for those.
  if (raw.startsWith("data: ") && raw.indexOf("\n") === raw.length - 2 && raw.indexOf("\r") < 0) {
    return { event: "message", data: raw.slice(6, -2), raw };
  }
  let event = "message";
  let data: string | null = null;
  let said = false;
  for (const line of raw.split(/\r\n|\n|\r/)) {
    if (line === "") continue;
    said = true;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1);
    if (field === "data") data = data === null ? value : `${data}\n${value}`;
    else if (field === "event") event = value === "" ? "message" : value;
  }
  return said ? { event, data, raw } : null;
}

const SPACE = 32;
