import type { ReplyContext } from "../client-format.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";

/** Where a response stands. */
export type ResponseState =
  | { readonly status: "in_progress" | "completed" }
  | { readonly status: "incomplete"; readonly reason: "max_output_tokens" | "content_filter" }
  | { readonly status: "failed"; readonly code: "server_error" | "rate_limit_exceeded"; readonly message: string };

/**
 * A response object's text (openai-node 7.57.0, `Response`): what was asked for is repeated, defaults filled in as OpenAI
 * fills them.
 * @param usageText JSON, or null while there is none
 */
export function responseJson(
  id: string,
  state: ResponseState,
  output: readonly JsonObject[],
  usageText: string | null,
  context: ReplyContext,
): string {
  const { request } = context;
  const given = (name: string, byDefault: JsonValue): JsonValue => request[name] ?? byDefault;
  const response: JsonObject = {
    id,
    object: "response",
    created_at: context.createdSeconds,
    status: state.status,
    background: false,
    error: state.status === "failed" ? { code: state.code, message: state.message } : null,
    incomplete_details: state.status === "incomplete" ? { reason: state.reason } : null,
    instructions: given("instructions", null),
    max_output_tokens: given("max_output_tokens", null),
    max_tool_calls: given("max_tool_calls", null),
    model: context.model,
    output,
    parallel_tool_calls: given("parallel_tool_calls", true),
    previous_response_id: given("previous_response_id", null),
    prompt_cache_key: given("prompt_cache_key", null),
    reasoning: { effort: null, summary: null, ...objectOr(request["reasoning"]) },
    safety_identifier: given("safety_identifier", null),
    service_tier: "default",
    store: given("store", true),
    temperature: given("temperature", 1),
    text: { format: { type: "text" }, ...objectOr(request["text"]) },
    tool_choice: given("tool_choice", "auto"),
    tools: given("tools", []),
    top_logprobs: given("top_logprobs", 0),
    top_p: given("top_p", 1),
    truncation: given("truncation", "disabled"),
    user: given("user", null),
    metadata: given("metadata", {}),
  };
  return `${JSON.stringify(response).slice(0, -1)},"usage":${usageText ?? "null"}}`;
}

function objectOr(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
