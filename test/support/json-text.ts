import fc from "fast-check";

/** JSON as text, in any of the ways in which a client may write it: blanks, escapes, notations, repeated keys. */

const blank = fc.stringMatching(/^[ \t\n\r]{0,3}$/);

/** A string's text: its characters as they are, escaped by need, or by habit. */
export function stringText(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(value, fc.constantFrom("plain", "ascii", "slashes")).map(([text, way]) => {
    const plain = JSON.stringify(text);
    if (way === "slashes") return plain.replaceAll("/", "\\/");
    if (way === "plain") return plain;
    return plain.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
  });
}

const words = fc.string({ unit: "grapheme", maxLength: 12 });
/** Nobody's field of any format, and not a name that an object's prototype has. */
const foreignKey = words.map((text) => `x_${text}`);
const scalar = fc.oneof(
  stringText(words),
  fc.constantFrom("true", "false", "null", "0", "-0", "1.0", "1e3", "2E-2", "12345678901234567890.10", "0.1000"),
  fc.integer().map(String),
);

/** Any value, nested a little. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, tie("array"), tie("object")),
  array: fc
    .tuple(fc.array(tie("value"), { maxLength: 3 }), blank)
    .map(([items, space]) => `[${space}${items.join(`${space},`)}]`),
  object: fc
    .array(fc.tuple(stringText(foreignKey), tie("value"), blank), { maxLength: 3 })
    .map((members) => `{${members.map(([key, value, space]) => `${space}${key}${space}:${value}`).join(",")}}`),
})).value;

/** One member of an object, with its blanks where they stood. */
export interface MemberText {
  readonly before: string;
  /** In quotes, as written. */
  readonly key: string;
  readonly colon: string;
  readonly value: string;
  readonly after: string;
}

/** A member of this name, written in any way. */
export function memberText(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<MemberText> {
  const escaped = `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${JSON.stringify(name).slice(2)}`;
  return fc.record({
    before: blank,
    key: fc.oneof({ weight: 9, arbitrary: fc.constant(JSON.stringify(name)) }, fc.constant(escaped)),
    colon: fc.tuple(blank, blank).map(([left, right]) => `${left}:${right}`),
    value,
    after: blank,
  });
}

/** Members that belong to no format; now and then the same one twice. */
export const foreignMembers: fc.Arbitrary<readonly MemberText[]> = fc
  .array(
    foreignKey.chain((name) => memberText(name, jsonText)),
    { maxLength: 5 },
  )
  .map((members) => (members.length > 3 ? [...members, ...members.slice(0, 1)] : members));

export function objectText(members: readonly MemberText[]): string {
  return `{${members.map(({ before, key, colon, value, after }) => before + key + colon + value + after).join(",")}}`;
}
