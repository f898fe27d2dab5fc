/** One request to a provider. Headers are built from nothing: no client header is copied into them. */
export interface UpstreamRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is read once, as fast as the provider takes it; what it throws ends the call. */
  readonly body: string | AsyncIterable<Uint8Array> | null;
}

/** One whose body is there in one piece. */
export type TextRequest = UpstreamRequest & { readonly body: string | null };

export interface UpstreamReply {
  readonly status: number;
  /** A header's value by lower-case name, or null. */
  header(name: string): string | null;
  readonly body: UpstreamBody;
}

/** The reply's bytes as they arrive, read once: either iterated or read whole. */
export interface UpstreamBody extends AsyncIterable<Uint8Array> {
  /**
   * Reads to the end as UTF-8.
   * @throws UpstreamBodyTooLarge past `maxBytes`, counted after any decoding
   */
  text(maxBytes: number): Promise<string>;
  /** Drops the connection. Safe to call more than once and after the end. */
  cancel(): void;
}

export class UpstreamBodyTooLarge extends Error {
  override readonly name = "UpstreamBodyTooLarge";
}

/**
 * Sends one request. Never follows a redirect. Rejects only when no reply came: refused, reset, name not found,
 * aborted, or no headers within `connectTimeoutMs`-like bounds that the caller enforces with `signal`.
 * Node: an undici Pool per origin (docs/decisions). Workers and Vercel: fetch.
 */
export type CallUpstream = (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamReply>;
