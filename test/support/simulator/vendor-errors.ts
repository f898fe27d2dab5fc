import type { JsonObject } from "../../../lib/protocol/json.ts";

export type WireName = "openai" | "anthropic" | "gemini" | "cohere" | "bedrock";

/** An answer that is an error, in its vendor's own shape. */
export interface VendorError {
  readonly status: number;
  readonly contentType: "application/json" | "text/html";
  readonly body: string;
}

/** Thrown where a request is one that the vendor refuses. */
export class VendorRefusal extends Error {
  readonly vendorError: VendorError;

  constructor(vendorError: VendorError) {
    super(vendorError.body);
    this.vendorError = vendorError;
  }
}

interface OpenAiDetails {
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** platform.openai.com/docs/guides/error-codes (read 2026-11-23). */
export function openAiError(status: number, message: string, details: OpenAiDetails = {}): VendorError {
  const { type = "invalid_request_error", param = null, code = null } = details;
  return json(status, { error: { message, type, param, code } });
}

/** docs.anthropic.com/en/api/errors (read 2026-11-23). */
export function anthropicError(status: number, type: string, message: string): VendorError {
  return json(status, { type: "error", error: { type, message }, request_id: "req_011CSimulated0000000000000" });
}

/** google.rpc.Status as JSON: cloud.google.com/apis/design/errors (read 2026-11-23). */
export function geminiError(status: number, name: string, message: string, details?: JsonObject[]): VendorError {
  const error: JsonObject = { code: status, message, status: name, ...(details === undefined ? {} : { details }) };
  return json(status, { error }, 2);
}

/** docs.cohere.com/reference/errors (read 2026-11-25). */
export function cohereError(status: number, message: string): VendorError {
  return json(status, { id: "0f92fb7a-6f6b-4c6e-8bb1-simulated0000", message });
}

/** API_runtime_Converse.html, "Errors" (read 2026-11-25): what kind of error it is stands in a header. */
export function bedrockError(status: number, message: string): VendorError {
  return json(status, { message });
}

/** What a vendor says with a status that a test asks for. The text names a secret, which must never reach a client. */
export function errorOfStatus(wire: WireName, status: number): VendorError {
  // What stands before the vendor answers with a page of its own.
  if (status === 502 || status === 504) return htmlPage(status, status === 502 ? "Bad Gateway" : "Gateway Time-out");
  if (wire === "anthropic") return anthropicOfStatus(status);
  if (wire === "gemini") return geminiOfStatus(status);
  if (wire === "cohere")
    return cohereError(status, status === 400 ? "invalid value of k" : `Failed for ${VENDOR_SECRET}.`);
  if (wire === "bedrock")
    return bedrockError(status, status === 400 ? "Invalid value at topK." : `Failed for ${VENDOR_SECRET}.`);
  return openAiOfStatus(status);
}

function htmlPage(status: number, title: string): VendorError {
  const body = `<!DOCTYPE html>\n<html><head><title>${status} ${title}</title></head><body><center><h1>${status} ${title}</h1></center><hr><center>cloudflare</center></body></html>\n`;
  return { status, contentType: "text/html", body };
}

/** Appears in every scripted error's text, so that a test can assert that it stays inside. */
export const VENDOR_SECRET = "org-SimulatedSecret42";

function openAiOfStatus(status: number): VendorError {
  switch (status) {
    case 401:
      return openAiError(401, `Incorrect API key provided for ${VENDOR_SECRET}.`, { code: "invalid_api_key" });
    case 402:
      return openAiError(402, `Insufficient balance of ${VENDOR_SECRET}.`, { type: "unknown_error" });
    case 403:
      return openAiError(403, `Project of ${VENDOR_SECRET} has no access to the model.`, { code: "model_not_found" });
    case 404:
      return openAiError(404, `The model does not exist or ${VENDOR_SECRET} has no access to it.`, {
        code: "model_not_found",
      });
    case 429:
      return openAiError(429, `Rate limit reached in organization ${VENDOR_SECRET} on requests per min (RPM).`, {
        type: "requests",
        code: "rate_limit_exceeded",
      });
    case 400:
      return openAiError(400, "Invalid value: 'banana'. Supported values are: 'low' and 'high'.", {
        param: "verbosity",
        code: "invalid_value",
      });
    default:
      return openAiError(status, `The server had an error. Please mention ${VENDOR_SECRET}.`, { type: "server_error" });
  }
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

function anthropicOfStatus(status: number): VendorError {
  const type = ANTHROPIC_TYPES[status] ?? "api_error";
  const message = status === 400 ? "output_config.effort: Input should be 'low' or 'high'" : `${type} ${VENDOR_SECRET}`;
  return anthropicError(status, type, message);
}

const GOOGLE_NAMES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

function geminiOfStatus(status: number): VendorError {
  const message = status === 400 ? "Invalid value at 'generation_config.top_k'" : `Failed for ${VENDOR_SECRET}.`;
  return geminiError(status, GOOGLE_NAMES[status] ?? "UNKNOWN", message);
}

function json(status: number, body: JsonObject, indent?: number): VendorError {
  return { status, contentType: "application/json", body: JSON.stringify(body, null, indent) };
}
