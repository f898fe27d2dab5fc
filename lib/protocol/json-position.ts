const NUMBER_OR_WORD = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const ESCAPES = '"\\/bfnrt';
const FOUR_HEX_DIGITS = /^[0-9a-fA-F]{4}$/;
const FIRST_PRINTABLE = 0x20;

type Expecting = "value" | "value-or-end" | "key" | "key-or-end" | "comma-or-end";

/**
 * Where a text that `JSON.parse` has refused stops being JSON (RFC 8259), in UTF-16 units. Engines tell it only at times,
 * and each in its own words. Walks the text once, without recursion or backtracking.
 */
export function jsonErrorPosition(text: string): number {
  const open: ("}" | "]")[] = [];
  let expecting: Expecting = "value";
  let index = 0;
  for (;;) {
    index = skipSpace(text, index);
    const character = text.charAt(index);
    const closing = open.at(-1);
    if (character !== "" && character === closing && expecting !== "value" && expecting !== "key") {
      open.pop();
      index += 1;
      expecting = "comma-or-end";
    } else if (expecting === "comma-or-end") {
      if (character !== "," || closing === undefined) return index;
      index += 1;
      expecting = closing === "}" ? "key" : "value";
    } else if (expecting === "key" || expecting === "key-or-end") {
      const end = character === '"' ? skipString(text, index) : null;
      if (end === null) return index;
      index = skipSpace(text, end);
      if (text.charAt(index) !== ":") return index;
      index += 1;
      expecting = "value";
    } else if (character === "{" || character === "[") {
      open.push(character === "{" ? "}" : "]");
      index += 1;
      expecting = character === "{" ? "key-or-end" : "value-or-end";
    } else {
      const end = character === '"' ? skipString(text, index) : skipNumberOrWord(text, index);
      if (end === null) return index;
      index = end;
      expecting = "comma-or-end";
    }
  }
}

function skipSpace(text: string, start: number): number {
  let index = start;
  while (index < text.length && " \t\n\r".includes(text.charAt(index))) index += 1;
  return index;
}

/** The index after the string that opens at `start`, or null when it is not a well-formed one. */
function skipString(text: string, start: number): number | null {
  for (let index = start + 1; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === '"') return index + 1;
    if (text.charCodeAt(index) < FIRST_PRINTABLE) return null;
    if (character !== "\\") continue;
    index += 1;
    if (text.charAt(index) === "u") {
      if (!FOUR_HEX_DIGITS.test(text.slice(index + 1, index + 5))) return null;
      index += 4;
    } else if (index >= text.length || !ESCAPES.includes(text.charAt(index))) return null;
  }
  return null;
}

function skipNumberOrWord(text: string, start: number): number | null {
  NUMBER_OR_WORD.lastIndex = start;
  return NUMBER_OR_WORD.test(text) ? NUMBER_OR_WORD.lastIndex : null;
}
