import type { TextRequest } from "../ports/upstream.ts";
import type { ChatEvent } from "../protocol/chat-event.ts";
import type { ClientFormatName, ParsedCall } from "../protocol/client-format.ts";
import type { JsonObject } from "../protocol/json.ts";
import type { FrameParser, SseFrame } from "../protocol/sse/sse-parser.ts";
import type { AuthorizationScheme } from "./authorize.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";

/** The names of the formats that we speak to providers. */
export type WireName =
  | "openai"
  | "anthropic"
  | "gemini"
  | "responses"
  | "completions"
  | "completions"
  | "vertex-gemini"
  | "vertex-anthropic"
  | "cohere"
  | "bedrock";

export interface EncodeInput {
  readonly provider: ProviderDeclaration;
  /** The declaration's base URL, or what `<SLUG>_BASE_URL` says; without a trailing slash. */
  readonly baseUrl: string;
  /** The model's id at this provider. */
  readonly nativeModel: string;
  /** The model's most output tokens, for formats that insist on a cap. */
  readonly maxOutputTokens: number;
  readonly call: ParsedCall;
}

export interface EncodedRequest {
  /** Without credentials: those are `authorize`'s. */
  readonly request: TextRequest;
  /** Client fields that this format cannot carry, by the client's names (`x-gateway-ignored-parameters`). */
  readonly ignoredParameters: readonly string[];
}

/** Turns a provider's stream into events, frame by frame. One instance a stream. */
export interface StreamDecoder {
  push(frame: SseFrame): readonly ChatEvent[];
}

/** What a provider's refusal means; its text stays in the operator's log. */
export interface ProviderFailure {
  /** The provider's own message, for a 400 that the client must understand; null when it said nothing usable. */
  readonly message: string | null;
  /** The field it complained of, when it names one. */
  readonly param: string | null;
  /** True when it said that the prompt does not fit the model's context. */
  readonly contextLengthExceeded: boolean;
  /** The HTTP status that says what it meant, where the one it sent does not: Google refuses a bad key with 400. */
  readonly meantStatus?: number;
  /** How long it wants to be left alone, milliseconds, where it says so in the body instead of a header. */
  readonly retryAfterMs?: number;
}

/** What a request to count a prompt's tokens needs. */
export interface CountInput extends Pick<EncodeInput, "provider" | "baseUrl" | "nativeModel"> {
  readonly call: Pick<ParsedCall, "text" | "body" | "protocolHeaders">;
}

/** How a provider counts a prompt's tokens without answering it. */
interface TokenCounting {
  encode(input: CountInput): TextRequest;
  /** The count, or null for a reply that tells none. */
  decodeReply(body: JsonObject): number | null;
}

/** A framing of a format's own. What it gives is never passed on as bytes, so `raw` only tells a frame's size. */
interface StreamFraming {
  /** The content type of such a stream. */
  readonly contentType: string;
  createParser(): FrameParser;
}

/** A format that we speak to providers. */
export interface WireFormat {
  readonly name: WireName;
  /** The client format whose bytes can be passed through unchanged, or null. */
  readonly passesThrough: ClientFormatName | null;
  /** How its vendor takes a key, where a provider does not declare another way. */
  readonly authorization: AuthorizationScheme;
  encode(input: EncodeInput): EncodedRequest;
  /** How its streams are cut into frames. Default: as server-sent events. */
  readonly framing?: StreamFraming;
  createStreamDecoder(): StreamDecoder;
  /** All events of a non-streamed reply, ending in `end`. An unusable body gives one `error` event; never throws. */
  decodeReply(body: JsonObject): readonly ChatEvent[];
  decodeFailure(status: number, text: string): ProviderFailure;
  /** Null where the format has no such call, or clients of `passesThrough` cannot make it. */
  readonly countTokens: TokenCounting | null;
}
