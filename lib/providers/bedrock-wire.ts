import { decodeConverseReply } from "../protocol/bedrock/decode-reply.ts";
import { createConverseStreamDecoder } from "../protocol/bedrock/decode-stream.ts";
import { encodeConverse } from "../protocol/bedrock/encode-request.ts";
import { createEventStreamParser } from "../protocol/bedrock/event-stream.ts";
import { isJsonObject, stringOf } from "../protocol/json.ts";
import { clientMessage } from "./client-message.ts";
import type { EncodedRequest, EncodeInput, ProviderFailure, WireFormat } from "./wire-format.ts";

/** Bedrock's Converse and ConverseStream, for models of every maker (docs.aws.amazon.com/bedrock, read 2026-11-25). */
export const bedrockWire: WireFormat = {
  name: "bedrock",
  passesThrough: null,
  authorization: "aws-sigv4",
  framing: { contentType: "application/vnd.amazon.eventstream", createParser: createEventStreamParser },
  encode,
  createStreamDecoder: createConverseStreamDecoder,
  decodeReply: decodeConverseReply,
  decodeFailure,
  countTokens: null,
};

function encode({ provider, baseUrl, nativeModel, maxOutputTokens, call }: EncodeInput): EncodedRequest {
  const { body, ignored } = encodeConverse(call.toChatRequest(), nativeModel, maxOutputTokens);
  const method = call.stream ? "converse-stream" : "converse";
  return {
    request: {
      method: "POST",
      // An ARN has slashes and colons of its own.
      url: `${baseUrl}/model/${encodeURIComponent(nativeModel)}/${method}`,
      headers: { "content-type": "application/json", ...provider.headers },
      body: JSON.stringify(body),
    },
    ignoredParameters: ignored,
  };
}

/** `{message}`, with the kind of error in a header only (API_runtime_Converse.html, "Errors"). */
function decodeFailure(status: number, text: string): ProviderFailure {
  let message = "";
  try {
    const body: unknown = JSON.parse(text);
    if (isJsonObject(body)) message = stringOf(body["message"] ?? body["Message"]);
  } catch {
    // An error page of something in between: there is nothing in it for the client.
  }
  const meantStatus = meantStatusOf(status, message);
  return {
    message: clientMessage(message),
    param: null,
    contextLengthExceeded: /input is too long|prompt is too long|maximum context length|too many input tokens/i.test(
      message,
    ),
    ...(meantStatus === null ? {} : { meantStatus }),
  };
}

/** AWS refuses a bad key with 403, a model that it does not have with 400, and passes a model's own failure on as 424. */
function meantStatusOf(status: number, message: string): number | null {
  if (status === 403 && /security token|signature|access key/i.test(message)) return 401;
  if (status === 400 && /model identifier is invalid|on-demand throughput|reached the end of its life/i.test(message))
    return 404;
  return status === 424 ? 502 : null;
}
