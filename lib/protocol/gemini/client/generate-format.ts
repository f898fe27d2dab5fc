import { GatewayError } from "../../../errors/gateway-error.ts";
import type { CallNeed, ClientFormat, NativeOnly, ParsedCall } from "../../client-format.ts";
import { estimateJsonTokens, TOKENS_PER_MESSAGE, TOKENS_PER_ROLE, TOKENS_TO_START } from "../../estimate-tokens.ts";
import { assertNothingSmuggled } from "../../forbidden-fields.ts";
import { isJsonObject, type JsonObject, objectsOf, stringOf } from "../../json.ts";
import { validate } from "../../schema-error.ts";
import { decodeGenerateContent } from "./decode-request.ts";
import { createGenerateContentEncoder, encodeGenerateContentReply } from "./encode-reply.ts";
import { fieldOf } from "./fields.ts";
import { listFraming, sseFraming } from "./framing.ts";
import { generateContentRequest, inOneSpelling } from "./generate-schema.ts";
import { createGenerateContentPassthrough, passGenerateContentReply } from "./passthrough.ts";

/** What of a call stands in its path and query. */
export interface GenerateContentTarget {
  readonly model: string;
  /** How a streamed reply is framed; null: whole. */
  readonly stream: "sse" | "list" | null;
}

/** Gemini's generateContent, as clients speak it to us. */
export function generateContentFormat(target: GenerateContentTarget): ClientFormat {
  const sse = target.stream === "sse";
  const framing = sse ? sseFraming : listFraming;
  return {
    name: "gemini",
    target: `${target.stream ?? "whole"} ${target.model}`,
    // Blanks may stand before a list's first value; comments may not.
    ...(sse ? {} : { keepAlive: "\r\n" }),
    readProtocolHeaders: () => ({}),
    parse: (body, text) => parseGenerateContent(body, text, target),
    createStreamEncoder: (context) => createGenerateContentEncoder(context, framing()),
    createStreamPassthrough: (context) => createGenerateContentPassthrough(context, framing(), sse),
    encodeReply: encodeGenerateContentReply,
    passReply: passGenerateContentReply,
  };
}

function parseGenerateContent(given: JsonObject, text: string, { model, stream }: GenerateContentTarget): ParsedCall {
  assertNothingSmuggled(given);
  const body = inOneSpelling(given);
  const parsed = validate(generateContentRequest, body);
  if (fieldOf(given, "cachedContent") !== undefined) {
    const message = "cachedContent names something that a provider keeps; send its content instead.";
    throw new GatewayError("unsupported_parameter", message, { param: "cachedContent" });
  }
  const config = parsed.generationConfig ?? {};
  const onlyNative = nativeOnlyOf(body);
  return {
    format: "gemini",
    text,
    body: given,
    protocolHeaders: {},
    model,
    stream: stream !== null,
    includeUsage: true,
    maxOutputTokens: config.maxOutputTokens ?? null,
    choices: config.candidateCount ?? 1,
    estimatedInputTokens: estimateContents(body),
    needs: needsOf(body),
    ...(onlyNative === null ? {} : { onlyNative }),
    toChatRequest: () => decodeGenerateContent(body, parsed),
  };
}

/**
 * The prompt of a countTokens body, in either of its forms (ai.google.dev/api/tokens, read 2026-11-25).
 * @throws GatewayError with the row of bad input that applies
 */
export function parseGeminiCount(given: JsonObject): { readonly estimatedInputTokens: number } {
  assertNothingSmuggled(given);
  const request = fieldOf(given, "generateContentRequest");
  const body = inOneSpelling(isJsonObject(request) ? request : given);
  validate(generateContentRequest, body);
  return { estimatedInputTokens: estimateContents(body) };
}

/** Tools other than functions run at Google; so does code, whose parts stand in the conversation. */
function nativeOnlyOf(body: JsonObject): NativeOnly | null {
  for (const [index, tool] of objectsOf(body["tools"]).entries()) {
    const name = Object.keys(tool).find((key) => key !== "functionDeclarations" && key !== "function_declarations");
    if (name !== undefined) return { param: `tools[${index}].${name}`, what: `the tool ${name.slice(0, 64)}` };
  }
  const config = isJsonObject(body["generationConfig"]) ? body["generationConfig"] : {};
  const modalities = fieldOf(config, "responseModalities");
  if (Array.isArray(modalities) && modalities.some((modality) => stringOf(modality).toUpperCase() !== "TEXT")) {
    return { param: "generationConfig.responseModalities", what: "answers other than text" };
  }
  return null;
}

function needsOf(body: JsonObject): readonly CallNeed[] {
  const needs: CallNeed[] = [];
  if (objectsOf(body["tools"]).length > 0) needs.push("tools");
  const config = isJsonObject(body["generationConfig"]) ? body["generationConfig"] : {};
  if (config["responseMimeType"] === "application/json") needs.push("json");
  const types = objectsOf(body["contents"])
    .flatMap((content) => objectsOf(content["parts"]))
    .map((part) => fieldOf(part, "inlineData") ?? fieldOf(part, "fileData"))
    .map((media) => (isJsonObject(media) ? stringOf(fieldOf(media, "mimeType")) : ""));
  if (types.some((type) => type.startsWith("image/"))) needs.push("vision");
  if (types.some((type) => type.startsWith("audio/"))) needs.push("audio");
  return needs;
}

const TOKENS_PER_IMAGE = 1_000;
/** A page of a document is about this many bytes of base64 and this many tokens. */
const MEDIA_CHARACTERS_PER_TOKEN = 40;

/** The prompt in tokens (CM-14.1): an upper estimate for the hold, and the answer of countTokens where no provider counts. */
function estimateContents(body: JsonObject): number {
  const system = isJsonObject(body["systemInstruction"]) ? body["systemInstruction"] : {};
  let tokens = TOKENS_TO_START;
  for (const part of objectsOf(system["parts"])) tokens += estimatePart(part);
  for (const content of objectsOf(body["contents"])) {
    tokens += TOKENS_PER_MESSAGE + TOKENS_PER_ROLE;
    for (const part of objectsOf(content["parts"])) tokens += estimatePart(part);
  }
  return body["tools"] === undefined ? tokens : tokens + estimateJsonTokens(body["tools"]);
}

function estimatePart(part: JsonObject): number {
  const inline = fieldOf(part, "inlineData");
  const { text, thoughtSignature: _, thought_signature: __, ...rest } = part;
  if (isJsonObject(inline)) {
    const image = stringOf(fieldOf(inline, "mimeType")).startsWith("image/");
    return image ? TOKENS_PER_IMAGE : Math.ceil(stringOf(inline["data"]).length / MEDIA_CHARACTERS_PER_TOKEN);
  }
  if (fieldOf(part, "fileData") !== undefined) return TOKENS_PER_IMAGE;
  const words = stringOf(text);
  const said = words === "" ? 0 : Math.max(1, Math.floor(words.length / 4));
  return said + (Object.keys(rest).length === 0 ? 0 : estimateJsonTokens(rest));
}
