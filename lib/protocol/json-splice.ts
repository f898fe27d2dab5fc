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

/**
 * Byte-faithful edits of a valid JSON object: everything outside the edited member keeps its bytes, so that what a
 * provider caches by prefix stays the same prefix. Texts are those of objects that `JSON.parse` accepted.
 */
export interface JsonEdit {
  /** Member -> its new value as JSON text; null removes it. An absent member is added at the end. */
  readonly [key: string]: string | null;
}

/** Applies `edits` to the top-level members of `text`. Of a duplicate key all places are edited. */
export function spliceJson(text: string, edits: JsonEdit): string {
  const members = membersOf(text);
  let result = "";
  let from = 0;
  const missing = new Set(Object.keys(edits));
  for (const [index, member] of members.entries()) {
    const edit = Object.hasOwn(edits, member.key) ? edits[member.key] : undefined;
    if (edit === undefined) continue;
    missing.delete(member.key);
    if (edit !== null) {
      result += text.slice(from, member.valueStart) + edit;
      from = member.valueEnd;
      continue;
    }
    // Removed together with the comma before it, or, being the first, the one after it.
    const previous = members[index - 1];
    const next = members[index + 1];
    const removeFrom = previous === undefined ? member.start : previous.valueEnd;
    const removeTo = previous === undefined && next !== undefined ? next.start : member.valueEnd;
    result += text.slice(from, Math.max(from, removeFrom));
    from = Math.max(from, removeTo);
  }
  const added = [...missing].flatMap((key) => {
    const value = edits[key];
    return value === null || value === undefined ? [] : [`${JSON.stringify(key)}:${value}`];
  });
  if (added.length === 0) return result + text.slice(from);
  const close = text.lastIndexOf("}");
  const isEmpty = !members.some(({ key }) => edits[key] !== null || !Object.hasOwn(edits, key));
  return `${result}${text.slice(from, close)}${isEmpty ? "" : ","}${added.join(",")}${text.slice(close)}`;
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
  while (text[index] === '"') {
    const start = index;
    const keyEnd = endOfString(text, start);
    const valueStart = skipSpace(text, text.indexOf(":", keyEnd + 1) + 1);
    const valueEnd = endOfValue(text, valueStart);
    members.push({ key: keyOf(text.slice(start, keyEnd + 1)), start, valueStart, valueEnd });
    index = skipSpace(text, valueEnd);
    if (text[index] !== ",") break;
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

/** The index after the value that starts at `start`. */
function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start) + 1;
  if (first !== "{" && first !== "[") {
    let index = start;
    while (index < text.length && !",]} \t\r\n".includes(text.charAt(index))) index += 1;
    return index;
  }
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (character === '"') index = endOfString(text, index);
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return text.length;
}
