import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The rows of the fault matrix and of its concurrency table that are built. At the end it is all of them. */
const BUILT = ["F1-F17", "F19", "F22-F50", "F57", "C1-C3", "C8"];

/** Rows named in the titles of tests, which are string literals; in comments they hold nothing. */
function rowsInTitles(): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, string[]>();
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  for (const file of globSync("test/**/*.ts")) {
    if (file === "test/fault-rows.test.ts") continue;
    for (const [token] of readFileSync(file, "utf8").matchAll(tokens)) {
      if (token.startsWith("/")) continue;
      for (const [row] of token.matchAll(/\b[FC]\d+\b(?!\.)/g)) rows.set(row, [...(rows.get(row) ?? []), file]);
    }
  }
  return rows;
}

function rowsOf(range: string): readonly string[] {
  const [, letter = "", first = "", last = first] = /^([FC])(\d+)(?:-[FC](\d+))?$/.exec(range) ?? [];
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => `${letter}${Number(first) + index}`);
}

test("every fault that is built for has a test by its name", () => {
  const held = rowsInTitles();
  expect(BUILT.flatMap(rowsOf)).toContain("F34");
  expect(BUILT.flatMap(rowsOf).filter((row) => !held.has(row))).toEqual([]);
});
