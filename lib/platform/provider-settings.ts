import type { Configuration, ProviderSetting } from "../ports/configuration.ts";
import { type Environment, httpUrl, listed, PRINTABLE, setVariables } from "./environment.ts";

/** What can stand in a host name or a path without meaning anything there. */
const SAFE_IN_URL = /^[\w.:-]+$/;

/** What of a provider's declaration says which variables are its own. */
export interface DeclaredProvider {
  readonly id: string;
  readonly apiKeyVariable: string | null;
  readonly apiKeyIsJson?: boolean;
  readonly alsoKeyVariables?: readonly string[];
  readonly variables?: Readonly<Record<string, DeclaredVariable>>;
  readonly alsoSpeaks?: Readonly<Record<string, string | null>>;
  readonly headersFrom?: Readonly<Record<string, string>>;
}

interface DeclaredVariable {
  readonly name: string;
  readonly byDefault?: string;
  readonly isSecret?: boolean;
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
    const apiKeys = readKeys(given[keyVariable], provider);
    const baseUrl = readUrl(given, variableOf(provider.id, "BASE_URL"), problems);
    for (const apiKey of apiKeys) checkKey(apiKey, provider, keyVariable, problems);
    if (new Set(apiKeys).size < apiKeys.length) problems.push(`${keyVariable} must be: keys that differ`);
    if (apiKeys.length === 0 && baseUrl === null) continue;
    const reached = { keyVariable, elsewhere: baseUrl !== null };
    const variables = apiKeys.length === 0 ? {} : readVariables(given, provider, reached, problems);
    const formatUrls = readFormatUrls(given, provider, problems);
    const headers = readHeaders(given, provider, problems);
    settings[provider.id] = {
      apiKeys,
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

/** Several keys have commas between; a key file has commas of its own. */
function readKeys(text: string | undefined, { apiKeyIsJson }: DeclaredProvider): readonly string[] {
  return apiKeyIsJson === true && text !== undefined ? [text] : listed(text);
}

function checkKey(apiKey: string, provider: DeclaredProvider, keyVariable: string, problems: string[]): void {
  if (provider.apiKeyIsJson !== true) {
    if (!PRINTABLE.test(apiKey)) problems.push(`${keyVariable} must be: printable characters without spaces`);
  } else if (!isJsonObject(apiKey)) {
    problems.push(`${keyVariable} must be: the JSON of a key file, as one object`);
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** What a provider must be told beside its key, by its short names. An address of the operator's needs nothing filled in. */
function readVariables(
  given: Environment,
  provider: DeclaredProvider,
  { keyVariable, elsewhere }: { readonly keyVariable: string; readonly elsewhere: boolean },
  problems: string[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [shortName, declared] of Object.entries(provider.variables ?? {})) {
    const { name, byDefault, isSecret = false } = declared;
    const value = given[name] ?? byDefault;
    if (value === undefined) {
      if (isSecret || !elsewhere) problems.push(`${name} must be: set, since ${keyVariable} is`);
      continue;
    }
    const meant = meaningOf(value, declared);
    if (meant === null) problems.push(`${name} must be: ${shapeOf(declared)}`);
    else variables[shortName] = meant;
  }
  return variables;
}

/** What a value stands for, or null for one that it may not have. */
function meaningOf(value: string, { byDefault, isSecret = false, values }: DeclaredVariable): string | null {
  if (values !== undefined) return Object.hasOwn(values, value) ? (values[value] ?? null) : null;
  return value === byDefault || (isSecret ? PRINTABLE : SAFE_IN_URL).test(value) ? value : null;
}

function shapeOf({ isSecret = false, values }: DeclaredVariable): string {
  if (values !== undefined) return Object.keys(values).join(" or ");
  return isSecret ? "printable characters without spaces" : "letters, digits and . _ : - only";
}

/** Every variable that is read for a provider. */
export function variableNamesOf(provider: DeclaredProvider): readonly string[] {
  const { id, apiKeyVariable, alsoKeyVariables = [], variables = {}, headersFrom = {}, alsoSpeaks = {} } = provider;
  return [
    apiKeyVariable ?? variableOf(id, "API_KEY"),
    ...alsoKeyVariables,
    variableOf(id, "BASE_URL"),
    ...Object.keys(alsoSpeaks).map((format) => variableOf(id, `${format.toUpperCase()}_BASE_URL`)),
    ...Object.values(variables).map(({ name }) => name),
    ...Object.values(headersFrom),
  ];
}

/** `<SLUG>_<ENDING>`, the slug in capitals with `-` as `_`. */
function variableOf(id: string, ending: string): string {
  return `${id.toUpperCase().replaceAll("-", "_")}_${ending}`;
}
