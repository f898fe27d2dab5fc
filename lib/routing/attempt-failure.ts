import type { BreakerOutcome } from "../health/breaker-state.ts";

/** Why the gateway itself dropped a call to a provider; the abort reason that its controller carries. */
export class AttemptAborted extends Error {
  override readonly name = "AttemptAborted";
  readonly reason: "timeout" | "client-gone" | "cut";

  constructor(cause: AttemptAborted["reason"]) {
    super(cause);
    this.reason = cause;
  }
}

/** What became of one try at a provider, for the attempt record and the final error. */
export type FailureKind =
  | "unreachable" // refused, reset, name not found, redirected
  | "timeout"
  | "overloaded" // 503, 529
  | "server-error" // other 5xx
  | "credentials" // 401
  | "payment" // 402
  | "forbidden" // 403
  | "not-served" // 404
  | "rate-limited" // 429
  | "rejected" // 400 and its kin
  | "garbage"; // an answer that is none

export interface AttemptFailure {
  readonly kind: FailureKind;
  /** The provider's HTTP status, null when none came. */
  readonly status: number | null;
}

/** The failure that a status stands for; statuses below 400 do not reach this. */
export function failureOfStatus(status: number): AttemptFailure {
  return { kind: kindOfStatus(status), status };
}

function kindOfStatus(status: number): FailureKind {
  if (status === 401) return "credentials";
  if (status === 402) return "payment";
  if (status === 403) return "forbidden";
  if (status === 404 || status === 405 || status === 410) return "not-served";
  if (status === 408) return "timeout";
  if (status === 429) return "rate-limited";
  if (status === 503 || status === 529) return "overloaded";
  if (status >= 500) return "server-error";
  return status >= 400 ? "rejected" : "unreachable";
}

/**
 * What a failure says of the provider's health, or null when it says nothing: a model that it does not serve, a
 * request it was right to refuse and a rate limit are no sign of illness.
 */
export function breakerOutcome(kind: FailureKind): BreakerOutcome | null {
  switch (kind) {
    case "not-served":
    case "rejected":
    case "rate-limited":
      return null;
    case "credentials":
      return "credentials-refused";
    case "unreachable":
    case "timeout":
    case "overloaded":
    case "server-error":
    case "payment":
    case "forbidden":
    case "garbage":
      return "failure";
  }
}

/** A refusal of the key rather than of the request: with a caller's own key it says nothing of the provider. */
export function isOfKey(kind: FailureKind): boolean {
  return kind === "credentials" || kind === "payment" || kind === "forbidden" || kind === "rate-limited";
}

/** True when another provider may do better (CM-5.1.3 to CM-5.1.11; 500 and 529 as in the fault table, F23). */
export function mayGoElsewhere(kind: FailureKind): boolean {
  return kind !== "rejected" && kind !== "rate-limited";
}
