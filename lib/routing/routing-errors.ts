import { echo, GatewayError } from "../errors/gateway-error.ts";
import type { ProviderFailure } from "../providers/wire-format.ts";
import type { AttemptFailure } from "./attempt-failure.ts";

/** A provider's refusal of what the client asked, in our words and, as far as it is fit, in its own. */
export function rejectedError(refusal: ProviderFailure | null): GatewayError {
  const details = refusal?.param === null || refusal === null ? {} : { param: echo(refusal.param) };
  if (refusal?.contextLengthExceeded === true) {
    return new GatewayError(
      "context_length_exceeded",
      refusal.message ?? "The prompt does not fit the model's context.",
      details,
    );
  }
  const message = refusal?.message ?? "The provider refused the request as invalid.";
  return new GatewayError("provider_rejected_request", message, details);
}

/** Nobody who serves the model is left by the preferences of a call, `reasons` (B87). */
export function nobodyLeft(modelId: string, reasons: ReadonlySet<string>): GatewayError {
  const [first = "provider"] = reasons;
  const message = `No configured provider of ${modelId} is left by ${[...reasons].join(", ")}. Relax it, or choose another model.`;
  return new GatewayError("no_provider_matches", message, { param: first });
}

/** A provider keeps answering 429, and nobody else is asked. */
export function rateLimitedError(retryAfterMs: number | null): GatewayError {
  const retryAfterSeconds = Math.max(1, Math.ceil((retryAfterMs ?? 1000) / 1000));
  return new GatewayError("provider_rate_limited", `The provider limits requests. Retry in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}

/** The account's own key was refused, and there is no other to ask with. */
export function callerKeyRefused(provider: string, failure: AttemptFailure): GatewayError {
  const why =
    failure.kind === "payment"
      ? "says that its account has no credit"
      : `refuses it (status ${failure.status ?? "none"})`;
  const message = `This account's own key for ${provider} does not serve: ${provider} ${why}. Replace it with POST /user/provider-keys.`;
  return new GatewayError("provider_key_refused", message);
}

/** Nobody is left to ask; `failure` is what the last one came to, null when nobody was asked at all. */
export function exhaustedError(failure: AttemptFailure | null, retryAfterSeconds: number): GatewayError {
  switch (failure?.kind) {
    case "timeout":
      return new GatewayError("provider_timeout", "No provider answered in time.", { retryAfterSeconds });
    case "rate-limited":
      return rateLimitedError(retryAfterSeconds * 1000);
    case "server-error":
    case "garbage":
    case "credentials":
    case "payment":
    case "forbidden":
    case "not-served":
    case "rejected":
      return new GatewayError("provider_error", "Every provider of this model failed to answer.", {
        retryAfterSeconds,
      });
    case "unreachable":
    case "overloaded":
    case undefined:
      return new GatewayError("no_provider_available", "No provider of this model is available now.", {
        retryAfterSeconds,
      });
  }
}
