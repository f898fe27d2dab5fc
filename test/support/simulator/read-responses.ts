import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";
import { numberAt, objectAt, objectsAt, textAt } from "./json-reading.ts";
import { type Prompt, promptTokens } from "./prompt.ts";
import { FUTURE_FIELD } from "./read-openai.ts";
import { openAiError, VendorRefusal } from "./vendor-errors.ts";

/** Every field of a responses request: openai 7.57.0, ResponseCreateParams. */
const KNOWN_FIELDS = new Set(
  `background conversation include input instructions max_output_tokens max_tool_calls metadata model parallel_tool_calls
  previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning safety_identifier service_tier store stream
  stream_options temperature text tool_choice tools top_logprobs top_p truncation user`.split(/\s+/),
);
/** What ids of OpenAI's own items look like. */
const ITEM_ID = /^(?:msg|rs|fc)_[0-9A-Za-z]{16,}$/;
/** Tools that run at OpenAI. */
const BUILT_IN = ["web_search", "web_search_preview", "code_interpreter", "image_generation"];

/** Reads a responses request as strictly as OpenAI does. Knows of no earlier response. @throws VendorRefusal */
export function readResponses(body: JsonObject): Prompt {
  for (const field of Object.keys(body)) {
    if (!KNOWN_FIELDS.has(field) && !FUTURE_FIELD.test(field))
      refuse(`Unknown parameter: '${field}'.`, field, "unknown_parameter");
  }
  if (typeof body["previous_response_id"] === "string") {
    const message = `Previous response with id '${body["previous_response_id"]}' not found.`;
    refuse(message, "previous_response_id", "previous_response_not_found");
  }
  const items = itemsOf(body["input"]);
  if (items.length === 0) refuse("Missing required parameter: 'input'.", "input", "missing_required_parameter");
  checkItems(items);
  const texts = items.map(textOfItem);
  const read = {
    model: textAt(body["model"]),
    text: [textAt(body["instructions"]), ...texts].join("\n"),
    images: items.flatMap((item) => objectsAt(item["content"])).filter((part) => part["type"] === "input_image").length,
  };
  const format = objectAt(objectAt(body["text"])["format"]);
  return {
    ...read,
    stream: body["stream"] === true,
    lastUserText: texts[items.findLastIndex((item) => item["role"] === "user")] ?? "",
    tools: objectsAt(body["tools"])
      .filter((tool) => tool["type"] === "function")
      .map((tool) => ({ name: textAt(tool["name"]), schema: objectAt(tool["parameters"]) })),
    toolChoice: toolChoiceOf(body["tool_choice"]),
    parallelToolCalls: body["parallel_tool_calls"] !== false,
    toolResults: trailingOutputs(items),
    json:
      format["type"] === "json_object"
        ? "object"
        : format["type"] === "json_schema"
          ? objectAt(format["schema"])
          : null,
    reasoning: /^o\d|^gpt-5/.test(read.model) || textAt(objectAt(body["reasoning"])["effort"]) !== "",
    topLogprobs: null,
    choices: 1,
    maxTokens: numberAt(body["max_output_tokens"]),
    stop: [],
    cachedTokens: promptTokens(read) >= 1024 ? promptTokens(read) - (promptTokens(read) % 128) : 0,
    cacheWriteTokens: 0,
  };
}

/** Whether the request has a tool that OpenAI runs itself. */
export function searchesTheWeb(body: JsonObject): boolean {
  return objectsAt(body["tools"]).some((tool) => BUILT_IN.includes(textAt(tool["type"])));
}

function refuse(message: string, param: string | null, code: string | null): never {
  throw new VendorRefusal(openAiError(400, message, { param, code }));
}

function itemsOf(input: JsonValue | undefined): readonly JsonObject[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : objectsAt(input);
}

function checkItems(items: readonly JsonObject[]): void {
  const called = new Set<string>();
  items.forEach((item, index) => {
    const id = item["id"];
    if (typeof id === "string" && !ITEM_ID.test(id)) {
      refuse(`Invalid 'input[${index}].id': '${id}'.`, `input[${index}].id`, "invalid_value");
    }
    if (item["extra_content"] !== undefined) {
      refuse(
        `Unknown parameter: 'input[${index}].extra_content'.`,
        `input[${index}].extra_content`,
        "unknown_parameter",
      );
    }
    const sealed = item["encrypted_content"];
    if (typeof sealed === "string" && !sealed.startsWith("gAAAAA")) {
      refuse("The encrypted content could not be verified.", null, "invalid_encrypted_content");
    }
    if (item["type"] === "function_call") called.add(textAt(item["call_id"]));
    if (item["type"] === "function_call_output" && !called.has(textAt(item["call_id"]))) {
      const message = `No tool call found for function call output with call_id ${textAt(item["call_id"])}.`;
      refuse(message, "input", null);
    }
  });
}

function textOfItem(item: JsonObject): string {
  const content = item["content"] ?? item["output"];
  if (typeof content === "string") return content;
  return objectsAt(content)
    .map((part) => textAt(part["text"]))
    .join("");
}

function trailingOutputs(items: readonly JsonObject[]): readonly string[] {
  const lastOther = items.findLastIndex((item) => item["type"] !== "function_call_output");
  return items.slice(lastOther + 1).map(textOfItem);
}

function toolChoiceOf(choice: JsonValue | undefined): Prompt["toolChoice"] {
  if (choice === "none" || choice === "required") return choice;
  return isJsonObject(choice) && choice["type"] === "function" ? { name: textAt(choice["name"]) } : "auto";
}
