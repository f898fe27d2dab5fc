/**
 * Every error a client can get: its status and its type in each vendor's vocabulary.
 * OpenAI: platform.openai.com/docs/guides/error-codes. Anthropic: docs.anthropic.com/en/api/errors (both read 2026-11-23).
 * Codes are permanent: clients match on them.
 */
export const ERROR_CATALOG = {
  // Who is asking
  missing_api_key: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  invalid_auth_scheme: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  invalid_api_key: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  expired_api_key: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  key_in_query: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  admin_required: { status: 403, openai: "permission_error", anthropic: "permission_error" },
  account_suspended: { status: 403, openai: "permission_error", anthropic: "permission_error" },
  duplicate_header: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  conflicting_credentials: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  // How it was asked
  unknown_route: { status: 404, openai: "not_found_error", anthropic: "not_found_error" },
  not_found: { status: 404, openai: "not_found_error", anthropic: "not_found_error" },
  method_not_allowed: { status: 405, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  request_timeout: { status: 408, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  uri_too_long: { status: 414, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  headers_too_large: { status: 431, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  body_too_large: { status: 413, openai: "invalid_request_error", anthropic: "request_too_large" },
  unsupported_media_type: { status: 415, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unsupported_charset: { status: 415, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unsupported_encoding: { status: 415, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  // What was asked
  invalid_request: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  empty_body: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_multipart: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_json: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_encoding: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  json_too_deep: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  forbidden_key: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  forbidden_field: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  missing_field: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_type: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_enum: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_value: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  out_of_range: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  string_too_long: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  too_few_items: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  too_many_items: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  empty_string: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  conflicting_fields: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unknown_tool_call_id: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  invalid_tool_name: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  previous_response_not_found: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unsupported_parameter: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unsupported_modality: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  url_not_allowed: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unknown_provider: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unsupported_suffix: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  context_length_exceeded: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  wrong_endpoint: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  model_not_found: { status: 404, openai: "not_found_error", anthropic: "not_found_error" },
  model_retired: { status: 404, openai: "not_found_error", anthropic: "not_found_error" },
  no_provider_matches: { status: 404, openai: "not_found_error", anthropic: "not_found_error" },
  model_pricing_missing: { status: 422, openai: "pricing_unavailable", anthropic: "invalid_request_error" },
  // Repetitions under an Idempotency-Key
  invalid_idempotency_key: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  idempotency_mismatch: { status: 422, openai: "conflict_error", anthropic: "invalid_request_error" },
  idempotency_in_progress: { status: 409, openai: "conflict_error", anthropic: "invalid_request_error" },
  idempotency_completed: { status: 409, openai: "conflict_error", anthropic: "invalid_request_error" },
  // Money and limits
  insufficient_credits: { status: 402, openai: "billing_error", anthropic: "billing_error" },
  credits_held: { status: 402, openai: "billing_error", anthropic: "billing_error" },
  account_in_debt: { status: 402, openai: "billing_error", anthropic: "billing_error" },
  rate_limit_exceeded: { status: 429, openai: "rate_limit_error", anthropic: "rate_limit_error" },
  billing_unavailable: { status: 503, openai: "api_error", anthropic: "overloaded_error" },
  accounts_unavailable: { status: 503, openai: "api_error", anthropic: "overloaded_error" },
  shared_state_unavailable: { status: 503, openai: "api_error", anthropic: "overloaded_error" },
  storage_unavailable: { status: 503, openai: "api_error", anthropic: "overloaded_error" },
  catalog_unavailable: { status: 503, openai: "api_error", anthropic: "overloaded_error" },
  encryption_not_configured: { status: 503, openai: "api_error", anthropic: "api_error" },
  // The provider
  provider_key_refused: { status: 403, openai: "permission_error", anthropic: "permission_error" },
  provider_key_unreadable: { status: 503, openai: "api_error", anthropic: "api_error" },
  provider_rejected_request: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  provider_rate_limited: { status: 429, openai: "rate_limit_error", anthropic: "rate_limit_error" },
  provider_error: { status: 502, openai: "provider_error", anthropic: "api_error" },
  stream_truncated: { status: 502, openai: "provider_error", anthropic: "api_error" },
  no_provider_available: { status: 503, openai: "provider_error", anthropic: "overloaded_error" },
  provider_timeout: { status: 504, openai: "provider_error", anthropic: "timeout_error" },
  // Us
  internal_error: { status: 500, openai: "api_error", anthropic: "api_error" },
} as const satisfies Record<string, ErrorEntry>;

interface ErrorEntry {
  readonly status: number;
  readonly openai: string;
  readonly anthropic: string;
}

export type ErrorCode = keyof typeof ERROR_CATALOG;
