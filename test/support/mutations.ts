import fc from "fast-check";
import { isJsonObject, type JsonValue } from "../../lib/protocol/json.ts";

/** Names that every object has from its prototype, and that a careless look-up finds. */
const INHERITED = ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", "length"];

/** An object that neither `String` nor `Number` can read: both throw. */
const NO_PRIMITIVE: JsonValue = JSON.parse('{"toString":1,"valueOf":1}');

/** Any JSON at all, its objects' keys drawn from `keys` as often as not. */
export function jsonOf(keys: readonly string[]): fc.Arbitrary<JsonValue> {
  const key = fc.oneof(fc.constantFrom(...keys, ...INHERITED), fc.string({ maxLength: 6 }));
  const leaf = fc.oneof(
    fc.constantFrom<JsonValue>(null, true, false, 0, -1, 1.5, 1e308, -1e18, "", "[DONE]", "{", "stop", "constructor"),
    fc.string({ unit: "grapheme", maxLength: 20 }),
    fc.constant<JsonValue>(NO_PRIMITIVE),
    fc.constantFrom(...keys),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.array(tie("tree"), { maxLength: 4 }),
      // Parsed, so that `__proto__` is a key like any other, as it is in a body.
      fc.array(fc.tuple(key, tie("tree")), { maxLength: 6 }).map(objectOf),
    ),
  }));
  return tree;
}

function objectOf(entries: readonly (readonly [string, JsonValue])[]): JsonValue {
  return JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`);
}

/** One change of a JSON value: what stands at a place is replaced, removed or doubled. */
export interface Mutation {
  readonly place: number;
  readonly kind: "replace" | "remove" | "double";
  readonly value: JsonValue;
}

export function mutationsOf(keys: readonly string[]): fc.Arbitrary<readonly Mutation[]> {
  const mutation = fc.record({
    place: fc.nat(),
    kind: fc.constantFrom("replace", "remove", "double"),
    value: jsonOf(keys),
  });
  return fc.array(mutation, { maxLength: 3 });
}

export function mutate(value: JsonValue, mutations: readonly Mutation[]): JsonValue {
  return mutations.reduce(
    (current, mutation) => change(current, mutation, { left: mutation.place % countNodes(current) }),
    value,
  );
}

function countNodes(value: JsonValue): number {
  if (Array.isArray(value)) return value.reduce((sum: number, member: JsonValue) => sum + countNodes(member), 1);
  if (!isJsonObject(value)) return 1;
  return Object.values(value).reduce<number>((sum, member) => sum + countNodes(member ?? null), 1);
}

/** Walks to the node that is `left` steps away and changes it. */
function change(value: JsonValue, mutation: Mutation, step: { left: number }): JsonValue {
  if (step.left === 0) {
    step.left = -1;
    return mutation.value;
  }
  step.left -= 1;
  if (Array.isArray(value)) {
    return value.flatMap((member: JsonValue): JsonValue[] => {
      const isNext = step.left === 0;
      const changed = step.left < 0 ? member : change(member, mutation, step);
      if (!isNext || mutation.kind === "replace") return [changed];
      return mutation.kind === "remove" ? [] : [member, member];
    });
  }
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).flatMap(([key, member = null]): (readonly [string, JsonValue])[] => {
    const isNext = step.left === 0;
    const changed = step.left < 0 ? member : change(member, mutation, step);
    return isNext && mutation.kind === "remove" ? [] : [[key, changed]];
  });
  return objectOf(entries);
}
