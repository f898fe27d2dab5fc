import type { Identity, ProviderKeyMode } from "../accounts/identity.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import type { ProviderCredential } from "../providers/authorize.ts";
import { type ConfiguredProvider, configuredProviders } from "../providers/configured-providers.ts";
import type { ProviderDeclaration } from "../providers/provider-declaration.ts";
import { PROVIDERS } from "../providers/provider-list.ts";
import type { Gateway } from "./gateway.ts";

const MAX_OPENED = 10_000;

/** What a sealed key of an account is bound to. */
export function providerKeyContext(accountId: string, provider: string): string {
  return `provider-key\n${accountId}\n${provider}`;
}

/**
 * The provider that an account may bring a key for: it takes one, and what else it must be told is known.
 * @returns null for one that is unknown, needs no key, or asks for settings that only the operator could make
 */
export function providerForCallerKey(gateway: Pick<Gateway, "configuration">, id: string): ProviderDeclaration | null {
  return providerOfCaller(gateway, id, "any")?.declaration ?? null;
}

/** The provider with one key of a caller's, otherwise as the operator or else the declaration has it. */
function providerOfCaller(
  { configuration }: Pick<Gateway, "configuration">,
  id: string,
  key: string,
): ConfiguredProvider | null {
  const declaration = PROVIDERS.find((provider) => provider.id === id);
  // A provider without a key of its own is a server of the operator's, reached by any model name.
  if (declaration === undefined || declaration.apiKeyVariable === null) return null;
  const setting = configuration.providers[id] ?? { apiKeys: [], baseUrl: null, variables: {} };
  const variables = variablesOf(declaration, setting.variables);
  if (variables === null) return null;
  return configuredProviders({ [id]: { ...setting, apiKeys: [key], variables } }, [declaration]).get(id) ?? null;
}

/** The operator's, or else the defaults; null where one has neither. */
function variablesOf(
  declaration: ProviderDeclaration,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | null {
  const variables: Record<string, string> = {};
  for (const [shortName, { byDefault }] of Object.entries(declaration.variables ?? {})) {
    const value = given[shortName] ?? byDefault;
    if (value === undefined) return null;
    variables[shortName] = value;
  }
  return variables;
}

type Providers = ReadonlyMap<string, ConfiguredProvider>;

/**
 * Accounts' own keys, opened: each once an isolate. What an account's calls may be sent with is a map like the gateway's
 * own, so that nothing after this asks whose a key is but for its price and its faults.
 */
export class CallerKeys {
  readonly #opened = new Map<string, Promise<string>>();

  /**
   * The providers of a call: the gateway's, with the account's own keys first, or alone. At once for an account without.
   * @throws GatewayError `provider_key_unreadable` for a key that is to be used alone and cannot be opened
   */
  providersFor(gateway: Gateway, ports: Pick<Ports, "log">, identity: Identity): Providers | Promise<Providers> {
    return identity.providerKeys.length === 0 ? gateway.providers : this.#withOwn(gateway, ports, identity);
  }

  async #withOwn(
    gateway: Gateway,
    ports: Pick<Ports, "log">,
    { accountId, providerKeys }: Identity,
  ): Promise<Providers> {
    const providers = new Map(gateway.providers);
    for (const { provider, mode, sealed } of providerKeys) {
      const secret = await this.#open(gateway, ports, accountId, provider, mode, sealed);
      const built = secret === null ? null : providerWith(gateway, provider, mode, secret);
      if (built !== null) providers.set(provider, built);
    }
    return providers;
  }

  async #open(
    { secrets }: Gateway,
    ports: Pick<Ports, "log">,
    accountId: string,
    provider: string,
    mode: ProviderKeyMode,
    sealed: string,
  ): Promise<string | null> {
    let opening = this.#opened.get(sealed);
    if (opening === undefined) {
      opening = secrets.open(sealed, providerKeyContext(accountId, provider));
      this.#opened.set(sealed, opening);
      if (this.#opened.size > MAX_OPENED) this.#opened.delete(this.#opened.keys().next().value ?? "");
    }
    try {
      return await opening;
    } catch {
      this.#opened.delete(sealed);
      ports.log.error("provider_key_unreadable", null, { accountId, provider });
      if (mode === "first") return null;
      throw new GatewayError(
        "provider_key_unreadable",
        `This account's own key for ${provider} cannot be read. Store it anew, or tell the gateway's operator.`,
      );
    }
  }
}

function providerWith(gateway: Gateway, id: string, mode: ProviderKeyMode, key: string): ConfiguredProvider | null {
  const built = providerOfCaller(gateway, id, key);
  const [credential] = built?.credentials ?? [];
  if (built === null || credential === undefined) return null;
  const own: ProviderCredential = { id: "caller", secret: credential.secret, ofCaller: true };
  const operators = mode === "only" ? [] : (gateway.providers.get(id)?.credentials ?? []);
  return { ...built, credentials: [own, ...operators] };
}
