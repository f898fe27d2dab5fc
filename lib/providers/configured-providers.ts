import type { ProviderSetting } from "../ports/configuration.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import type { ProviderCredential } from "./authorize.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import { PROVIDERS, wireFor, wireNamed } from "./provider-list.ts";
import type { WireFormat } from "./wire-format.ts";

/** A provider that takes part: its key is set, or it needs none and its address is. */
export interface ConfiguredProvider {
  readonly declaration: ProviderDeclaration;
  /** None for a server that needs none. */
  readonly credentials: readonly ProviderCredential[];
  /** Without a trailing slash, its variables filled in. */
  readonly baseUrl: string;
  /** Its further variables by their short names. */
  readonly variables: Readonly<Record<string, string>>;
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
    if (!takesPart) continue;
    configured.set(declaration.id, {
      declaration,
      credentials: apiKeys.map((key, index) => ({
        id: credentialId(index),
        secret: secretOf(declaration, key, variables),
      })),
      baseUrl: filled(setting.baseUrl ?? declaredBaseUrl(declaration, variables), variables),
      variables,
    });
  }
  return configured;
}

/**
 * The format and the address at which a provider is asked for one of its models, so that a client of `format` passes
 * through where it can.
 */
export function endpointFor(
  { declaration, baseUrl, variables }: ConfiguredProvider,
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
  const own = declaration.alsoSpeaks?.[wire.name] ?? null;
  return { wire, baseUrl: own === null ? baseUrl : filled(own, variables) };
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

function declaredBaseUrl(declaration: ProviderDeclaration, variables: Readonly<Record<string, string>>): string {
  return declaration.baseUrlsByLocation?.[variables["location"] ?? ""] ?? declaration.baseUrl;
}

function filled(url: string, variables: Readonly<Record<string, string>>): string {
  return replaced(url, variables).replace(/\/+$/, "");
}

function replaced(template: string, variables: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => variables[name] ?? "");
}
