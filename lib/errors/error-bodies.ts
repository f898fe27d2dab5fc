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
