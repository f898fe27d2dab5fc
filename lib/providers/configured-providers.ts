import type { ProviderSetting } from "../ports/configuration.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import type { ProviderCredential } from "./authorize.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import { PROVIDERS, wireFor } from "./provider-list.ts";
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
    const baseUrl = setting.baseUrl ?? declaration.baseUrl;
    if (!takesPart || baseUrl === null) continue;
    const formatUrls = formatUrlsOf(declaration, setting);
    configured.set(declaration.id, {
      declaration: declaredFor(declaration, setting, formatUrls),
      credentials: apiKeys.map((secret, index) => ({ id: credentialId(index), secret })),
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

/** The format and the address at which a provider is asked, so that a client of `format` passes through where it can. */
export function endpointFor(
  { declaration, baseUrl, formatUrls }: ConfiguredProvider,
  format: ClientFormatName | null,
): { readonly wire: WireFormat; readonly baseUrl: string } {
  const wire = wireFor(declaration, format);
  return { wire, baseUrl: formatUrls[wire.name] ?? baseUrl };
}

function credentialId(index: number): string {
  return String(index + 1);
}

function filled(url: string, variables: Readonly<Record<string, string>>): string {
  return url.replace(/\{(\w+)\}/g, (_, name: string) => variables[name] ?? "").replace(/\/+$/, "");
}
