import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { markdownTable, providerRows } from "../api/_node/provider-table.ts";
import { VARIABLES } from "../lib/platform/configuration.ts";
import { APP_VERSION } from "../lib/platform/version.ts";
import { demo } from "../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../lib/providers/provider-list.ts";

const readme = readFileSync("README.md", "utf8");

/** The rows of the configuration table: the variables of each, and the default that it tells. */
function configurationTable(): readonly { readonly names: readonly string[]; readonly byDefault: string }[] {
  const [, section = ""] = readme.split("## Configuration");
  const rows =
    section
      .split("\n## ")[0]
      ?.split("\n")
      .filter((line) => line.startsWith("| `")) ?? [];
  return rows.map((row) => {
    const [, names = "", byDefault = ""] = row.split("|").map((cell) => cell.trim());
    return {
      names: [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
      byDefault: byDefault.replaceAll("`", ""),
    };
  });
}

test("the README's table has exactly the variables that are read, the providers' own in docs/providers.md", () => {
  const read = [
    ...Object.keys(VARIABLES),
    "OLLAMA_BASE_URL",
    "OLLAMA_API_KEY",
    "<SLUG>_BASE_URL",
    "<SLUG>_<FORMAT>_BASE_URL",
  ];
  expect(
    configurationTable()
      .flatMap(({ names }) => names)
      .toSorted(),
  ).toEqual(read.toSorted());
});

test("docs/providers.md has the table that `npm run providers -- --markdown` writes", () => {
  const { rows } = providerRows(
    PROVIDERS.filter(({ id }) => id !== demo.id),
    {},
  );
  expect(readFileSync("docs/providers.md", "utf8")).toContain(markdownTable(rows));
});

test("the README tells the defaults that are used", () => {
  const told = configurationTable().flatMap(({ names, byDefault }) => {
    const values = byDefault.split(", ");
    return names.map((name, index) => [name, values.length === names.length ? values[index] : byDefault] as const);
  });
  const used = Object.entries(VARIABLES).map(
    ([name, schema]) => [name, String(schema.parse(undefined) ?? "")] as const,
  );
  expect(new Map(told.filter(([name]) => name in VARIABLES))).toEqual(new Map(used));
});

test("the version that /health tells is the package's", () => {
  expect(JSON.parse(readFileSync("package.json", "utf8")).version).toBe(APP_VERSION);
});
