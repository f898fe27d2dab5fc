import { ERROR_CATALOG } from "./error-catalog.ts";
import type { GatewayError } from "./gateway-error.ts";

export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    readonly request_id: string;
  };
}

export interface AnthropicErrorBody {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id: string;
}

export function openAiErrorBody(error: GatewayError, requestId: string): OpenAiErrorBody {
  const { openai: type } = ERROR_CATALOG[error.code];
  return { error: { message: error.message, type, param: error.param, code: error.code, request_id: requestId } };
}

/** Anthropic's body has no place for a code or a param; both are in the message's first words. */
export function anthropicErrorBody(error: GatewayError, requestId: string): AnthropicErrorBody {
  const { anthropic: type } = ERROR_CATALOG[error.code];
  const message = error.param === null ? error.message : `${error.param}: ${error.message}`;
  return { type: "error", error: { type, message }, request_id: requestId };
}

export interface GoogleErrorBody {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly status: string;
    readonly details: readonly { readonly "@type": string; readonly [field: string]: unknown }[];
  };
}

/** Names of google.rpc.Code by the HTTP status that stands for each (cloud.google.com/apis/design/errors, read 2026-11-25). */
const GOOGLE_STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "FAILED_PRECONDITION",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  422: "FAILED_PRECONDITION",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** google.rpc.Status as JSON: our code is the reason in its ErrorInfo, a wait is its RetryInfo. */
export function googleErrorBody(error: GatewayError, requestId: string): GoogleErrorBody {
  const metadata = { request_id: requestId, ...(error.param === null ? {} : { param: error.param }) };
  const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: error.code, domain: "gangway", metadata };
  const retryDelay = `${error.retryAfterSeconds ?? 0}s`;
  const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay };
  return {
    error: {
      code: error.status,
      message: error.param === null ? error.message : `${error.param}: ${error.message}`,
      status: GOOGLE_STATUS[error.status] ?? (error.status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT"),
      details: error.retryAfterSeconds === null ? [info] : [info, retry],
    },
  };
}
