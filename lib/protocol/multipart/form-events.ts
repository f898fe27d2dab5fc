import { GatewayError } from "../../errors/gateway-error.ts";
import { type PartHead, parsePartHead } from "./part-head.ts";

export type FormEvent =
  | { readonly kind: "field"; readonly head: PartHead; readonly value: Uint8Array }
  | { readonly kind: "file"; readonly head: PartHead }
  /** More of the file that was begun last. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const MAX_PARTS = 100;
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_FIELD_BYTES = 1024 * 1024;
/** RFC 2046, section 5.1.1. */
const BOUNDARY = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i;

const CR = 13;
const DASH = 45;
const CRLF = Uint8Array.of(13, 10);
const END_OF_HEAD = Uint8Array.of(13, 10, 13, 10);

/**
 * The parts of a form as they arrive (RFC 7578; docs/decisions/0015). What is wrong with it is thrown where it is met.
 * @throws GatewayError `invalid_multipart` (B84), and what `bytes` throws
 */
export async function* readFormEvents(
  bytes: AsyncIterable<Uint8Array>,
  contentType: string,
): AsyncGenerator<FormEvent> {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw invalid("Content-Type names no boundary.");
  const parser = new FormParser(boundary);
  for await (const piece of bytes) yield* parser.push(piece);
  if (!parser.done) throw invalid("The form ends before its closing boundary.");
}

function invalid(message: string): GatewayError {
  return new GatewayError("invalid_multipart", message);
}

/** Any cut of the same bytes gives the same parts; bytes of a file are given as soon as they cannot be a boundary's. */
class FormParser {
  readonly #delimiter: Uint8Array;
  #state: "before" | "boundary" | "head" | "body" | "after" = "before";
  /** What was not decided on yet. A form may begin with its boundary, which elsewhere stands on a line of its own. */
  #rest: Uint8Array = CRLF;
  #parts = 0;
  /** The part that is being read. */
  #head: PartHead | null = null;
  #value: Uint8Array[] = [];
  #valueBytes = 0;

  constructor(boundary: string) {
    this.#delimiter = new TextEncoder().encode(`\r\n--${boundary}`);
  }

  /** True once the closing boundary has come: what follows it means nothing. */
  get done(): boolean {
    return this.#state === "after";
  }

  /** @throws GatewayError `invalid_multipart` */
  push(bytes: Uint8Array): readonly FormEvent[] {
    const events: FormEvent[] = [];
    if (this.#state === "after") return events;
    this.#rest = joined([this.#rest, bytes]);
    while (this.#step(events));
    return events;
  }

  /** False when more must arrive first. */
  #step(events: FormEvent[]): boolean {
    switch (this.#state) {
      case "before":
      case "body":
        return this.#readBody(events);
      case "boundary":
        return this.#readBoundary();
      case "head":
        return this.#readHead(events);
      case "after":
        return false;
    }
  }

  #readBody(events: FormEvent[]): boolean {
    const at = indexOf(this.#rest, this.#delimiter);
    // The last bytes may be the first of a boundary.
    const certain = at >= 0 ? at : startOfPartial(this.#rest, this.#delimiter);
    if (this.#state === "body") this.#take(this.#rest.subarray(0, certain), events);
    if (at < 0) {
      this.#rest = this.#rest.slice(certain);
      return false;
    }
    this.#endPart(events);
    this.#rest = this.#rest.slice(at + this.#delimiter.byteLength);
    this.#state = "boundary";
    return true;
  }

  #readBoundary(): boolean {
    if (this.#rest.byteLength < CRLF.byteLength) return false;
    if (this.#rest[0] === DASH && this.#rest[1] === DASH) {
      this.#state = "after";
      this.#rest = new Uint8Array();
      return false;
    }
    const end = indexOf(this.#rest, CRLF);
    if (end < 0 && this.#rest.byteLength < MAX_HEAD_BYTES) return false;
    // Blanks may follow a boundary on its line, nothing else.
    if (end < 0 || this.#rest.subarray(0, end).some((byte) => byte !== 32 && byte !== 9)) {
      throw invalid("A boundary is not on a line of its own.");
    }
    // The line's end stays: a head without lines is one of its ends right after it.
    this.#rest = this.#rest.slice(end);
    this.#state = "head";
    return true;
  }

  #readHead(events: FormEvent[]): boolean {
    const end = indexOf(this.#rest, END_OF_HEAD);
    if (end > MAX_HEAD_BYTES || (end < 0 && this.#rest.byteLength > MAX_HEAD_BYTES)) {
      throw invalid(`A part's head may have at most ${MAX_HEAD_BYTES} bytes.`);
    }
    if (end < 0) return false;
    const head = parsePartHead(new TextDecoder().decode(this.#rest.subarray(0, end)));
    if (head === null) throw invalid("A part names no field in its Content-Disposition.");
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) throw invalid(`A form may have at most ${MAX_PARTS} parts.`);
    if (head.filename !== null) events.push({ kind: "file", head });
    this.#head = head;
    this.#rest = this.#rest.slice(end + END_OF_HEAD.byteLength);
    this.#state = "body";
    return true;
  }

  #take(bytes: Uint8Array, events: FormEvent[]): void {
    if (bytes.byteLength === 0) return;
    if (this.#head?.filename !== null) {
      events.push({ kind: "bytes", bytes });
      return;
    }
    this.#value.push(bytes);
    this.#valueBytes += bytes.byteLength;
    if (this.#valueBytes > MAX_FIELD_BYTES) throw invalid(`A field may have at most ${MAX_FIELD_BYTES} bytes.`);
  }

  #endPart(events: FormEvent[]): void {
    const head = this.#head;
    if (head !== null && head.filename === null) events.push({ kind: "field", head, value: joined(this.#value) });
    this.#head = null;
    this.#value = [];
    this.#valueBytes = 0;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}

/** Where `wanted`, which begins with a carriage return, first stands; -1: nowhere. */
function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (at + wanted.byteLength > bytes.byteLength) return -1;
    if (startsWith(bytes, at, wanted, wanted.byteLength)) return at;
  }
  return -1;
}

/** Where the last bytes begin that may go on to be `wanted`; the end, where none do. */
function startOfPartial(bytes: Uint8Array, wanted: Uint8Array): number {
  const from = Math.max(0, bytes.byteLength - wanted.byteLength + 1);
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1)) {
    if (startsWith(bytes, at, wanted, bytes.byteLength - at)) return at;
  }
  return bytes.byteLength;
}

function startsWith(bytes: Uint8Array, at: number, wanted: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}
