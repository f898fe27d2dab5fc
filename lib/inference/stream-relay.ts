import { GatewayError } from "../errors/gateway-error.ts";
import { type ChatEvent, isSemantic } from "../protocol/chat-event.ts";
import type { StreamEncoder, StreamPassthrough } from "../protocol/client-format.ts";
import type { Usage } from "../protocol/usage.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import { AttemptAborted } from "../routing/attempt-failure.ts";
import type { DecodedFrame } from "../routing/provider-stream.ts";
import type { SpendCeiling } from "./spend-ceiling.ts";
import type { UsageMeter } from "./usage-meter.ts";

export type StreamReply = ProviderReply & { readonly kind: "stream" };

/** How a stream ended: what settlement charges for depends on it. */
export type StreamEnd =
  | { readonly kind: "completed" }
  /** The hold's ceiling was reached and could not be raised. */
  | { readonly kind: "cut" }
  | { readonly kind: "failed"; readonly error: GatewayError }
  | { readonly kind: "client-gone" };

/** Either way of writing the client's stream, behind one interface. */
export interface StreamWriter {
  push(decoded: DecodedFrame): string;
  /** Ends a stream that this gateway stops: the finish event that the provider did not send. */
  cut(usage: Usage): string;
  finish(usage: Usage): string;
  fail(error: GatewayError, requestId: string): string;
}

const CUT_EVENT: ChatEvent = { kind: "finish", choice: 0, reason: "length", nativeReason: null, stopSequence: null };

export function translatingWriter(encoder: StreamEncoder): StreamWriter {
  return {
    push: ({ events }) => {
      let text = "";
      for (const event of events) text += encoder.push(event);
      return text;
    },
    cut: (usage) => encoder.push(CUT_EVENT) + encoder.finish(usage),
    finish: (usage) => encoder.finish(usage),
    fail: (error, requestId) => encoder.fail(error, requestId),
  };
}

export function passingWriter(passthrough: StreamPassthrough): StreamWriter {
  return {
    push: ({ frame, events }) => passthrough.push(frame, events),
    cut: (usage) => passthrough.cut(usage),
    finish: (usage) => passthrough.finish(usage),
    fail: (error, requestId) => passthrough.fail(error, requestId),
  };
}

export interface RelayParties {
  readonly reply: StreamReply;
  readonly writer: StreamWriter;
  readonly meter: UsageMeter;
  readonly ceiling: SpendCeiling | null;
  readonly requestId: string;
  /** Called once, whatever happens. */
  readonly onEnd: (end: StreamEnd) => void;
}

/**
 * Passes a committed stream on to the client: meters each event, keeps within the hold, and turns every way in
 * which a provider can stop into a proper end of the client's protocol. After the commit there is no other provider.
 */
export class StreamRelay {
  readonly #parties: RelayParties;
  readonly #encoder = new TextEncoder();
  #head: readonly DecodedFrame[] | null;
  /** A finish event has passed: the reply is whole even if the provider then forgets its end marker. */
  #finished = false;
  #ended = false;

  constructor(parties: RelayParties) {
    this.#parties = parties;
    this.#head = parties.reply.head;
  }

  /** The next bytes for the client, or null after the last. Never rejects. */
  async next(): Promise<Uint8Array | null> {
    while (!this.#ended) {
      const text = await this.#nextText();
      if (text !== "") return this.#encoder.encode(text);
    }
    return null;
  }

  /** The client has left. The provider's connection is closed by whoever settles: some go on billing (and are drained). */
  leave(): void {
    this.#end({ kind: "client-gone" });
  }

  async #nextText(): Promise<string> {
    const { reply, meter, writer } = this.#parties;
    let batch: readonly DecodedFrame[] | null;
    try {
      batch = this.#head ?? (await reply.stream.next());
    } catch (error) {
      return this.#ended ? "" : this.#fail(errorOf(error));
    }
    this.#head = null;
    if (this.#ended) return "";
    if (batch === null) {
      if (!this.#finished) return this.#fail(new GatewayError("stream_truncated", "The provider's stream broke off."));
      return this.#complete("");
    }
    let text = "";
    let said = false;
    for (const decoded of batch) {
      for (const event of decoded.events) {
        meter.observe(event);
        if (isSemantic(event)) said = true;
        else if (event.kind === "finish") this.#finished = true;
        else if (event.kind === "error") return text + this.#fail(providerError(event.status));
        else if (event.kind === "end") return this.#complete(text + writer.push(decoded));
      }
      text += writer.push(decoded);
    }
    if (said) reply.watchdog.touch();
    return (await this.#withinCeiling()) ? text : text + this.#cut();
  }

  #withinCeiling(): boolean | Promise<boolean> {
    const { ceiling, meter } = this.#parties;
    return ceiling === null || this.#finished ? true : ceiling.allows(meter.meteredOutputTokens);
  }

  #complete(text: string): string {
    const { writer, meter } = this.#parties;
    const tail = writer.finish(meter.final());
    this.#end({ kind: "completed" });
    return text + tail;
  }

  #cut(): string {
    const tail = this.#parties.writer.cut(this.#parties.meter.interrupted());
    this.#parties.reply.abort(new AttemptAborted("cut"));
    this.#end({ kind: "cut" });
    return tail;
  }

  #fail(error: GatewayError): string {
    const tail = this.#parties.writer.fail(error, this.#parties.requestId);
    this.#end({ kind: "failed", error });
    return tail;
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#parties.reply.watchdog.stop();
    if (end.kind === "cut" || end.kind === "failed") this.#parties.reply.stream.cancel();
    this.#parties.onEnd(end);
  }
}

function errorOf(error: unknown): GatewayError {
  if (error instanceof AttemptAborted && error.reason === "timeout") {
    return new GatewayError("provider_timeout", "The provider stopped sending before its answer was complete.", {
      cause: error,
    });
  }
  return new GatewayError("provider_error", "The connection to the provider broke before its answer was complete.", {
    cause: error,
  });
}

function providerError(status: number): GatewayError {
  if (status === 429)
    return new GatewayError("provider_rate_limited", "The provider limited this request while answering.");
  return new GatewayError("provider_error", "The provider reported an error while answering.");
}
