import { Identities } from "../accounts/identities.ts";
import { KeyHasher } from "../accounts/key-hasher.ts";
import { SecretBox } from "../accounts/secret-box.ts";
import type { Settler } from "../billing/settler.ts";
import { Catalog } from "../catalog/catalog.ts";
import { seedModels } from "../catalog/seed-models.ts";
import { BreakerView } from "../health/breakers.ts";
import { LocalLimiter } from "../limits/local-limiter.ts";
import type { Configuration } from "../ports/configuration.ts";
import { AccessTokens } from "../providers/access-tokens.ts";
import { type ConfiguredProvider, configuredProviders } from "../providers/configured-providers.ts";
import { PROVIDERS } from "../providers/provider-list.ts";
import { StoreHealth } from "../responses/store-health.ts";
import { ProviderSpeeds } from "../routing/provider-speeds.ts";
import { CallerKeys } from "./caller-keys.ts";
import { LiveStreams } from "./live-streams.ts";
import { OutputLengths } from "./output-lengths.ts";

/** What lives as long as the isolate: the configuration and the caches. Nothing in it belongs to one request. */
export interface Gateway {
  readonly configuration: Configuration;
  /** The providers that take part, by id. */
  readonly providers: ReadonlyMap<string, ConfiguredProvider>;
  /** Tokens that providers' keys were exchanged for. */
  readonly accessTokens: AccessTokens;
  readonly hasher: KeyHasher;
  readonly identities: Identities;
  readonly catalog: Catalog;
  readonly breakers: BreakerView;
  readonly limiter: LocalLimiter;
  readonly outputLengths: OutputLengths;
  readonly speeds: ProviderSpeeds;
  readonly settler: Settler;
  readonly responseStoreHealth: StoreHealth;
  readonly secrets: SecretBox;
  readonly liveStreams: LiveStreams;
  readonly callerKeys: CallerKeys;
}

/** Makes the isolate's state. `settler` is the runtime's own: what a process may share, an isolate's requests may not. */
export function createGateway(configuration: Configuration, settler: Settler): Gateway {
  const hasher = new KeyHasher(configuration.apiGatewaySalt);
  const anyModelProviders = PROVIDERS.filter((provider) => provider.acceptsAnyModel === true).map(({ id }) => id);
  return {
    configuration,
    providers: configuredProviders(configuration.providers),
    accessTokens: new AccessTokens(),
    hasher,
    identities: new Identities(hasher),
    catalog: new Catalog(seedModels(), anyModelProviders),
    breakers: new BreakerView(),
    limiter: new LocalLimiter(),
    outputLengths: new OutputLengths(),
    speeds: new ProviderSpeeds(),
    settler,
    responseStoreHealth: new StoreHealth(),
    secrets: new SecretBox(configuration.encryptionKeys),
    liveStreams: new LiveStreams(),
    callerKeys: new CallerKeys(),
  };
}
