import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";
import { listAt, numberAt, objectAt, objectsAt, textAt } from "./json-reading.ts";
import { type Prompt, promptTokens } from "./prompt.ts";
import { openAiError, VendorRefusal } from "./vendor-errors.ts";

/** Every field of a chat completion request: openai 7.57.0, ChatCompletionCreateParams. */
const KNOWN_FIELDS = new Set(
  `messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens
  metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options
  prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream
  stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options`.split(/\s+/),
);
/** What OpenRouter takes besides: openrouter.ai/docs/api-reference (read 2026-11-23). */
const OPENROUTER_FIELDS = new Set(
  `models provider plugins route transforms reasoning usage min_p top_a top_k repetition_penalty include_reasoning
  session_id trace`.split(/\s+/),
);
/** Fields with this beginning stand for parameters that a vendor will invent tomorrow: any wire takes them. */
export const FUTURE_FIELD = /^future_/;

/** Reads an OpenAI chat completion request as strictly as OpenAI does. @throws VendorRefusal */
export function readOpenAi(body: JsonObject, provider: string): Prompt {
  refuseUnknownFields(body, provider);
  const messages = objectsAt(body["messages"]);
  if (messages.length === 0) refuse("Invalid 'messages': empty array.", "messages", "empty_array");
  checkToolMessages(messages);
  checkOptions(body, provider, messages);
  const texts = messages.map((message) => contentText(message["content"]));
  const read = {
    model: textAt(body["model"]),
    text: texts.join("\n"),
    images: messages.flatMap((message) => objectsAt(message["content"])).filter((part) => part["type"] === "image_url")
      .length,
  };
  return {
    ...read,
    stream: body["stream"] === true,
    lastUserText: texts[messages.findLastIndex((message) => message["role"] === "user")] ?? "",
    tools: objectsAt(body["tools"]).map((tool) => ({
      name: textAt(objectAt(tool["function"])["name"]),
      schema: objectAt(objectAt(tool["function"])["parameters"]),
    })),
    toolChoice: toolChoiceOf(body["tool_choice"]),
    parallelToolCalls: body["parallel_tool_calls"] !== false,
    toolResults: trailingToolResults(messages),
    json: jsonModeOf(objectAt(body["response_format"])),
    reasoning: wantsReasoning(body),
    topLogprobs: body["logprobs"] === true ? (numberAt(body["top_logprobs"]) ?? 0) : null,
    choices: numberAt(body["n"]) ?? 1,
    maxTokens: numberAt(body["max_completion_tokens"]) ?? numberAt(body["max_tokens"]),
    stop: typeof body["stop"] === "string" ? [body["stop"]] : listAt(body["stop"]).map((word) => textAt(word)),
    // From 1,024 tokens on, in steps of 128: platform.openai.com/docs/guides/prompt-caching (read 2026-11-23).
    cachedTokens: promptTokens(read) >= 1024 ? promptTokens(read) - (promptTokens(read) % 128) : 0,
    cacheWriteTokens: 0,
  };
}

function refuseUnknownFields(body: JsonObject, provider: string): void {
  for (const field of Object.keys(body)) {
    const known = KNOWN_FIELDS.has(field) || FUTURE_FIELD.test(field);
    if (known || (provider === "openrouter" && OPENROUTER_FIELDS.has(field))) continue;
    if (provider !== "openai" && provider !== "openrouter") continue; // compatible servers look away
    refuse(`Unknown parameter: '${field}'.`, field, "unknown_parameter");
  }
}

function checkToolMessages(messages: readonly JsonObject[]): void {
  let open: string[] = [];
  messages.forEach((message, index) => {
    const called = objectsAt(message["tool_calls"]).map((call) => textAt(call["id"]));
    if (message["role"] === "tool") {
      if (!open.includes(textAt(message["tool_call_id"]))) {
        const text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.";
        refuse(`Invalid parameter: ${text}`, `messages.[${index}].role`, null);
      }
      open = open.filter((id) => id !== message["tool_call_id"]);
      return;
    }
    if (open.length > 0) {
      const text = `An assistant message with 'tool_calls' must be followed by tool messages. Missing: ${open.join(", ")}`;
      refuse(text, `messages.[${index}].role`, null);
    }
    open = called;
  });
}

function checkOptions(body: JsonObject, provider: string, messages: readonly JsonObject[]): void {
  const model = textAt(body["model"]);
  if (model === "") refuse("you must provide a model parameter", null, null);
  if (model.startsWith("no-such")) {
    const text = `The model \`${model}\` does not exist or you do not have access to it.`;
    throw new VendorRefusal(openAiError(404, text, { code: "model_not_found" }));
  }
  if (body["stream_options"] !== undefined && body["stream"] !== true) {
    refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", null);
  }
  if (provider === "openai" && /^(?:o\d|gpt-5)/.test(model) && body["max_tokens"] !== undefined) {
    const text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.";
    refuse(text, "max_tokens", "unsupported_parameter");
  }
  if (provider === "openai" && /^gpt-[34]/.test(model) && body["reasoning_effort"] !== undefined) {
    refuse("Unrecognized request argument supplied: reasoning_effort", null, null);
  }
  // OpenRouter takes twice as much.
  const maxUser = provider === "openrouter" ? 128 : 64;
  if (textAt(body["user"]).length > maxUser) {
    refuse(
      `Invalid 'user': string too long. Expected a string with maximum length ${maxUser}.`,
      "user",
      "string_above_max_length",
    );
  }
  const format = objectAt(body["response_format"])["type"];
  if (format === "json_object" && !/json/i.test(messages.map((one) => contentText(one["content"])).join(" "))) {
    refuse("'messages' must contain the word 'json' in some form, to use 'response_format'.", "messages", null);
  }
}

function refuse(message: string, param: string | null, code: string | null): never {
  throw new VendorRefusal(openAiError(400, message, { param, code }));
}

function contentText(content: JsonValue | undefined): string {
  if (typeof content === "string") return content;
  return objectsAt(content)
    .map((part) => textAt(part["text"]))
    .join("");
}

/** A result's pictures may follow in a user message: a tool message holds text only. */
function trailingToolResults(messages: readonly JsonObject[]): readonly string[] {
  const last = messages.at(-1) ?? {};
  const pictures = last["role"] === "user" && objectsAt(last["content"]).some((part) => part["type"] === "image_url");
  if (last["role"] !== "tool" && !pictures) return [];
  const turn = messages.slice(messages.findLastIndex((message) => message["role"] === "assistant") + 1);
  return turn.filter((message) => message["role"] === "tool").map((message) => contentText(message["content"]));
}

function toolChoiceOf(choice: JsonValue | undefined): Prompt["toolChoice"] {
  if (choice === "none" || choice === "required") return choice;
  return isJsonObject(choice) ? { name: textAt(objectAt(choice["function"])["name"]) } : "auto";
}

function jsonModeOf(format: JsonObject): Prompt["json"] {
  if (format["type"] === "json_object") return "object";
  return format["type"] === "json_schema" ? objectAt(objectAt(format["json_schema"])["schema"]) : null;
}

function wantsReasoning(body: JsonObject): boolean {
  if (/reasoner|^o\d|-r1/i.test(textAt(body["model"]))) return true;
  const effort = body["reasoning_effort"] ?? objectAt(body["reasoning"])["effort"];
  if (typeof effort === "string") return effort !== "none";
  return isJsonObject(body["reasoning"]) && body["reasoning"]["enabled"] !== false;
}
