import { AuthorizationError } from "../providers/authorization-error.ts";
import type { ProviderFailure } from "../providers/wire-format.ts";
import { AttemptAborted, type AttemptFailure } from "./attempt-failure.ts";

/** What one try at one candidate came to. */
export type AttemptResult<Reply> =
  | { readonly kind: "answered"; readonly reply: Reply }
  | FailedAttempt
  /** The client has left: nobody waits for an answer. */
  | { readonly kind: "abandoned" };

export interface FailedAttempt {
  readonly kind: "failed";
  readonly failure: AttemptFailure;
  /** The provider's own explanation, for a refusal that the client must understand. */
  readonly refusal: ProviderFailure | null;
  readonly retryAfterMs: number | null;
}

export interface AttemptLimits {
  /** From the start of the call to the first semantic event of a stream, milliseconds. */
  readonly firstTokenMs: number;
  /** Between semantic events, milliseconds. */
  readonly idleMs: number;
  /** When the whole request must be over, milliseconds since the epoch. */
  readonly deadlineMs: number;
}

export function failedAttempt(failure: AttemptFailure): FailedAttempt {
  return { kind: "failed", failure, refusal: null, retryAfterMs: null };
}

/** What a call that rejected came to: `error` is the abort's reason where it was aborted. */
export function attemptOfError(error: unknown): AttemptResult<never> {
  if (error instanceof AttemptAborted) {
    if (error.reason === "client-gone") return { kind: "abandoned" };
    return failedAttempt({ kind: "timeout", status: null });
  }
  if (error instanceof AuthorizationError) return failedAttempt({ kind: error.reason, status: null });
  if (error instanceof Error && error.name === "UpstreamBodyTooLarge") {
    return failedAttempt({ kind: "garbage", status: 200 });
  }
  return failedAttempt({ kind: "unreachable", status: null });
}
