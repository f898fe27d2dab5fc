import * as z from "zod";
import { countTokens } from "../../lib/inference/count-tokens.ts";
import { readIdempotency } from "../../lib/inference/idempotency-key.ts";
import { runInference } from "../../lib/inference/pipeline.ts";
import {
  type GenerateContentTarget,
  generateContentFormat,
  parseGeminiCount,
} from "../../lib/protocol/gemini/client/generate-format.ts";
import { generateContentRequest } from "../../lib/protocol/gemini/client/generate-schema.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { readInferenceInput } from "./inference-input.ts";
import { generateContentReply } from "./inference-replies.ts";

/** The model stands in the path; the body is read along with it, so that a cold call looks it up at once. */
async function readCall(exchange: Exchange) {
  const { request, requestId } = exchange;
  const input = await readInferenceInput(exchange);
  const model = exchange.parameter("model").replace(/^models\//, "");
  const body = { ...input.body, model };
  return { ...input, body, model, protocolHeaders: {}, requestId, signal: request.signal };
}

async function generate(exchange: Exchange, stream: GenerateContentTarget["stream"]): Promise<Response> {
  const { gateway, ports, request, requestId } = exchange;
  const { model, ...input } = await readCall(exchange);
  const format = generateContentFormat({ model, stream });
  const call = { ...input, format, idempotency: readIdempotency(request.headers) };
  const reply = await runInference(gateway, ports, call);
  const type = stream === "list" ? { "content-type": "application/json" } : {};
  return exchange.send({ ...reply, headers: { "x-request-id": requestId, ...reply.headers, ...type } });
}

/** Google streams a JSON list unless `alt=sse` is asked for. */
function framingOf(url: string): "sse" | "list" {
  const start = url.indexOf("?");
  return start >= 0 && new URLSearchParams(url.slice(start + 1)).get("alt") === "sse" ? "sse" : "list";
}

async function count(exchange: Exchange): Promise<Response> {
  const { gateway, ports, requestId } = exchange;
  const { model, ...call } = await readCall(exchange);
  const { inputTokens, headers } = await countTokens(gateway, ports, call, {
    name: "gemini",
    parse: (body) => ({ model, ...parseGeminiCount(body) }),
  });
  return new Response(JSON.stringify({ totalTokens: inputTokens }), {
    headers: { "content-type": "application/json", ...headers, "x-request-id": requestId },
  });
}

const HELLO = { contents: [{ role: "user", parts: [{ text: "Say hello." }] }] };
const path = (method: string) => `/v1beta/models/{model+}:${method}`;

/** Gemini's own endpoints, for the models of every provider. */
export function geminiRoutes(): readonly Route[] {
  return [
    {
      method: "POST",
      path: path("generateContent"),
      policy: "key",
      documentation: {
        tag: "Inference",
        summary: "Answer, in Gemini's format",
        description:
          "Errors come in Google's shape. A key goes into `x-goog-api-key` or one of the other headers, never into the URL.",
        body: generateContentRequest,
        reply: generateContentReply,
        examplePath: "/v1beta/models/google/gemini-2.5-flash:generateContent",
        exampleBody: HELLO,
      },
      handle: (exchange) => generate(exchange, null),
    },
    {
      method: "POST",
      path: path("streamGenerateContent"),
      policy: "key",
      documentation: {
        tag: "Inference",
        summary: "Streamed answer, in Gemini's format",
        description: "A JSON list that grows, or server-sent events with `alt=sse`.",
        query: z.object({ alt: z.enum(["sse", "json"]).optional() }),
        body: generateContentRequest,
        reply: generateContentReply,
        alsoReplies: "text/event-stream",
        examplePath: "/v1beta/models/google/gemini-2.5-flash:streamGenerateContent?alt=sse",
        exampleBody: HELLO,
      },
      handle: (exchange) => generate(exchange, framingOf(exchange.request.url)),
    },
    {
      method: "POST",
      path: path("countTokens"),
      policy: "key",
      documentation: {
        tag: "Inference",
        summary: "A prompt's tokens, in Gemini's format",
        description:
          "Counted by the model's provider where that speaks this format, otherwise estimated. Takes one request of the key's minute and costs nothing.",
        body: generateContentRequest,
        reply: z.object({ totalTokens: z.int() }),
        examplePath: "/v1beta/models/google/gemini-2.5-flash:countTokens",
        exampleBody: HELLO,
        exampleReply: { totalTokens: 9 },
      },
      handle: count,
    },
  ];
}
