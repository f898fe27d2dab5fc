import * as z from "zod";
import { countTokens } from "../../lib/inference/count-tokens.ts";
import { readIdempotency } from "../../lib/inference/idempotency-key.ts";
import { runInference } from "../../lib/inference/pipeline.ts";
import { anthropicMessagesFormat, parseCountTokens } from "../../lib/protocol/anthropic/messages-format.ts";
import { countTokensRequest, messagesRequest } from "../../lib/protocol/anthropic/messages-schema.ts";
import type { ClientFormat } from "../../lib/protocol/client-format.ts";
import { completionsFormat } from "../../lib/protocol/completions/completions-format.ts";
import { completionRequest } from "../../lib/protocol/completions/completions-schema.ts";
import { openAiChatFormat } from "../../lib/protocol/openai/chat-format.ts";
import { chatCompletionRequest } from "../../lib/protocol/openai/chat-schema.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { readInferenceInput } from "./inference-input.ts";
import { chatCompletion, messagesReply, textCompletion } from "./inference-replies.ts";

/** The pipeline enforces the policy of these routes: it reads the identity together with what else a cold call needs. */
function inference(format: ClientFormat, idHeader: "request-id" | null): Route["handle"] {
  return async (exchange) => {
    const { gateway, ports, request, requestId } = exchange;
    const input = await readInferenceInput(exchange);
    const protocolHeaders = format.readProtocolHeaders(request.headers);
    const idempotency = readIdempotency(request.headers);
    const call = { ...input, format, protocolHeaders, requestId, idempotency, signal: request.signal };
    const reply = await runInference(gateway, ports, call);
    const headers: Record<string, string> = { "x-request-id": requestId, ...reply.headers };
    if (idHeader !== null) headers[idHeader] = headers["x-request-id"] ?? requestId;
    return exchange.send({ ...reply, headers });
  };
}

async function countMessageTokens(exchange: Exchange): Promise<Response> {
  const { gateway, ports, request, requestId } = exchange;
  const input = await readInferenceInput(exchange);
  const protocolHeaders = anthropicMessagesFormat.readProtocolHeaders(request.headers);
  const call = { ...input, protocolHeaders, requestId, signal: request.signal };
  const { inputTokens, headers } = await countTokens(gateway, ports, call, {
    name: "anthropic",
    parse: parseCountTokens,
  });
  return new Response(JSON.stringify({ input_tokens: inputTokens }), {
    headers: { "content-type": "application/json", ...headers, "x-request-id": requestId, "request-id": requestId },
  });
}

const HELLO = [{ role: "user", content: "Say hello." }];

export const INFERENCE_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/completions",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Completion of a text, in OpenAI's older format",
      description:
        "Passed on where the model's provider still serves it; elsewhere one prompt is asked as a chat of one turn. Token ids, several prompts, `suffix` and `best_of` need a provider that serves it.",
      body: completionRequest,
      reply: textCompletion,
      alsoReplies: "text/event-stream",
      exampleBody: { model: "openai/gpt-4o-mini", prompt: "Say hello.", max_tokens: 50 },
    },
    handle: inference(completionsFormat, null),
  },
  {
    method: "POST",
    path: "/v1/chat/completions",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Chat completion, in OpenAI's format",
      description:
        "Streams server-sent events when `stream` is true. Fields that are not listed are passed on to a provider of the same format. The cost in USD is in `usage.cost`.",
      body: chatCompletionRequest,
      reply: chatCompletion,
      alsoReplies: "text/event-stream",
      exampleBody: { model: "openai/gpt-4o-mini", messages: HELLO },
    },
    handle: inference(openAiChatFormat, null),
  },
  {
    method: "POST",
    path: "/v1/messages",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "Message, in Anthropic's format",
      description: "Streams server-sent events when `stream` is true. Errors come in Anthropic's shape.",
      body: messagesRequest,
      reply: messagesReply,
      alsoReplies: "text/event-stream",
      exampleBody: { model: "anthropic/claude-sonnet-4.5", max_tokens: 256, messages: HELLO },
    },
    handle: inference(anthropicMessagesFormat, "request-id"),
  },
  {
    method: "POST",
    path: "/v1/messages/count_tokens",
    policy: "key",
    documentation: {
      tag: "Inference",
      summary: "A message's input tokens, in Anthropic's format",
      description:
        "Counted by the model's provider where it can (named in `x-gateway-provider`), otherwise estimated. Takes one request of the key's minute and costs nothing.",
      body: countTokensRequest,
      reply: z.object({ input_tokens: z.int() }),
      exampleBody: { model: "anthropic/claude-sonnet-4.5", messages: HELLO },
      exampleReply: { input_tokens: 11 },
    },
    handle: countMessageTokens,
  },
];
