import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VARIABLES } from "../lib/platform/configuration.ts";
import { APP_VERSION } from "../lib/platform/version.ts";
import { PROVIDERS } from "../lib/providers/provider-list.ts";

const readme = readFileSync("README.md", "utf8");

test("the README's table has every variable", () => {
  const variables = [...Object.keys(VARIABLES), ...PROVIDERS.flatMap(({ apiKeyVariable }) => apiKeyVariable ?? [])];
  expect(variables.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test("the version that /health tells is the package's", () => {
  expect(JSON.parse(readFileSync("package.json", "utf8")).version).toBe(APP_VERSION);
});
