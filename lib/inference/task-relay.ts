import { openAiErrorBody } from "../errors/error-bodies.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { ClientStream } from "../ports/client-stream.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../protocol/json.ts";
import { createSseParser, type SseFrame } from "../protocol/sse/sse-parser.ts";
import type { ParsedTask } from "../protocol/tasks/task.ts";
import { AttemptAborted } from "../routing/attempt-failure.ts";
import type { StreamReply } from "../routing/task-attempt.ts";
import type { TaskEnd, TaskSettlement } from "./task-settlement.ts";

/** An event of a streamed image holds the whole of it as base64. */
const MAX_EVENT_CHARACTERS = 32 * 1024 * 1024;

/** What a piece of a stream says, beside being passed on. */
interface Inspected {
  readonly bytes: Uint8Array;
  /** Set where the provider says that it failed. */
  readonly failure: GatewayError | null;
}

/** Looks at what passes. */
interface Inspector {
  inspect(piece: Uint8Array): Inspected;
  /** After the last piece: what was kept back for want of its end. */
  finish(): Inspected;
  /** After the last piece: true for an answer that is whole. */
  readonly complete: boolean;
  /** The last words of a stream that failed. */
  fail(error: GatewayError, requestId: string): Uint8Array;
}

/** A recording: every piece is as good as the next, and a failure can only be seen by its end being missing. */
const BYTES: Inspector = {
  inspect: (bytes) => ({ bytes, failure: null }),
  finish: () => ({ bytes: new Uint8Array(), failure: null }),
  complete: true,
  fail: () => new Uint8Array(),
};

/** Passes a provider's stream on to the client, meters what it reports and settles once at its end. */
export class TaskRelay implements ClientStream {
  readonly #reply: StreamReply;
  readonly #settlement: TaskSettlement;
  readonly #requestId: string;
  readonly #inspector: Inspector;
  #first: Uint8Array | null;
  #ended = false;

  constructor(reply: StreamReply, call: ParsedTask, settlement: TaskSettlement, requestId: string) {
    this.#reply = reply;
    this.#settlement = settlement;
    this.#requestId = requestId;
    this.#first = reply.stream.first;
    const events = reply.contentType.startsWith("text/event-stream");
    this.#inspector = events ? new EventInspector(call, settlement) : BYTES;
  }

  async next(): Promise<Uint8Array | null> {
    while (!this.#ended) {
      const bytes = await this.#next();
      if (bytes !== null && bytes.byteLength > 0) return bytes;
    }
    return null;
  }

  leave(): void {
    if (this.#ended) return;
    this.#reply.stream.abort(new AttemptAborted("client-gone"));
    this.#end("client-gone");
  }

  async #next(): Promise<Uint8Array | null> {
    const { rest, watchdog } = this.#reply.stream;
    let piece: Uint8Array | null = this.#first;
    this.#first = null;
    try {
      piece ??= (await rest.next()).value ?? null;
    } catch (error) {
      return this.#ended ? null : this.#fail(errorOf(error));
    }
    if (this.#ended) return null;
    if (piece === null) return this.#finish();
    watchdog.touch();
    const { bytes, failure } = this.#inspector.inspect(piece);
    return failure === null ? bytes : this.#fail(failure);
  }

  /** What is left of a stream that has come to its end. */
  #finish(): Uint8Array {
    const { bytes, failure } = this.#inspector.finish();
    if (failure !== null) return this.#fail(failure);
    if (!this.#inspector.complete) {
      return this.#fail(new GatewayError("stream_truncated", "The provider's stream broke off."));
    }
    this.#end("completed");
    return bytes;
  }

  #fail(error: GatewayError): Uint8Array {
    this.#reply.stream.abort(new AttemptAborted("cut"));
    this.#end("provider-failed");
    return this.#inspector.fail(error, this.#requestId);
  }

  #end(end: TaskEnd): void {
    this.#ended = true;
    this.#reply.stream.watchdog.stop();
    this.#settlement.settle(end);
  }
}

/** Server-sent events in OpenAI's shape: `{"type": "transcript.text.done", "usage": …}`. */
class EventInspector implements Inspector {
  readonly #read: ReturnType<ParsedTask["format"]["eventReader"]>;
  readonly #settlement: TaskSettlement;
  readonly #parser = createSseParser(MAX_EVENT_CHARACTERS);
  readonly #encoder = new TextEncoder();
  complete = false;

  constructor(call: ParsedTask, settlement: TaskSettlement) {
    this.#read = call.format.eventReader(call);
    this.#settlement = settlement;
  }

  inspect(piece: Uint8Array): Inspected {
    return this.#inspect(this.#parser.push(piece));
  }

  finish(): Inspected {
    return this.#inspect(this.#parser.end());
  }

  #inspect(frames: readonly SseFrame[]): Inspected {
    let text = "";
    for (const frame of frames) {
      const event = eventOf(frame);
      if (event !== null && (event["type"] === "error" || isJsonObject(event["error"]))) {
        const failure = new GatewayError("provider_error", "The provider reported an error while answering.");
        return { bytes: this.#encoder.encode(text), failure };
      }
      if (event !== null) {
        const { consumed, completes } = this.#read(event);
        this.#settlement.note(consumed);
        if (completes) this.complete = true;
      }
      text += frame.raw;
    }
    const failure = this.#parser.overflowed
      ? new GatewayError("provider_error", "The provider sent an event past the size cap.")
      : null;
    return { bytes: this.#encoder.encode(text), failure };
  }

  fail(error: GatewayError, requestId: string): Uint8Array {
    const body = JSON.stringify(openAiErrorBody(error, requestId));
    return this.#encoder.encode(`event: error\ndata: ${body}\n\n`);
  }
}

function eventOf({ data }: SseFrame): JsonObject | null {
  return data?.startsWith("{") === true ? parseJsonObject(data) : null;
}

function errorOf(cause: unknown): GatewayError {
  if (cause instanceof AttemptAborted && cause.reason === "timeout") {
    return new GatewayError("provider_timeout", "The provider stopped sending before its answer was complete.", {
      cause,
    });
  }
  return new GatewayError("provider_error", "The connection to the provider broke before its answer was complete.", {
    cause,
  });
}
