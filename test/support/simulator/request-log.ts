import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonObject } from "../../../lib/protocol/json.ts";
import type { VendorRoute } from "./vendors.ts";

/** One request as it came, and what became of its reply. */
export class RecordedRequest {
  readonly provider: string;
  readonly wire: VendorRoute["wire"];
  readonly operation: VendorRoute["operation"];
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: JsonObject;
  /** What was sent as a form. */
  readonly form: FormData | null;
  /** The native id that was asked for. */
  readonly model: string;
  #state: "open" | "finished" | "aborted" = "open";
  #bytesSent = 0;
  readonly #closed = Promise.withResolvers<void>();
  readonly #held = Promise.withResolvers<void>();

  constructor(seen: SeenRequest, response: ServerResponse) {
    this.provider = seen.route.provider;
    this.wire = seen.route.wire;
    this.operation = seen.route.operation;
    this.method = seen.request.method ?? "";
    this.path = seen.url.pathname;
    this.query = seen.url.search;
    this.headers = seen.request.headers;
    this.text = seen.text;
    this.body = seen.body;
    this.form = seen.form;
    this.model = seen.model;
    const { socket } = response;
    const sentBefore = socket?.bytesWritten ?? 0;
    response.once("close", () => {
      this.#bytesSent = (socket?.bytesWritten ?? 0) - sentBefore;
      this.#state = response.writableFinished ? "finished" : "aborted";
      this.#closed.resolve();
    });
  }

  /** `aborted`: the connection ended before the reply did, whoever ended it. */
  get state(): "open" | "finished" | "aborted" {
    return this.#state;
  }

  /** Bytes of the reply that left the simulator, known when it is over. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** What another process may want to know of it. */
  get summary(): object {
    return { provider: this.provider, path: this.path, body: this.body, state: this.#state };
  }

  /** Resolves when the reply is over, one way or the other. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Resolves when a held reply has reached its place, or an endless one has begun. */
  get held(): Promise<void> {
    return this.#held.promise;
  }

  holds(): void {
    this.#held.resolve();
  }
}

export interface SeenRequest {
  readonly route: VendorRoute;
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: JsonObject;
  readonly form: FormData | null;
  readonly text: string;
  readonly model: string;
}

/** The requests that reached the simulator, in order. */
export class RequestLog {
  #requests: RecordedRequest[] = [];
  #waiting: { readonly count: number; readonly resolve: (request: RecordedRequest) => void }[] = [];

  get all(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** How many requests a provider has got. */
  count(provider: string): number {
    return this.#requests.filter((request) => request.provider === provider).length;
  }

  get last(): RecordedRequest {
    const request = this.#requests.at(-1);
    if (request === undefined) throw new Error("No request has reached the simulator.");
    return request;
  }

  /** The n-th request since the last reset, counted from 1, as soon as it is there. */
  nth(count: number): Promise<RecordedRequest> {
    const known = this.#requests[count - 1];
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  add(seen: SeenRequest, response: ServerResponse): RecordedRequest {
    const record = new RecordedRequest(seen, response);
    this.#requests.push(record);
    for (const waiter of this.#waiting) if (waiter.count === this.#requests.length) waiter.resolve(record);
    this.#waiting = this.#waiting.filter((waiter) => waiter.count > this.#requests.length);
    return record;
  }

  clear(): void {
    this.#requests = [];
    this.#waiting = [];
  }
}
