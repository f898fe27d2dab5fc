import { endOfString } from "../json-body.ts";

/** Members whose string values differ from one plain chunk to the next; the second is OpenAI's padding against eavesdroppers. */
const HOLES = ['"content":', '"obfuscation":'];

/**
 * The chunks of a stream that only bring a piece of text differ in that text alone. Once one has been parsed, the next is
 * recognised by what surrounds the text, which costs a comparison instead of a JSON parser.
 */
export class PlainDelta {
  /** What stands before the first hole, and what stands after each. */
  readonly #head: string;
  readonly #rest: readonly string[];

  private constructor(head: string, rest: readonly string[]) {
    this.#head = head;
    this.#rest = rest;
  }

  /** The shape of `data`, or null when it is not one that can be told by its surroundings. */
  static of(data: string): PlainDelta | null {
    const parts: string[] = [];
    let from = 0;
    for (const [order, key] of HOLES.entries()) {
      const at = data.indexOf(key);
      // Quotes within strings are escaped, so this can only be a member's name; twice, it could be another object's.
      if (at < 0 && order > 0) continue;
      if (at < from || data.indexOf(key, at + 1) >= 0) return null;
      let quote = at + key.length;
      while (data.charCodeAt(quote) <= SPACE) quote += 1;
      if (data.charCodeAt(quote) !== QUOTE) return null;
      parts.push(data.slice(from, quote + 1));
      from = endOfString(data, quote);
    }
    const [head = "", ...rest] = [...parts, data.slice(from)];
    return new PlainDelta(head, rest);
  }

  /** The text that a chunk of this shape brings; null for any other chunk, and for text that JSON has to escape. */
  textOf(data: string): string | null {
    // A slice and a comparison of whole strings: engines do that word by word, `startsWith` letter by letter.
    if (data.slice(0, this.#head.length) !== this.#head) return null;
    const last = this.#rest.length - 1;
    let text: string | null = null;
    let at = this.#head.length;
    for (let hole = 0; hole <= last; hole++) {
      const part = this.#rest[hole] ?? "";
      const end = endOfPlainText(data, at);
      if (end < 0) return null;
      text ??= data.slice(at, end);
      at = end + part.length;
      if (data.slice(end, hole === last ? data.length : at) !== part) return null;
    }
    return text;
  }
}

/** The index of the quote that ends a string without escapes, or -1. */
function endOfPlainText(data: string, start: number): number {
  for (let index = start; index < data.length; index++) {
    const code = data.charCodeAt(index);
    if (code === QUOTE) return index;
    if (code === BACKSLASH || code < SPACE) return -1;
  }
  return -1;
}

const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;
