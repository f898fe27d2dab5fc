import type { GatewayError } from "../errors/gateway-error.ts";
import type { NanoUsd } from "../money/nano-usd.ts";
import type { ChatEvent } from "./chat-event.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { JsonObject } from "./json.ts";
import type { SseFrame } from "./sse/sse-parser.ts";
import type { Usage } from "./usage.ts";

export type ClientFormatName = "openai" | "anthropic" | "responses" | "completions" | "gemini";

/**
 * Headers of the client's own protocol, checked, by their lower-case names: what a provider of the same format gets beside
 * the body. No other header of a client's goes anywhere (K24).
 */
export type ProtocolHeaders = Readonly<Record<string, string>>;

/** A validated request. What the pipeline needs of it is read once; the rest stays in `body` and `text`. */
export interface ParsedCall {
  readonly format: ClientFormatName;
  /** The body as the client sent it, the source of a passthrough request. */
  readonly text: string;
  readonly body: JsonObject;
  /** For a provider of the same format; none for a format that has none. */
  readonly protocolHeaders: ProtocolHeaders;
  readonly model: string;
  readonly stream: boolean;
  /** OpenAI's `stream_options.include_usage`; true for Anthropic, whose streams always carry usage. */
  readonly includeUsage: boolean;
  /** The asked cap on output tokens of one choice, or null. */
  readonly maxOutputTokens: number | null;
  readonly choices: number;
  /** Upper estimate of the prompt in tokens: text and tools by characters (CM-14.1), images and files by their size. */
  readonly estimatedInputTokens: number;
  /** The same of the longest of several prompts, which a model reads one by one. Absent: there is one. */
  readonly longestInputTokens?: number;
  /** How many prompts there are. Absent: one. */
  readonly prompts?: number;
  /** What a model must be able to do to serve this call. */
  readonly needs: readonly CallNeed[];
  /** What of it no translation can carry: only a provider of the client's own format may serve it. Absent: nothing. */
  readonly onlyNative?: NativeOnly;
  /** The same call in no vendor's format. Costs a walk over the body: call it only to translate. */
  toChatRequest(): ChatRequest;
}

/** A part of a request that exists in its own format alone. */
export interface NativeOnly {
  /** The field, in the client's notation. */
  readonly param: string;
  /** What it is, as a refusal names it: `the built-in tool web_search`. */
  readonly what: string;
}

export type CallNeed = "tools" | "vision" | "json" | "audio";

/** What an encoder must know of the reply it writes. */
export interface ReplyContext {
  /** The client's own request, for formats whose replies repeat parts of it. */
  readonly request: JsonObject;
  /** Our id of this generation: `gen_…`. Used as the reply's id where the provider gave none. */
  readonly generationId: string;
  /** The canonical model id that serves the call. */
  readonly model: string;
  readonly createdSeconds: number;
  readonly includeUsage: boolean;
  /** Fields of the provider's own that do not belong to the format: removed from a passed-through reply (CM-10.3.2). */
  readonly stripFields: readonly string[];
  /** Our estimate, for Anthropic's `message_start` before the provider has reported. */
  readonly estimatedInputTokens: number;
  /** 0 for an empty answer and for a model that is free. */
  costOf(usage: Usage): NanoUsd;
}

/** Translates events into one client format's stream. Owns block order, indices and the end of the stream. */
export interface StreamEncoder {
  /** Server-sent-event text for one event, "" when it has none (yet). */
  push(event: ChatEvent): string;
  /** After the last event of a reply that ended well: everything that is still owed, up to the end marker. */
  finish(usage: Usage): string;
  /** Instead of `finish`: the protocol's error event, then the protocol's end. */
  fail(error: GatewayError, requestId: string): string;
}

/** Passes a same-format stream through, frame by frame, changing only what must change. */
export interface StreamPassthrough {
  /** The frame's text to send: its own bytes, a patched frame, or "" to leave it out. `events` are the frame's own. */
  push(frame: SseFrame, events: readonly ChatEvent[]): string;
  /** Ends a stream that we stop at the hold's ceiling: a finish for "length" of our own, then what `finish` writes. */
  cut(usage: Usage): string;
  finish(usage: Usage): string;
  fail(error: GatewayError, requestId: string): string;
}

/** A format that clients speak to us. */
export interface ClientFormat {
  readonly name: ClientFormatName;
  /** What of a request stands outside its body, so that two with one body are told apart. Absent: nothing. */
  readonly target?: string;
  /** What a stream says while nothing is there to be said. Absent: a comment of server-sent events. */
  readonly keepAlive?: string;
  /**
   * What of a request's headers belongs to the protocol.
   * @throws GatewayError `invalid_value` for one that has not its shape
   */
  readProtocolHeaders(headers: Headers): ProtocolHeaders;
  /**
   * Validates a body.
   * @throws GatewayError with the row of design/bad-input that applies
   */
  parse(body: JsonObject, text: string, protocolHeaders?: ProtocolHeaders): ParsedCall;
  createStreamEncoder(context: ReplyContext): StreamEncoder;
  createStreamPassthrough(context: ReplyContext): StreamPassthrough;
  /** The non-streamed reply, from all events of a reply and the usage it is charged for. */
  encodeReply(events: readonly ChatEvent[], usage: Usage, context: ReplyContext): string;
  /** A same-format reply: the provider's own text with our cost spliced into its usage, nothing else touched. */
  passReply(text: string, body: JsonObject, usage: Usage, context: ReplyContext): string;
}
