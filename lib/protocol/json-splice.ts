import { endOfString } from "./json-body.ts";

/** Where a member of an object stands in the JSON text it came from. */
interface MemberSpan {
  readonly key: string;
  /** The opening quote of the key. */
  readonly start: number;
  readonly valueStart: number;
  /** After the value's last character. */
  readonly valueEnd: number;
}

/** A member's new value as JSON text; null removes it, and of an absent member changes nothing. */
type NewValue = string | null;

/**
 * Byte-faithful edits of a valid JSON object: everything outside the edited member keeps its bytes, so that what a
 * provider caches by prefix stays the same prefix. Texts are those of objects that `JSON.parse` accepted.
 */
export interface JsonEdit {
  /** By member: its new value, or what makes it of the value's own text (null: there is no such member yet). */
  readonly [key: string]: NewValue | ((own: string | null) => NewValue);
}

/** Applies `edits` to the top-level members of `text`. Of a duplicate key all places are edited; an absent one is added. */
export function spliceJson(text: string, edits: JsonEdit): string {
  const members = membersOf(text);
  const missing = new Set(Object.keys(edits));
  let result = "";
  let from = 0;
  let kept = members.length;
  let keptBefore = 0;
  for (let index = 0; index < members.length; index++) {
    const member = members[index];
    if (member === undefined) continue;
    if (!Object.hasOwn(edits, member.key)) {
      keptBefore += 1;
      continue;
    }
    missing.delete(member.key);
    const value = newValue(edits[member.key], text.slice(member.valueStart, member.valueEnd));
    if (value !== null) {
      result += text.slice(from, member.valueStart) + value;
      from = member.valueEnd;
      keptBefore += 1;
      continue;
    }
    kept -= 1;
    // Removed together with the comma before it, or, where nothing is left before it, the one after it.
    const previous = keptBefore > 0 ? members[index - 1] : undefined;
    const removeFrom = previous === undefined ? member.start : previous.valueEnd;
    const removeTo = previous === undefined ? (members[index + 1]?.start ?? member.valueEnd) : member.valueEnd;
    result += text.slice(from, Math.max(from, removeFrom));
    from = Math.max(from, removeTo);
  }
  let added = "";
  for (const key of missing) {
    const value = newValue(edits[key], null);
    if (value !== null) added += `${kept > 0 || added !== "" ? "," : ""}${JSON.stringify(key)}:${value}`;
  }
  if (added === "") return result + text.slice(from);
  const close = text.lastIndexOf("}");
  return result + text.slice(from, close) + added + text.slice(close);
}

function newValue(edit: JsonEdit[string] | undefined, own: string | null): NewValue {
  return typeof edit === "function" ? edit(own) : (edit ?? null);
}

/** The text of a top-level member's value (the last one's, when the key is repeated), or null. */
export function memberText(text: string, key: string): string | null {
  const member = membersOf(text).findLast((candidate) => candidate.key === key);
  return member === undefined ? null : text.slice(member.valueStart, member.valueEnd);
}

/** The members of the object that `text` is, in order. */
function membersOf(text: string): MemberSpan[] {
  const members: MemberSpan[] = [];
  let index = skipSpace(text, text.indexOf("{") + 1);
  while (text.charCodeAt(index) === QUOTE) {
    const start = index;
    const keyEnd = endOfString(text, start);
    const valueStart = skipSpace(text, text.indexOf(":", keyEnd + 1) + 1);
    const valueEnd = endOfValue(text, valueStart);
    members.push({ key: keyOf(text.slice(start, keyEnd + 1)), start, valueStart, valueEnd });
    index = skipSpace(text, valueEnd);
    if (text.charCodeAt(index) !== COMMA) break;
    index = skipSpace(text, index + 1);
  }
  return members;
}

function keyOf(quoted: string): string {
  return quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

function skipSpace(text: string, from: number): number {
  let index = from;
  while (text.charCodeAt(index) <= SPACE) index += 1;
  return index;
}

const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** The index after the value that starts at `start`. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start) + 1;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfScalar(text, start);
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return text.length;
}

/** A number, true, false or null ends at a comma, a bracket or a space. */
function endOfScalar(text: string, start: number): number {
  let index = start;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= SPACE) break;
  }
  return index;
}
