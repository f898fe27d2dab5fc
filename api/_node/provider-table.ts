import type { Environment } from "../../lib/platform/environment.ts";
import { readProviderSettings } from "../../lib/platform/provider-settings.ts";
import { configuredProviders } from "../../lib/providers/configured-providers.ts";
import type { ProviderDeclaration } from "../../lib/providers/provider-declaration.ts";
import { wireOf } from "../../lib/providers/provider-list.ts";

/** What an operator wants to know of a provider. No key is in it. */
export interface ProviderRow {
  readonly slug: string;
  readonly name: string;
  /** The formats that it is asked in, its first one first. */
  readonly wires: readonly string[];
  readonly capabilities: readonly string[];
  /** Null: it needs no key. */
  readonly keyVariable: string | null;
  readonly alsoKeyVariables: readonly string[];
  /** Further variables of its own, but for addresses that it has already; those in brackets need not be set. */
  readonly variables: readonly string[];
  readonly aliases: readonly string[];
  /** True where it would take part in a gateway with this environment. */
  readonly configured: boolean;
}

/**
 * The providers, by slug, and what is wrong with the variables that are set for them.
 * @param environment where the keys are looked for; they stay there
 */
export function providerRows(
  declarations: readonly ProviderDeclaration[],
  environment: Environment,
): { readonly rows: readonly ProviderRow[]; readonly problems: readonly string[] } {
  const { settings, problems } = readProviderSettings(environment, declarations);
  const configured = configuredProviders(settings, declarations);
  const rows = declarations.map((declaration) => rowOf(declaration, configured.has(declaration.id)));
  return { rows: rows.toSorted((a, b) => (a.slug < b.slug ? -1 : 1)), problems };
}

function rowOf(declaration: ProviderDeclaration, configured: boolean): ProviderRow {
  const { id, name, apiKeyVariable, alsoKeyVariables = [], capabilities, aliases = [], alsoSpeaks = {} } = declaration;
  const slugVariable = id.toUpperCase().replaceAll("-", "_");
  const baseUrl = declaration.baseUrl === null || apiKeyVariable === null ? [`${slugVariable}_BASE_URL`] : [];
  return {
    slug: id,
    name,
    wires: [wireOf(declaration).name, ...Object.keys(alsoSpeaks)],
    capabilities,
    keyVariable: apiKeyVariable,
    alsoKeyVariables,
    variables: [
      ...Object.values(declaration.variables ?? {}).map(({ name: variable, byDefault }) =>
        byDefault === undefined ? variable : `[${variable}]`,
      ),
      ...Object.values(declaration.headersFrom ?? {}).map((variable) => `[${variable}]`),
      ...baseUrl,
      ...(apiKeyVariable === null ? [`[${slugVariable}_API_KEY]`] : []),
    ],
    aliases,
    configured,
  };
}

/** As columns for a terminal. */
export function textTable(rows: readonly ProviderRow[]): string {
  const cells = [
    ["SLUG", "WIRE", "CONFIGURED", "KEY", "CAPABILITIES"],
    ...rows.map((row) => [
      row.slug,
      row.wires.join(", "),
      row.configured ? "yes" : "no",
      row.keyVariable ?? "none",
      row.capabilities.join(" "),
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  const there = rows.filter(({ configured }) => configured).length;
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n\n${rows.length} providers, ${there} configured\n`;
}

/** As a table for docs/providers.md. */
export function markdownTable(rows: readonly ProviderRow[]): string {
  const code = (values: readonly string[]) => values.map((value) => `\`${value}\``).join(", ");
  const lines = rows.map(
    (row) =>
      `| \`${row.slug}\` | ${row.name} | ${row.wires.join(", ")} | ${code(keysOf(row))} | ${code(row.variables)} | ${row.capabilities.join(", ")} |`,
  );
  return `| Slug | Provider | Wire | Key | Further variables | Capabilities |\n|---|---|---|---|---|---|\n${lines.join("\n")}\n`;
}

function keysOf({ keyVariable, alsoKeyVariables }: ProviderRow): readonly string[] {
  return keyVariable === null ? [] : [keyVariable, ...alsoKeyVariables];
}
