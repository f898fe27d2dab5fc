import { decodeMessagesReply } from "../protocol/anthropic/decode-reply.ts";
import { createMessagesStreamDecoder } from "../protocol/anthropic/decode-stream.ts";
import { encodeMessagesRequest } from "../protocol/anthropic/encode-request.ts";
import { ANTHROPIC_VERSION } from "../protocol/anthropic/protocol-headers.ts";
import type { ProtocolHeaders } from "../protocol/client-format.ts";
import { isJsonObject } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { clientMessage } from "./client-message.ts";
import type { CountInput, EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** What differs between those who serve Anthropic's messages: the address, and what the body and the headers hold. */
interface AnthropicHost {
  messages(input: HostInput, stream: boolean): HostRequest;
  countTokens(input: HostInput): HostRequest;
}

type HostInput = Pick<EncodeInput, "baseUrl" | "nativeModel">;

interface HostRequest {
  readonly url: string;
  /** Members of the body; null takes one out. */
  readonly members: Readonly<Record<string, string | null>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Anthropic messages (docs.anthropic.com/en/api/messages, read 2026-11-23), as this host takes them. */
export function createAnthropicWire(host: AnthropicHost): WireFormat {
  return {
    name: "anthropic",
    passesThrough: "anthropic",
    authorization: "x-api-key",
    encode: (input) => encode(input, host.messages(input, input.call.stream)),
    createStreamDecoder: createMessagesStreamDecoder,
    decodeReply: decodeMessagesReply,
    decodeFailure,
    // docs.anthropic.com/en/api/messages-count-tokens (read 2026-11-24)
    countTokens: {
      encode: (input) => passedThrough(input, host.countTokens(input)).request,
      decodeReply: ({ input_tokens: count }) =>
        typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null,
    },
  };
}

const ownRequest = ({ baseUrl, nativeModel }: HostInput, path: string): HostRequest => ({
  url: `${baseUrl}/${path}`,
  members: { model: nativeModel },
  headers: { "anthropic-version": ANTHROPIC_VERSION },
});

/** Anthropic's own API. */
export const anthropicWire: WireFormat = createAnthropicWire({
  messages: (input) => ownRequest(input, "messages"),
  countTokens: (input) => ownRequest(input, "messages/count_tokens"),
});

/** Fields that are said to the gateway, not to the provider. */
const GATEWAY_FIELDS = ["provider", "models", "route", "session_id"];
/**
 * Betas that raise the price of a token above the catalog's: a window past 200,000 tokens, and fast mode
 * (docs.anthropic.com/en/docs/about-claude/pricing, read 2026-11-24). They stay here; see docs/decisions/0007.
 */
const PRICED_BETAS = /^(?:context-1m|fast-mode)-/;

function encode(input: EncodeInput, host: HostRequest): EncodedRequest {
  const { call, nativeModel } = input;
  if (call.format === "anthropic") return passedThrough(input, host);
  const { body, ignored } = encodeMessagesRequest(
    call.toChatRequest(),
    nativeModel,
    call.stream,
    input.maxOutputTokens,
  );
  for (const [name, value] of Object.entries(host.members)) {
    if (value === null) delete body[name];
    else body[name] = value;
  }
  return { request: requestOf(input, host, JSON.stringify(body), {}), ignoredParameters: ignored };
}

/** The client's own bytes but for the host's members and what is said to the gateway, with its version and its betas. */
function passedThrough(input: CountInput, host: HostRequest): EncodedRequest {
  const { call } = input;
  const edits: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(host.members)) edits[name] = value === null ? null : JSON.stringify(value);
  for (const field of GATEWAY_FIELDS) if (field in call.body) edits[field] = null;
  const { "anthropic-beta": asked = "", "anthropic-version": version, ...others } = call.protocolHeaders;
  const betas = asked.split(",").filter((beta) => beta !== "");
  const passed = betas.filter((beta) => !PRICED_BETAS.test(beta)).join(",");
  const headers: Record<string, string> = passed === "" ? others : { ...others, "anthropic-beta": passed };
  // A newer version of the client's, where the host takes one at all.
  if (version !== undefined && "anthropic-version" in host.headers) headers["anthropic-version"] = version;
  return {
    request: requestOf(input, host, spliceJson(call.text, edits), headers),
    ignoredParameters: betas.filter((beta) => PRICED_BETAS.test(beta)).map((beta) => `anthropic-beta: ${beta}`),
  };
}

/** A request to one of the host's endpoints, with the headers that all of them want. */
function requestOf(
  { provider }: CountInput,
  host: HostRequest,
  body: string,
  protocolHeaders: ProtocolHeaders,
): EncodedRequest["request"] {
  return {
    method: "POST",
    url: host.url,
    headers: { "content-type": "application/json", ...host.headers, ...protocolHeaders, ...provider.headers },
    body,
  };
}

function decodeFailure(_status: number, text: string): ProviderFailure {
  let message = "";
  try {
    const body: unknown = JSON.parse(text);
    const error = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
    if (typeof error["message"] === "string") message = error["message"];
  } catch {
    // An error page of something in between: there is nothing in it for the client.
  }
  return {
    message: clientMessage(message),
    param: null,
    contextLengthExceeded: /prompt is too long|exceed context limit/i.test(message),
  };
}
