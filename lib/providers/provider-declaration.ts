import type { JsonObject } from "../protocol/json.ts";
import type { TaskName } from "../protocol/tasks/task.ts";
import type { AuthorizationScheme } from "./authorize.ts";
import type { WireName } from "./wire-format.ts";

/** What at least one model of a provider offers; which one is the catalog's to say. */
type Capability =
  | "chat"
  | "streaming"
  | "tools"
  | "vision"
  | "json"
  | "logprobs"
  | "pdf"
  | "responses"
  | "video"
  | TaskName;

/** A provider is data: what differs from plain OpenAI compatibility is a field here (STYLE: "A provider is a declaration"). */
export interface ProviderDeclaration {
  /** The slug that clients, offers and variables use. */
  readonly id: string;
  readonly name: string;
  /** Other names that clients may call it by. */
  readonly aliases?: readonly string[];
  /**
   * May name further variables: `https://{location}-host/v1/projects/{project}`. Null where it has no address that all
   * can use: it takes part where `<SLUG>_BASE_URL` is set.
   */
  readonly baseUrl: string | null;
  /** The base URLs of those values of its variable `location` that have one of their own. */
  readonly baseUrlsByLocation?: Readonly<Record<string, string>>;
  /** The operator's variable; without a value the provider takes no part. Null: needs no key (a local server). */
  readonly apiKeyVariable: string | null;
  /** Other names of that variable, looked for in this order where it is not set. */
  readonly alsoKeyVariables?: readonly string[];
  readonly capabilities: readonly Capability[];
  /** What else it must be told, by the short name that `baseUrl` and its wire use. */
  readonly variables?: Readonly<Record<string, ProviderVariable>>;
  /** True where the key is a JSON document, blanks and all. */
  readonly apiKeyIsJson?: boolean;
  /** What its scheme takes as the key, where that is more than one variable: `{accessKeyId}:{key}`. */
  readonly keyTemplate?: string;
  /** Default: openai. */
  readonly wire?: WireName;
  /** Further formats that it speaks, each with its base URL where that is another one: clients of theirs pass through. */
  readonly alsoSpeaks?: Readonly<Partial<Record<WireName, string | null>>>;
  /** Models that it takes in another format than its first, whoever asks; the first that fits the native id. */
  readonly modelWires?: readonly ModelWire[];
  /** How a key goes into a request. Default: as the wire format has it. */
  readonly authorization?: AuthorizationScheme;
  /** Client field -> the provider's name for it. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Client fields it refuses; left out of the request and named in `x-gateway-ignored-parameters`. */
  readonly drop?: readonly string[];
  /**
   * Fields that most servers of its format do not know and this one does, so that they are sent on: gateway fields
   * (`provider`, `models`, `usage` …), and in a translated request what `encode-messages` names (`cache_control` …).
   */
  readonly understands?: readonly string[];
  /** Renames and drops that only some of its models want; the first that fits the native id. */
  readonly modelQuirks?: readonly ModelQuirk[];
  /** Fields of its own that it adds to replies or, as `usage.…`, to their usage: removed on the way back (CM-10.3.2). */
  readonly stripFromReply?: readonly string[];
  /** True where its replies differ from its format so far that the vendor's own clients stumble: they are translated. */
  readonly translatesReplies?: boolean;
  /** False for a provider that rejects `stream_options`; usage then comes unasked or is metered. Default: true. */
  readonly streamUsageOption?: boolean;
  /** Fields that are sent where the client says nothing of them. */
  readonly defaults?: JsonObject;
  /** Headers sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers whose values are variables of the operator's; one that is not set is not sent. */
  readonly headersFrom?: Readonly<Record<string, string>>;
  /** True when closing the connection does not stop its bill: the stream is then drained for usage. Default: false. */
  readonly billsAfterAbort?: boolean;
  /** Milliseconds to the first token; overrides the configured default. */
  readonly firstTokenTimeoutMs?: number;
  /**
   * What it says of prompts sent to its API, with the source beside it. Only what it says of every model and without an
   * agreement of its own counts; what is not said is not safe (`provider.data_collection`, `provider.zdr`).
   */
  readonly trainsOnPrompts?: boolean;
  /** True where prompts and answers are never written down. Default: false. */
  readonly zeroDataRetention?: boolean;
  /** True where any `provider/model` id is passed on, without a catalog offer (a local server). */
  readonly acceptsAnyModel?: boolean;
  /** Of those models, the ones that GET /v1/models names. */
  readonly listedModels?: readonly string[];
}

interface ProviderVariable {
  /** The operator's variable. */
  readonly name: string;
  /** Without one the variable must be set where the key is; "" for one that may be left out. */
  readonly byDefault?: string;
  /** The only values it may have, and what each stands for in an address. Without: any that is safe there. */
  readonly values?: Readonly<Record<string, string>>;
  /** True for a part of the key: any printable characters, and needed wherever the provider is reached. */
  readonly isSecret?: boolean;
}

interface ModelWire {
  readonly models: RegExp;
  readonly wire: WireName;
  /** Below the base URL, without slashes at its ends. */
  readonly path?: string;
}

interface ModelQuirk {
  readonly models: RegExp;
  readonly rename?: Readonly<Record<string, string>>;
  readonly drop?: readonly string[];
}
