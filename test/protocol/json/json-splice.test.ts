import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJsonBody } from "../../../lib/protocol/json-body.ts";
import { memberText, spliceJson } from "../../../lib/protocol/json-splice.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const key = fc
  .oneof(fc.constantFrom("model", "usage", "a", 'q"uote', "ключ"), fc.string({ maxLength: 5 }))
  .filter((name) => name !== "__proto__");
const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
const spacing = fc.constantFrom(undefined, 1, "\t");

describe("JSON edits that leave the rest alone", () => {
  test("after an edit the text parses to the edited object", () => {
    fc.assert(
      fc.property(
        object,
        spacing,
        fc.dictionary(key, fc.option(fc.jsonValue({ maxDepth: 2 })), { maxKeys: 3 }),
        (before, space, edits) => {
          const text = JSON.stringify(before, null, space);
          const expected: Record<string, unknown> = { ...JSON.parse(text) };
          const texts: Record<string, string | null> = {};
          for (const [name, value] of Object.entries(edits)) {
            texts[name] = value === null ? null : JSON.stringify(value);
            if (value === null) delete expected[name];
            else expected[name] = JSON.parse(JSON.stringify(value));
          }
          expect(JSON.parse(spliceJson(text, texts))).toEqual(expected);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("bytes outside the edited member stay as they were", () => {
    const text =
      '{ "model" : "a/b",\n\t"temperature": 1.0, "big":12345678901234567890,"nested":{"model":"inner"} , "x":[ 1,2 ] }';
    expect(spliceJson(text, { model: '"b"' })).toBe(text.replace('"a/b"', '"b"'));
    expect(spliceJson(text, { temperature: null })).toBe(text.replace(',\n\t"temperature": 1.0', ""));
    expect(spliceJson(text, { model: null })).toBe(text.replace('"model" : "a/b",\n\t', ""));
    expect(memberText(text, "nested")).toBe('{"model":"inner"}');
  });

  test("the first members go together", () => {
    expect(spliceJson('{"a":1, "b":2, "c":3}', { a: null, b: null })).toBe('{"c":3}');
    expect(spliceJson('{"a":1, "b":2}', { a: null, b: null })).toBe("{}");
    expect(spliceJson('{"a":1, "b":2, "c":3}', { b: null, c: null })).toBe('{"a":1}');
  });

  test("B33 of a duplicate key the provider sees what the validator saw", () => {
    const text = '{"model":"a","messages":[],"model":"b"}';
    expect(parseJsonBody(text)["model"]).toBe("b");
    expect(JSON.parse(spliceJson(text, { model: '"native"' }))).toEqual({ model: "native", messages: [] });
    expect(spliceJson(text, { model: '"native"' })).not.toContain('"a"');
  });
});

describe("request bodies", () => {
  const codeOf = (text: string) => {
    try {
      parseJsonBody(text);
      return "accepted";
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    }
  };

  test("B29 a broken body is refused with the position", () => {
    expect(codeOf("{")).toBe("invalid_json");
    expect(() => parseJsonBody('{"a" 1}')).toThrow(/position 5/);
    expect(codeOf('{"a": NaN}')).toBe("invalid_json");
  });

  test.each(["[]", '"x"', "null", "1"])("B30 %s is not an object", (text) => {
    expect(codeOf(text)).toBe("invalid_json");
  });

  test("B32 a body nested 10,000 deep is refused without recursion, brackets in strings do not count", () => {
    expect(codeOf(`{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`)).toBe("json_too_deep");
    expect(codeOf(`{"a":${"[".repeat(63)}${"]".repeat(63)}}`)).toBe("accepted");
    expect(codeOf(JSON.stringify({ a: '[{"'.repeat(500) }))).toBe("accepted");
  });

  test.each(["__proto__", "constructor", "prototype", "\\u005f_proto__"])(
    "B34 the key %s is refused wherever it stands",
    (name) => {
      expect(codeOf(`{"a":[{"${name}":{"polluted":1}}]}`)).toBe("forbidden_key");
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
      expect(codeOf(`{"text":"say \\"constructor\\": please"}`)).toBe("accepted");
    },
  );

  test("B53 half of a surrogate pair is refused", () => {
    expect(codeOf('{"text":"\\ud800"}')).toBe("invalid_encoding");
    expect(codeOf('{"text":"\\ud83d\\ude00"}')).toBe("accepted");
  });
});
