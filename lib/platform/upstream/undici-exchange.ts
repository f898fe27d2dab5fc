import type { Dispatcher } from "undici";
import { type UpstreamBody, UpstreamBodyTooLarge, type UpstreamReply } from "../../ports/upstream.ts";

/** With this much that nobody has read yet, the provider's socket is not read either. */
const MAX_WAITING_BYTES = 64 * 1024;

/** Holds no state between calls: it is never used in streaming mode. */
const UTF8 = new TextDecoder();

type Piece = IteratorResult<Uint8Array, undefined>;
type Controller = Dispatcher.DispatchController;
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

/**
 * One request through an undici pool, its reply and that reply's body in one object that takes the connection's events
 * itself: a stream, a promise chain and an iterator for every reply would cost more than all the rest of the call.
 */
export class UndiciExchange implements Dispatcher.DispatchHandler, UpstreamReply, UpstreamBody {
  /** The reply, once its head has come. */
  readonly reply: Promise<UpstreamReply>;
  readonly body: UpstreamBody = this;
  status = 0;
  readonly #answered = Promise.withResolvers<UpstreamReply>();
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#drop(this.#signal.reason);
  #headers: Headers = {};
  #controller: Controller | null = null;
  /** What has arrived and nobody has read. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Woken when something has arrived or the body is over. */
  #reader: (() => void) | null = null;
  /** Set while the body is read whole: past this it is given up. */
  #maxBytes = Number.POSITIVE_INFINITY;
  #readsWhole = false;
  #over = false;
  #error: unknown = null;

  constructor(signal: AbortSignal) {
    this.reply = this.#answered.promise;
    this.#signal = signal;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#over) controller.abort(asError(this.#error));
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    if (status < 200) return; // informational: the answer is still to come
    this.status = status;
    this.#headers = headers;
    this.#answered.resolve(this);
  }

  onResponseData(controller: Controller, bytes: Uint8Array): void {
    if (this.#over) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#readsWhole) {
      if (this.#waitingBytes > this.#maxBytes) this.#drop(tooLarge(this.#maxBytes));
      return;
    }
    if (this.#waitingBytes >= MAX_WAITING_BYTES) controller.pause();
    this.#wake();
  }

  onResponseEnd(): void {
    this.#finish(null);
  }

  onResponseError(_controller: Controller, error: unknown): void {
    this.#finish(error);
  }

  header(name: string): string | null {
    const value = this.#headers[name];
    return Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.cancel();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async text(maxBytes: number): Promise<string> {
    this.#maxBytes = maxBytes;
    this.#readsWhole = true;
    this.#controller?.resume();
    if (this.#waitingBytes > maxBytes) this.#drop(tooLarge(maxBytes));
    while (!this.#over) await this.#arrival();
    if (this.#error !== null) throw this.#error;
    const [only = new Uint8Array()] = this.#waiting;
    return UTF8.decode(this.#waiting.length <= 1 ? only : Buffer.concat(this.#waiting));
  }

  cancel(): void {
    this.#drop(new Error("The reply was not wanted any more."));
  }

  async #next(): Promise<Piece> {
    while (this.#waiting.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#over) return { done: true, value: undefined };
      await this.#arrival();
    }
    // What arrived together is read together: one decoding for all of it.
    const [only = new Uint8Array()] = this.#waiting;
    const value = this.#waiting.length === 1 ? only : Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#controller?.resume();
    return { done: false, value };
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = null;
    reader?.();
  }

  /** Ends the exchange from this side: the connection is closed, a reader gets `reason`. */
  #drop(reason: unknown): void {
    if (this.#over) return;
    this.#waiting = [];
    this.#finish(reason);
    this.#controller?.abort(asError(reason));
  }

  #finish(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#signal.removeEventListener("abort", this.#onAbort);
    if (error !== null) this.#answered.reject(error);
    this.#wake();
  }
}

function tooLarge(maxBytes: number): UpstreamBodyTooLarge {
  return new UpstreamBodyTooLarge(`The body is larger than ${maxBytes} bytes.`);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
