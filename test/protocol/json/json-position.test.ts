import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonErrorPosition } from "../../../lib/protocol/json-position.ts";

describe("the position of a JSON error", () => {
  test.each([
    ["{", 1],
    ["", 0],
    ['{"model": nope}', 10],
    ['{"a":1,}', 7],
    ["[1,]", 3],
    ["[1 2]", 3],
    ['{"a" 1}', 5],
    ["{a:1}", 1],
    ['{"a":"\n"}', 5],
    ['{"a":"b', 5],
    ["[01]", 2],
    ["{} {}", 3],
    ["[NaN]", 1],
  ])("B29 %j breaks at %i", (text, position) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonErrorPosition(text)).toBe(position);
  });

  test("B29 what comes before it is the beginning of some JSON, with it it is not", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom("!", "'", ";", "\u0001"), (json, at, junk) => {
        const index = at % (json.length + 1);
        const broken = json.slice(0, index) + junk + json.slice(index);
        fc.pre(!isJson(broken));
        expect(jsonErrorPosition(broken)).toBeLessThanOrEqual(index);
      }),
      { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 300) },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
