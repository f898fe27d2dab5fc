import fc from "fast-check";
import { expect, test } from "vitest";
import { OutputLengths } from "../../lib/inference/output-lengths.ts";

test("nothing is expected of a key and a model of which too little is known", () => {
  const lengths = new OutputLengths();
  for (let answer = 0; answer < 7; answer++) lengths.note("key", "model", 100);
  expect(lengths.expected("key", "model")).toBeNull();
  lengths.note("key", "model", 100);
  expect(lengths.expected("key", "model")).toBe(100);
  expect(lengths.expected("another key", "model")).toBeNull();
  expect(lengths.expected("key", "another model")).toBeNull();
});

test("what is expected lies between the shortest and the longest of the latest answers, and follows longer ones at once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { minLength: 8, maxLength: 200 }), (answers) => {
      const lengths = new OutputLengths();
      for (const tokens of answers) lengths.note("key", "model", tokens);
      const latest = answers.slice(-40);
      const expected = lengths.expected("key", "model") ?? Number.NaN;
      expect(expected).toBeGreaterThanOrEqual(Math.min(...latest));
      expect(expected).toBeLessThanOrEqual(Math.max(...latest));
      for (let more = 0; more < 3; more++) lengths.note("key", "model", 50_000);
      expect(lengths.expected("key", "model")).toBeGreaterThan(expected);
    }),
  );
});

test("answers of 32 or more calls ago do not count any more", () => {
  const lengths = new OutputLengths();
  for (let answer = 0; answer < 32; answer++) lengths.note("key", "model", 9_000);
  for (let answer = 0; answer < 40; answer++) lengths.note("key", "model", 10);
  expect(lengths.expected("key", "model")).toBe(10);
});
