import type { ClientStream } from "../ports/client-stream.ts";
import type { InferenceReply } from "./inference-call.ts";

/** A second connection is given a stream from its beginning; one that has said more than this cannot be joined any more. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** The streams of this isolate that were asked for under an Idempotency-Key, by the key's id, while they run. */
export class LiveStreams {
  readonly #live = new Map<string, LiveStream>();

  /** Announces a stream before it is admitted. Null: it runs already, or is about to. */
  claim(id: string, signal: AbortSignal | null): LiveStream | null {
    if (this.#live.has(id)) return null;
    const live: LiveStream = new LiveStream(() => {
      if (this.#live.get(id) === live) this.#live.delete(id);
    });
    this.#live.set(id, live);
    live.addParty(signal);
    return live;
  }

  /** The reply of a running stream once more, from its beginning. Null: there is none here that could be joined. */
  async join(id: string, signal: AbortSignal | null): Promise<InferenceReply | null> {
    const live = this.#live.get(id);
    if (live === undefined || live.signal.aborted) return null;
    live.addParty(signal);
    return live.join();
  }
}

/** One stream and everybody who listens to it. It is left when the last of them has left. */
export class LiveStream {
  readonly #onEnd: () => void;
  readonly #opened = Promise.withResolvers<InferenceReply | null>();
  readonly #everybodyGone = new AbortController();
  #parties = 0;
  #shared: SharedStream | null = null;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    // Without anybody who joined, nobody hears of a failure here.
    this.#opened.promise.catch(() => {});
  }

  /** Aborts when every party has left before the stream had begun. */
  get signal(): AbortSignal {
    return this.#everybodyGone.signal;
  }

  addParty(signal: AbortSignal | null): void {
    this.#parties += 1;
    if (signal?.aborted === true) this.#leave();
    else signal?.addEventListener("abort", () => this.#leave(), { once: true });
  }

  /** The stream has begun: gives the first party its own reading of it. */
  open(reply: InferenceReply): InferenceReply {
    if (typeof reply.body === "string") {
      this.end(reply);
      return reply;
    }
    this.#shared = new SharedStream(reply.body, () => this.#onEnd());
    this.#opened.resolve(reply);
    return { ...reply, body: this.#shared.read() ?? reply.body };
  }

  /** There is no stream to join: the reply came whole, or not at all. */
  end(reply: InferenceReply | null): void {
    this.#onEnd();
    this.#opened.resolve(reply);
  }

  fail(error: unknown): void {
    this.#onEnd();
    this.#opened.reject(error);
  }

  async join(): Promise<InferenceReply | null> {
    const reply = await this.#opened.promise;
    if (reply === null || typeof reply.body === "string") return reply;
    const body = this.#shared?.read() ?? null;
    return body === null ? null : { ...reply, body };
  }

  #leave(): void {
    this.#parties -= 1;
    if (this.#parties === 0) this.#everybodyGone.abort();
  }
}

/**
 * A stream with several readers. Each piece is asked for once and kept until every reader has had it, and while the stream
 * is short for those who come late. A reader may run ahead of the slowest by what is kept at the most.
 */
class SharedStream {
  readonly #source: ClientStream;
  readonly #onEnd: () => void;
  readonly #readers = new Set<Reader>();
  /** Pieces from `#offset` on; the first one is dropped once it is too late to join. */
  readonly #kept: Uint8Array[] = [];
  #offset = 0;
  #keptBytes = 0;
  #joinable = true;
  #pulling: Promise<void> | null = null;
  #ended = false;
  #room = Promise.withResolvers<void>();

  constructor(source: ClientStream, onEnd: () => void) {
    this.#source = source;
    this.#onEnd = onEnd;
  }

  /** A reading from the first piece, or null when that is not kept any more. */
  read(): ClientStream | null {
    if (!this.#joinable || this.#ended) return null;
    const reader: Reader = { at: 0 };
    this.#readers.add(reader);
    return {
      next: () => this.#next(reader),
      leave: () => this.#leave(reader),
    };
  }

  async #next(reader: Reader): Promise<Uint8Array | null> {
    while (this.#readers.has(reader)) {
      const piece = this.#kept[reader.at - this.#offset];
      if (piece !== undefined) {
        reader.at += 1;
        this.#forget();
        return piece;
      }
      if (this.#ended) break;
      if (!this.#joinable && this.#keptBytes > MAX_KEPT_BYTES) await this.#room.promise;
      else {
        this.#pulling ??= this.#pull();
        await this.#pulling;
      }
    }
    return null;
  }

  async #pull(): Promise<void> {
    let piece: Uint8Array | null = null;
    try {
      piece = await this.#source.next();
    } finally {
      this.#pulling = null;
      // A source that failed has ended as well: every reader that waits hears of the failure, and nobody joins any more.
      if (piece === null) this.#end();
    }
    if (piece === null) return;
    this.#kept.push(piece);
    this.#keptBytes += piece.byteLength;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.#joinable = false;
  }

  /** Drops what every reader has had, once nobody can join. */
  #forget(): void {
    if (this.#joinable) return;
    const slowest = Math.min(...[...this.#readers].map(({ at }) => at));
    while (this.#offset < slowest && this.#kept.length > 0) {
      this.#keptBytes -= this.#kept.shift()?.byteLength ?? 0;
      this.#offset += 1;
    }
    this.#room.resolve();
    this.#room = Promise.withResolvers<void>();
  }

  #leave(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size > 0) this.#forget();
    else if (!this.#ended) {
      this.#end();
      this.#source.leave();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#onEnd();
  }
}

interface Reader {
  at: number;
}
