/** A provider is data: what differs from plain OpenAI compatibility is a field here (STYLE: "A provider is a declaration"). */
export interface ProviderDeclaration {
  /** The slug that clients, offers and variables use. */
  readonly id: string;
  readonly name: string;
  readonly baseUrl: string;
  /** The operator's variable; without a value the provider takes no part. Null: needs no key (a local server). */
  readonly apiKeyVariable: string | null;
  /** Default: openai. */
  readonly wire?: "openai" | "anthropic" | "gemini";
  /** Client field -> the provider's name for it. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Client fields it refuses; left out of the request and named in `x-gateway-ignored-parameters`. */
  readonly drop?: readonly string[];
  /** Gateway fields (`provider`, `models`, `usage` …) that this provider understands too, so that they are sent on. */
  readonly understands?: readonly string[];
  /** Renames that only some of its models want. */
  readonly modelQuirks?: readonly { readonly models: RegExp; readonly rename: Readonly<Record<string, string>> }[];
  /** Fields of its own that it adds to replies, removed on the way back (CM-10.3.2). */
  readonly stripFromReply?: readonly string[];
  /** False for a provider that rejects `stream_options`; usage then comes unasked or is metered. Default: true. */
  readonly streamUsageOption?: boolean;
  /** Headers sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** True when closing the connection does not stop its bill: the stream is then drained for usage. Default: false. */
  readonly billsAfterAbort?: boolean;
  /** Milliseconds to the first token; overrides the configured default. */
  readonly firstTokenTimeoutMs?: number;
  /** True where any `provider/model` id is passed on, without a catalog offer (a local server). */
  readonly acceptsAnyModel?: boolean;
}
