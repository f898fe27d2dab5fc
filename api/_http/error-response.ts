import { anthropicErrorBody, googleErrorBody, openAiErrorBody } from "../../lib/errors/error-bodies.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";

/** Whose error body a client expects. */
export type Dialect = "openai" | "anthropic" | "google";

/** Anthropic's on its own routes, and wherever its clients' version header is sent; Google's on its own. */
export function dialectOf(request: Request): Dialect {
  if (request.headers.has("anthropic-version")) return "anthropic";
  const pathStart = request.url.indexOf("/", "https://".length);
  if (request.url.startsWith("/v1beta/", pathStart)) return "google";
  return request.url.startsWith("/v1/messages", pathStart) ? "anthropic" : "openai";
}

const BODIES: Readonly<Record<Dialect, (error: GatewayError, requestId: string) => object>> = {
  openai: openAiErrorBody,
  anthropic: anthropicErrorBody,
  google: googleErrorBody,
};

/** The one place where an error becomes a response. */
export function errorResponse(error: GatewayError, request: Request, ownRequestId: string): Response {
  const requestId = error.requestId ?? ownRequestId;
  const dialect = dialectOf(request);
  const body = BODIES[dialect](error, requestId);
  const headers: Record<string, string> = {
    ...error.headers,
    "content-type": "application/json",
    ...idHeaders(dialect, requestId),
  };
  if (error.retryAfterSeconds !== null) headers["retry-after"] = String(Math.ceil(error.retryAfterSeconds));
  const advice = retryAdvice(error);
  if (advice !== null) headers["x-should-retry"] = advice;
  if (error.status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(request.method === "HEAD" ? null : JSON.stringify(body), { status: error.status, headers });
}

/** `request-id` is where Anthropic's clients look (docs.anthropic.com/en/api/errors, read 2026-11-23). */
export function idHeaders(dialect: Dialect, requestId: string): Record<string, string> {
  return dialect === "anthropic"
    ? { "x-request-id": requestId, "request-id": requestId }
    : { "x-request-id": requestId };
}

/**
 * Both vendors' clients retry 408, 409, 429 and 5xx by themselves and obey `x-should-retry` over that. It is said only
 * where their own rule is wrong: a refusal that repeats for ever, or one outside that list that a wait resolves.
 */
function retryAdvice(error: GatewayError): "true" | "false" | null {
  const { status, retryAfterSeconds } = error;
  if (status >= 500 || status === 408) return null;
  if (retryAfterSeconds === null) return "false";
  return status === 429 || status === 409 ? null : "true";
}

/** Whatever else is thrown is a fault of ours: the client learns the id under which the log tells the rest (B114). */
export function internalError(): GatewayError {
  return new GatewayError(
    "internal_error",
    "Something went wrong in the gateway. Quote the request id to its operator.",
  );
}
