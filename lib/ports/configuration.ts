/** What the operator has set, parsed once at the start (lib/platform/configuration.ts). Plain data. */
export interface Configuration {
  readonly appVersion: string;
  readonly keyEnvironment: "live" | "test" | "staging" | "dev";
  /** Provider slug -> what is set for it, only where anything is. */
  readonly providers: Readonly<Record<string, ProviderSetting>>;
  /** Null: the operator routes answer 403. */
  readonly adminApiKey: string | null;
  /** Under which keys are hashed for their lookup. */
  readonly apiGatewaySalt: string;
  /** A key of the operator's choice for the local account; accepted though it may not have our shape. */
  readonly bootstrapKey: string | null;
  /** Under which secrets are sealed, the current one first; none: nothing that needs them is offered. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Replies to requests with an Idempotency-Key are kept for a repetition unless the request says otherwise. */
  readonly keepReplies: boolean;
  /** What a call with the account's own provider key is charged, in percent of its price with the operator's. */
  readonly byokFeePercent: number;
  readonly maxBodyBytes: number;
  /** Of an uploaded file. */
  readonly maxFileBytes: number;
  /** Base URL that clients are told, or null for the request's own. */
  readonly publicUrl: string | null;
  readonly timeouts: Timeouts;
  /** Provider slug -> its share of the calls among those that have one; above 0. */
  readonly providerWeights: Readonly<Record<string, number>>;
  /** True: a stream that is late to start is asked for at a second provider too. */
  readonly hedging: boolean;
  /** True on the embedded stores: the demo model answers there while no provider is configured. */
  readonly embedded: boolean;
}

export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes in base64. */
  readonly secret: string;
}

/** What the operator has set for one provider. */
export interface ProviderSetting {
  /** Its keys, the first one before the others; none for a server that needs none. */
  readonly apiKeys: readonly string[];
  /** Null: the declaration's. */
  readonly baseUrl: string | null;
  /** Further variables of the declaration by their short names, defaults filled in: `{project: "…"}`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where its further formats are reached, by the format's name, where the operator says so. */
  readonly formatUrls?: Readonly<Record<string, string>>;
  /** Headers of its requests that the operator has given a value. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** All in milliseconds. */
interface Timeouts {
  /** To the first semantic event of a stream. */
  readonly firstTokenMs: number;
  /** Between semantic events of a stream. */
  readonly idleMs: number;
  /** From a call's admission to its last byte, all attempts together. */
  readonly wholeRequestMs: number;
  /** The longest wait for a provider's 429. */
  readonly rateLimitWaitMs: number;
  /** How long a silent provider is waited for before the client's stream is opened with keep-alives, and between these. */
  readonly keepAliveMs: number;
}
