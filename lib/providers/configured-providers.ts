import type { ProviderDeclaration } from "./provider-declaration.ts";
import { PROVIDERS } from "./provider-list.ts";

/** What the operator has set for one provider. */
export interface ProviderSetting {
  readonly apiKey: string | null;
  readonly baseUrl: string | null;
}

/** A provider that takes part: its key is set, or it needs none and its address is. */
export interface ConfiguredProvider {
  readonly declaration: ProviderDeclaration;
  readonly apiKey: string | null;
  /** Without a trailing slash. */
  readonly baseUrl: string;
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
    const takesPart =
      declaration.apiKeyVariable === null
        ? setting.baseUrl !== null || setting.apiKey !== null
        : setting.apiKey !== null;
    if (!takesPart) continue;
    const baseUrl = (setting.baseUrl ?? declaration.baseUrl).replace(/\/+$/, "");
    configured.set(declaration.id, { declaration, apiKey: setting.apiKey, baseUrl });
  }
  return configured;
}
