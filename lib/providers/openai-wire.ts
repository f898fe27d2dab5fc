import { isJsonObject, type JsonValue, objectsOf } from "../protocol/json.ts";
import { type JsonEdit, memberText, spliceJson } from "../protocol/json-splice.ts";
import { decodeChatReply } from "../protocol/openai/decode-reply.ts";
import { createChatStreamDecoder } from "../protocol/openai/decode-stream.ts";
import { encodeChatRequest } from "../protocol/openai/encode-request.ts";
import { clientMessage } from "./client-message.ts";
import type { ProviderDeclaration } from "./provider-declaration.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** OpenAI chat completions: spoken by OpenAI and by everybody who calls himself compatible. */
export const openAiWire: WireFormat = {
  name: "openai",
  passesThrough: "openai",
  authorization: "bearer",
  encode,
  createStreamDecoder: createChatStreamDecoder,
  decodeReply: decodeChatReply,
  decodeFailure,
  countTokens: null,
};

/** Fields that are said to the gateway, not to a provider; a provider that knows one of them declares it. */
export const GATEWAY_FIELDS: readonly string[] = [
  "provider",
  "models",
  "route",
  "transforms",
  "plugins",
  "usage",
  "session_id",
];

function encode(input: EncodeInput): EncodedRequest {
  const { provider, call } = input;
  const { body, ignoredParameters } = call.format === "openai" ? passedThrough(input) : translated(input);
  return {
    request: {
      method: "POST",
      url: `${input.baseUrl}/chat/completions`,
      headers: { "content-type": "application/json", ...provider.headers },
      body,
    },
    ignoredParameters,
  };
}

interface Encoded {
  readonly body: string;
  readonly ignoredParameters: readonly string[];
}

/** The client's own bytes, but for the declared changes. */
export function passedThrough({ provider, call, nativeModel }: EncodeInput): Encoded {
  const edits: Record<string, JsonEdit[string]> = { model: JSON.stringify(nativeModel) };
  for (const field of GATEWAY_FIELDS) {
    if (field in call.body && provider.understands?.includes(field) !== true) edits[field] = null;
  }
  const ignoredParameters = dropsFor(provider, nativeModel).filter((field) => field in call.body);
  for (const field of ignoredParameters) edits[field] = null;
  for (const [from, to] of Object.entries(renamesFor(provider, nativeModel))) {
    const value = memberText(call.text, from);
    if (value === null) continue;
    edits[from] = null;
    if (!(to in call.body)) edits[to] = value;
  }
  for (const [field, value] of Object.entries(provider.defaults ?? {})) {
    if (!(field in call.body)) edits[field] = JSON.stringify(value);
  }
  if (call.stream && provider.streamUsageOption !== false) edits["stream_options"] = withUsage;
  return { body: spliceJson(call.text, edits), ignoredParameters };
}

/** `stream_options` with usage asked for: we always meter, the client gets it only if it asked too (K16). */
function withUsage(own: string | null): string {
  return own?.startsWith("{") === true ? spliceJson(own, { include_usage: "true" }) : '{"include_usage":true}';
}

function translated({ provider, call, nativeModel }: EncodeInput): Encoded {
  const { understands = [] } = provider;
  const { body, ignored } = encodeChatRequest(call.toChatRequest(), nativeModel, call.stream, understands);
  for (const [field, value] of Object.entries(provider.defaults ?? {})) body[field] ??= value;
  if (call.stream && provider.streamUsageOption !== false) body["stream_options"] = { include_usage: true };
  for (const [from, to] of Object.entries(renamesFor(provider, nativeModel))) {
    if (body[from] === undefined) continue;
    body[to] = body[from];
    delete body[from];
  }
  const dropped = dropsFor(provider, nativeModel).filter((field) => body[field] !== undefined);
  for (const field of dropped) delete body[field];
  return { body: JSON.stringify(body), ignoredParameters: [...ignored, ...dropped] };
}

function dropsFor(provider: ProviderDeclaration, nativeModel: string): readonly string[] {
  const quirk = provider.modelQuirks?.find(({ models }) => models.test(nativeModel));
  return [...(provider.drop ?? []), ...(quirk?.drop ?? [])];
}

function renamesFor(provider: ProviderDeclaration, nativeModel: string): Readonly<Record<string, string>> {
  const quirk = provider.modelQuirks?.find(({ models }) => models.test(nativeModel));
  return { ...provider.rename, ...quirk?.rename };
}

/** OpenAI's error body (platform.openai.com/docs/guides/error-codes), and what compatible servers make of it. */
export function decodeFailure(_status: number, text: string): ProviderFailure {
  const error = errorObject(text);
  const code = error["code"] ?? error["type"];
  const message = typeof error["message"] === "string" ? error["message"] : "";
  const tooLong =
    code === "context_length_exceeded" || /maximum context length|context window|too many tokens/i.test(message);
  return {
    message: clientMessage(message),
    param: typeof error["param"] === "string" ? error["param"] : null,
    contextLengthExceeded: tooLong,
  };
}

function errorObject(text: string): { readonly [key: string]: JsonValue | undefined } {
  try {
    const body: unknown = JSON.parse(text);
    if (!isJsonObject(body)) return {};
    if (isJsonObject(body["error"])) return body["error"];
    // Cloudflare's envelope: `{success: false, errors: [{code, message}]}`.
    const [first] = objectsOf(body["errors"]);
    if (first !== undefined) return first;
    return typeof body["error"] === "string" ? { message: body["error"] } : body;
  } catch {
    return {};
  }
}
