import { ERROR_CATALOG, type ErrorCode } from "./error-catalog.ts";

export interface GatewayErrorDetails {
  /** The offending field in the client's own notation: `messages[0].role`. */
  readonly param?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Extra response headers, for example `allow` or `x-ratelimit-limit`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The request that the error is about, where that is not the one that is refused. */
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** Ends the request. `message` says what was wrong and what to do; never a key, a prompt or a stack. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterSeconds: number | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: the id of the request that it ends. */
  readonly requestId: string | null;

  constructor(code: ErrorCode, message: string, details: GatewayErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.param = details.param ?? null;
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
    this.headers = details.headers ?? {};
    this.requestId = details.requestId ?? null;
  }

  /** The same error, told under the id of the request that it is about. */
  about(requestId: string): GatewayError {
    return new GatewayError(this.code, this.message, {
      param: this.param ?? undefined,
      retryAfterSeconds: this.retryAfterSeconds ?? undefined,
      headers: this.headers,
      requestId,
      cause: this.cause,
    });
  }

  /** The same error, about another field. */
  at(param: string): GatewayError {
    return this.#with({ param });
  }

  /** The same error with further response headers. */
  withHeaders(headers: Readonly<Record<string, string>>): GatewayError {
    return this.#with({ headers: { ...this.headers, ...headers } });
  }

  #with(changes: GatewayErrorDetails): GatewayError {
    const { param, retryAfterSeconds, headers, cause } = this;
    const kept = { param: param ?? undefined, retryAfterSeconds: retryAfterSeconds ?? undefined, headers, cause };
    return new GatewayError(this.code, this.message, { ...kept, ...changes });
  }

  get status(): number {
    return ERROR_CATALOG[this.code].status;
  }
}

const MAX_ECHO_CHARACTERS = 64;

/** Client input as it may appear in a message: at most 64 characters, control characters replaced. */
export function echo(input: string): string {
  const printable = input.replace(/[\p{Cc}\p{Cs}]/gu, "?");
  return printable.length > MAX_ECHO_CHARACTERS ? `${printable.slice(0, MAX_ECHO_CHARACTERS - 1)}…` : printable;
}
