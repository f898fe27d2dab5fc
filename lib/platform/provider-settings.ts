import type { Configuration, ProviderSetting } from "../ports/configuration.ts";
import { type Environment, httpUrl, PRINTABLE, setVariables } from "./environment.ts";

/** What can stand in a host name or a path without meaning anything there. */
const SAFE_IN_URL = /^[\w.:-]+$/;

/** What of a provider's declaration says which variables are its own. */
export interface DeclaredProvider {
  readonly id: string;
  readonly apiKeyVariable: string | null;
  readonly alsoKeyVariables?: readonly string[];
  readonly variables?: Readonly<Record<string, DeclaredVariable>>;
  readonly alsoSpeaks?: Readonly<Record<string, string | null>>;
  readonly headersFrom?: Readonly<Record<string, string>>;
}

interface DeclaredVariable {
  readonly name: string;
  readonly byDefault?: string;
  readonly values?: Readonly<Record<string, string>>;
}

/** What is set for each provider, and every variable of theirs that is missing or malformed, with what it should be. */
export function readProviderSettings(
  environment: Environment,
  providers: readonly DeclaredProvider[],
): { readonly settings: Configuration["providers"]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  return { settings: readProviders(setVariables(environment), providers, problems), problems };
}

/**
 * What is set for each provider, only where anything is.
 * @param problems grows by what is malformed or missing
 */
export function readProviders(
  given: Environment,
  providers: readonly DeclaredProvider[],
  problems: string[],
): Configuration["providers"] {
  const settings: Record<string, ProviderSetting> = {};
  for (const provider of providers) {
    const keyVariable = keyVariableOf(given, provider);
    const apiKey = given[keyVariable];
    const baseUrl = readUrl(given, variableOf(provider.id, "BASE_URL"), problems);
    if (apiKey !== undefined && !PRINTABLE.test(apiKey)) {
      problems.push(`${keyVariable} must be: printable characters without spaces`);
    }
    if (apiKey === undefined && baseUrl === null) continue;
    const variables = apiKey === undefined ? {} : readVariables(given, provider, keyVariable, problems);
    const formatUrls = readFormatUrls(given, provider, problems);
    const headers = readHeaders(given, provider, problems);
    settings[provider.id] = {
      apiKeys: apiKey === undefined ? [] : [apiKey],
      baseUrl,
      variables,
      ...(formatUrls === null ? {} : { formatUrls }),
      ...(headers === null ? {} : { headers }),
    };
  }
  return settings;
}

/** The first of a provider's key variables that is set, or the one that it goes by. */
function keyVariableOf(given: Environment, provider: DeclaredProvider): string {
  const own = provider.apiKeyVariable ?? variableOf(provider.id, "API_KEY");
  const names = [own, ...(provider.alsoKeyVariables ?? [])];
  return names.find((name) => given[name] !== undefined) ?? own;
}

function readUrl(given: Environment, name: string, problems: string[]): string | null {
  const url = given[name] ?? null;
  if (url !== null && !httpUrl.safeParse(url).success) problems.push(`${name} must be: an http or https URL`);
  return url;
}

/** Where further formats of a provider are reached: `<SLUG>_<FORMAT>_BASE_URL`. Null: nothing is set. */
function readFormatUrls(
  given: Environment,
  { id, alsoSpeaks = {} }: DeclaredProvider,
  problems: string[],
): Readonly<Record<string, string>> | null {
  const urls = Object.keys(alsoSpeaks).flatMap((format) => {
    const url = readUrl(given, variableOf(id, `${format.toUpperCase()}_BASE_URL`), problems);
    return url === null ? [] : [[format, url] as const];
  });
  return urls.length === 0 ? null : Object.fromEntries(urls);
}

/** What can be a header's value as it is. */
const HEADER_VALUE = /^[\x20-\x7e]{1,500}$/;

/** Null: nothing is set. */
function readHeaders(
  given: Environment,
  { headersFrom = {} }: DeclaredProvider,
  problems: string[],
): Readonly<Record<string, string>> | null {
  const headers = Object.entries(headersFrom).flatMap(([header, name]) => {
    const value = given[name];
    if (value === undefined) return [];
    if (!HEADER_VALUE.test(value)) problems.push(`${name} must be: up to 500 printable ASCII characters`);
    return [[header, value] as const];
  });
  return headers.length === 0 ? null : Object.fromEntries(headers);
}

/** What a provider must be told beside its key, by its short names. */
function readVariables(
  given: Environment,
  provider: DeclaredProvider,
  keyVariable: string,
  problems: string[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [shortName, { name, byDefault, values }] of Object.entries(provider.variables ?? {})) {
    const value = given[name] ?? byDefault;
    if (value === undefined) problems.push(`${name} must be: set, since ${keyVariable} is`);
    else if (values !== undefined) {
      const meant = Object.hasOwn(values, value) ? values[value] : undefined;
      if (meant === undefined) problems.push(`${name} must be: ${Object.keys(values).join(" or ")}`);
      else variables[shortName] = meant;
    } else if (SAFE_IN_URL.test(value)) variables[shortName] = value;
    else problems.push(`${name} must be: letters, digits and . _ : - only`);
  }
  return variables;
}

/** `<SLUG>_<ENDING>`, the slug in capitals with `-` as `_`. */
function variableOf(id: string, ending: string): string {
  return `${id.toUpperCase().replaceAll("-", "_")}_${ending}`;
}
