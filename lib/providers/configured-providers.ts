import type { ProviderSetting } from "../ports/configuration.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import type { ProviderCredential } from "./authorize.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import { PROVIDERS, wireFor } from "./provider-list.ts";
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
      credentials: apiKeys.map((secret, index) => ({
        id: credentialId(index),
        secret,
        pooled: apiKeys.length > 1,
      })),
      baseUrl: filled(setting.baseUrl ?? declaration.baseUrl, variables),
      variables,
    });
  }
  return configured;
}

/** The format and the address at which a provider is asked, so that a client of `format` passes through where it can. */
export function endpointFor(
  { declaration, baseUrl, variables }: ConfiguredProvider,
  format: ClientFormatName | null,
): { readonly wire: WireFormat; readonly baseUrl: string } {
  const wire = wireFor(declaration, format);
  const own = declaration.alsoSpeaks?.[wire.name] ?? null;
  return { wire, baseUrl: own === null ? baseUrl : filled(own, variables) };
}

function credentialId(index: number): string {
  return String(index + 1);
}

function filled(url: string, variables: Readonly<Record<string, string>>): string {
  return url.replace(/\{(\w+)\}/g, (_, name: string) => variables[name] ?? "").replace(/\/+$/, "");
}
