import type { ProviderSetting } from "../ports/configuration.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import type { ProviderCredential } from "./authorize.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import { PROVIDERS, wireFor, wireNamed } from "./provider-list.ts";
import type { WireFormat, WireName } from "./wire-format.ts";

/** A provider that takes part: its key is set, or it needs none and its address is. */
export interface ConfiguredProvider {
  readonly declaration: ProviderDeclaration;
  /** None for a server that needs none. */
  readonly credentials: readonly ProviderCredential[];
  /** Without a trailing slash, its variables filled in. */
  readonly baseUrl: string;
  /** Its further variables by their short names. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where its further formats are reached; not here: at `baseUrl`. */
  readonly formatUrls: Readonly<Partial<Record<WireName, string>>>;
}

/** The providers that take part, by id. */
export function configuredProviders(
  settings: Readonly<Record<string, ProviderSetting>>,
  declarations: readonly ProviderDeclaration[] = PROVIDERS,
): ReadonlyMap<string, ConfiguredProvider> {
  const configured = new Map<string, ConfiguredProvider>();
  for (const declaration of declarations) {
    const setting = settings[declaration.id];
    if (setting === undefined) continue;
    const { apiKeys, variables } = setting;
    const takesPart = apiKeys.length > 0 || (declaration.apiKeyVariable === null && setting.baseUrl !== null);
    const baseUrl = setting.baseUrl ?? declaredBaseUrl(declaration, variables);
    if (!takesPart || baseUrl === null) continue;
    const formatUrls = formatUrlsOf(declaration, setting);
    configured.set(declaration.id, {
      declaration: declaredFor(declaration, setting, formatUrls),
      credentials: apiKeys.map((key, index) => ({
        id: credentialId(index),
        secret: secretOf(declaration, key, variables),
        pooled: apiKeys.length > 1,
      })),
      baseUrl: filled(baseUrl, variables),
      variables,
      formatUrls,
    });
  }
  return configured;
}

/**
 * Where a provider's further formats are reached. The vendor's own address is not, where the operator has another one for
 * the first format: that may be a proxy, which is there to be passed, with a key of its own.
 */
function formatUrlsOf(
  { alsoSpeaks = {} }: ProviderDeclaration,
  { baseUrl, variables, formatUrls = {} }: ProviderSetting,
): ConfiguredProvider["formatUrls"] {
  const urls = Object.entries(alsoSpeaks).flatMap(([format, declared]) => {
    const url = formatUrls[format] ?? (baseUrl === null ? declared : null);
    return url === null ? [] : [[format, filled(url, variables)] as const];
  });
  return Object.fromEntries(urls);
}

/** The declaration with what the operator has set: further headers, and only those formats that can be reached. */
function declaredFor(
  declaration: ProviderDeclaration,
  { headers }: ProviderSetting,
  reached: ConfiguredProvider["formatUrls"],
): ProviderDeclaration {
  const spoken = Object.entries(declaration.alsoSpeaks ?? {}).filter(
    ([format, url]) => url === null || format in reached,
  );
  return {
    ...declaration,
    ...(headers === undefined ? {} : { headers: { ...declaration.headers, ...headers } }),
    ...(declaration.alsoSpeaks === undefined ? {} : { alsoSpeaks: Object.fromEntries(spoken) }),
  };
}

/**
 * The format and the address at which a provider is asked for one of its models, so that a client of `format` passes
 * through where it can.
 */
export function endpointFor(
  { declaration, baseUrl, formatUrls }: ConfiguredProvider,
  format: ClientFormatName | null,
  nativeModel: string,
): { readonly wire: WireFormat; readonly baseUrl: string } {
  const special = declaration.modelWires?.find(({ models }) => models.test(nativeModel));
  if (special !== undefined) {
    return {
      wire: wireNamed(special.wire),
      baseUrl: special.path === undefined ? baseUrl : `${baseUrl}/${special.path}`,
    };
  }
  const wire = wireFor(declaration, format);
  return { wire, baseUrl: formatUrls[wire.name] ?? baseUrl };
}

function credentialId(index: number): string {
  return String(index + 1);
}

function secretOf(
  { keyTemplate }: ProviderDeclaration,
  key: string,
  variables: Readonly<Record<string, string>>,
): string {
  return keyTemplate === undefined ? key : replaced(keyTemplate, { ...variables, key });
}

function declaredBaseUrl(declaration: ProviderDeclaration, variables: Readonly<Record<string, string>>): string | null {
  return declaration.baseUrlsByLocation?.[variables["location"] ?? ""] ?? declaration.baseUrl;
}

function filled(url: string, variables: Readonly<Record<string, string>>): string {
  return replaced(url, variables).replace(/\/+$/, "");
}

function replaced(template: string, variables: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => variables[name] ?? "");
}
