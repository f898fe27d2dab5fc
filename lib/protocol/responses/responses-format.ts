import { GatewayError } from "../../errors/gateway-error.ts";
import type { CallNeed, ClientFormat, NativeOnly, ParsedCall } from "../client-format.ts";
import {
  estimateContentTokens,
  estimateJsonTokens,
  TOKENS_PER_MESSAGE,
  TOKENS_PER_ROLE,
  TOKENS_TO_START,
} from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import type { JsonObject } from "../json.ts";
import { objectsOf, stringOf } from "../json.ts";
import { validate } from "../schema-error.ts";
import { PORTABLE_ITEMS } from "./decode-items.ts";
import { decodeResponsesRequest } from "./decode-request.ts";
import { createResponsesStreamEncoder, encodeResponse, type OnReply } from "./encode-stream.ts";
import { inputItems, itemType } from "./input-items.ts";
import { createResponsesPassthrough, passResponse } from "./passthrough.ts";
import { type ResponsesRequest, responsesRequest } from "./responses-schema.ts";

/**
 * OpenAI's responses, as clients speak them to us.
 * @param onReply told of a reply's finished object, once; not of one that failed
 */
export function responsesFormat(onReply: OnReply): ClientFormat {
  return {
    name: "responses",
    readProtocolHeaders: () => ({}),
    parse: parseResponsesCall,
    createStreamEncoder: (context) => createResponsesStreamEncoder(context, onReply),
    createStreamPassthrough: (context) => createResponsesPassthrough(context, onReply),
    encodeReply: (events, usage, context) => encodeResponse(events, usage, context, onReply),
    passReply: (text, body, usage, context) => passResponse(text, body, usage, context, onReply),
  };
}

function parseResponsesCall(body: JsonObject, text: string): ParsedCall {
  assertNothingSmuggled(body);
  const parsed = validate(responsesRequest, body);
  refuseUnserved(body, parsed);
  const items = inputItems(body["input"]);
  assertCallsKnown(items);
  const onlyNative = nativeOnlyOf(body, items);
  return {
    format: "responses",
    text,
    body,
    protocolHeaders: {},
    model: parsed.model,
    stream: parsed.stream === true,
    includeUsage: true,
    maxOutputTokens: parsed.max_output_tokens ?? null,
    choices: 1,
    estimatedInputTokens: estimateTokens(body, items),
    needs: needsOf(parsed, items),
    ...(onlyNative === null ? {} : { onlyNative }),
    toChatRequest: () => decodeResponsesRequest(body, parsed),
  };
}

/** What would have to outlive the request, or belongs to the operator's account at the provider rather than to the caller. */
function refuseUnserved(body: JsonObject, { background }: ResponsesRequest): void {
  const refuse = (param: string, message: string) => new GatewayError("unsupported_parameter", message, { param });
  if (background === true) {
    throw refuse("background", "background: true is not served here; leave it out, or use stream: true.");
  }
  for (const field of ["conversation", "prompt"]) {
    if (body[field] === undefined || body[field] === null) continue;
    throw refuse(field, `${field} names something that a provider keeps; send its content as input instead.`);
  }
}

/** @throws GatewayError `unknown_tool_call_id` for an output that answers no call made before it (B55) */
function assertCallsKnown(items: readonly JsonObject[]): void {
  const called = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (itemType(item) === "function_call") called.add(stringOf(item["call_id"]));
    if (itemType(item) !== "function_call_output" || called.has(stringOf(item["call_id"]))) continue;
    throw new GatewayError("unknown_tool_call_id", "call_id matches no function_call before it.", {
      param: `input[${index}].call_id`,
    });
  }
}

function nativeOnlyOf(body: JsonObject, items: readonly JsonObject[]): NativeOnly | null {
  for (const [index, tool] of objectsOf(body["tools"]).entries()) {
    if (tool["type"] === "function") continue;
    const what = `the tool ${stringOf(tool["type"])}, which runs at the provider or is its own`;
    return { param: `tools[${index}].type`, what };
  }
  for (const [index, item] of items.entries()) {
    const type = itemType(item);
    if (!PORTABLE_ITEMS.has(type)) return { param: `input[${index}].type`, what: `an input item ${type}` };
    for (const [place, part] of objectsOf(item["content"]).entries()) {
      if (typeof part["file_id"] !== "string") continue;
      return { param: `input[${index}].content[${place}].file_id`, what: "a file by its id at a provider" };
    }
  }
  return null;
}

function needsOf(parsed: ResponsesRequest, items: readonly JsonObject[]): readonly CallNeed[] {
  const needs: CallNeed[] = [];
  if ((parsed.tools ?? []).length > 0) needs.push("tools");
  const format = parsed.text?.format?.type;
  if (format === "json_object" || format === "json_schema") needs.push("json");
  const parts = items.flatMap((item) => objectsOf(item["content"]));
  if (parts.some(({ type }) => type === "input_image")) needs.push("vision");
  if (parts.some(({ type }) => type === "input_audio")) needs.push("audio");
  return needs;
}

/** The prompt in tokens (CM-14.1 and the overhead per message): an upper estimate for the hold. */
function estimateTokens(body: JsonObject, items: readonly JsonObject[]): number {
  let tokens = TOKENS_TO_START + estimateContentTokens(body["instructions"]);
  for (const item of items) {
    tokens += TOKENS_PER_MESSAGE + TOKENS_PER_ROLE;
    const { type, content, ...others } = item;
    if (itemType(item) === "message") tokens += estimateContentTokens(content);
    // OpenAI's own sealed thoughts are not counted by their length; nobody can tell what they come to.
    else if (type !== "reasoning") tokens += estimateJsonTokens(others);
    else tokens += estimateJsonTokens(item["summary"]);
  }
  for (const field of ["tools", "text"]) if (body[field] !== undefined) tokens += estimateJsonTokens(body[field]);
  return tokens;
}
