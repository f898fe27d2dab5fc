import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { vertexAnthropicWire, vertexGeminiWire } from "../../lib/providers/vertex-wires.ts";
import { encodeCall } from "../support/encode-call.ts";
import { FORMATS } from "../support/replay-stream.ts";

const CLAUDE = "claude-sonnet-4-5@20250929";
const CLAUDE_URL = `https://provider.test/publishers/anthropic/models/${CLAUDE}`;

describe("Claude on Vertex", () => {
  const anthropic = (body: JsonObject, headers?: Record<string, string>) =>
    encodeCall("google-vertex", CLAUDE, FORMATS.anthropic, { model: "m", max_tokens: 64, ...body }, headers);
  const messages = [{ role: "user", content: "hi" }];

  test("an Anthropic client's bytes pass through: the model is in the path, the version in the body", () => {
    const { request } = anthropic({ messages, future_field: { b: 1, a: 2 }, provider: { sort: "price" } });
    expect(request.url).toBe(`${CLAUDE_URL}:rawPredict`);
    expect(request.body).toBe(
      '{"max_tokens":64,"messages":[{"role":"user","content":"hi"}],"future_field":{"b":1,"a":2},"anthropic_version":"vertex-2023-10-16"}',
    );
    expect(request.headers).toEqual({ "content-type": "application/json" });
  });

  test("a stream has a method of its own", () => {
    const { request, sent } = anthropic({ messages, stream: true });
    expect(request.url).toBe(`${CLAUDE_URL}:streamRawPredict`);
    expect(sent["stream"]).toBe(true);
  });

  test("betas go along as a header, those that change a price and a newer version do not", () => {
    const { request, ignoredParameters } = anthropic(
      { messages },
      {
        "anthropic-version": "2027-01-01",
        "anthropic-beta": "interleaved-thinking-2025-05-14,context-1m-2025-08-07",
      },
    );
    expect(request.headers).toEqual({
      "content-type": "application/json",
      "anthropic-beta": "interleaved-thinking-2025-05-14",
    });
    expect(ignoredParameters).toEqual(["anthropic-beta: context-1m-2025-08-07"]);
  });

  test("an OpenAI client's request is translated, without a model in it", () => {
    const body = { model: "m", messages, stream: true };
    const { request, sent } = encodeCall("google-vertex", CLAUDE, FORMATS.openai, body);
    expect(request.url).toBe(`${CLAUDE_URL}:streamRawPredict`);
    expect(sent).toEqual({
      max_tokens: 8_192,
      messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
      stream: true,
      anthropic_version: "vertex-2023-10-16",
    });
  });

  test("tokens are counted at an address of their own, where the model is named in the body", () => {
    const text = JSON.stringify({ model: "m", messages });
    const request = vertexAnthropicWire.countTokens?.encode({
      provider: { id: "google-vertex", name: "", baseUrl: "", apiKeyVariable: null, capabilities: [] },
      baseUrl: "https://provider.test",
      nativeModel: CLAUDE,
      call: { text, body: JSON.parse(text), protocolHeaders: {} },
    });
    expect(request?.url).toBe("https://provider.test/publishers/anthropic/models/count-tokens:rawPredict");
    expect(JSON.parse(request?.body ?? "")).toEqual({
      model: CLAUDE,
      messages,
      anthropic_version: "vertex-2023-10-16",
    });
  });

  test("refusals of Anthropic's and of Google's are both understood", () => {
    const told = (body: object) => vertexAnthropicWire.decodeFailure(400, JSON.stringify(body));
    const tooLong = { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" };
    expect(told({ type: "error", error: tooLong })).toMatchObject({
      message: tooLong.message,
      contextLengthExceeded: true,
    });
    const quota = {
      error: {
        code: 429,
        message: "Quota exceeded for aiplatform.googleapis.com/online_prediction_tokens",
        status: "RESOURCE_EXHAUSTED",
        details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "12s" }],
      },
    };
    expect(told(quota)).toMatchObject({ message: quota.error.message, retryAfterMs: 12_000 });
    expect(told([quota])).toMatchObject({ retryAfterMs: 12_000 });
    expect(vertexAnthropicWire.decodeFailure(502, "<html>").message).toBeNull();
  });
});

describe("Gemini on Vertex", () => {
  const base = "https://provider.test/publishers/google/models";
  const loop = {
    model: "m",
    messages: [
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "call_1", content: '{"id":"kept"}' },
    ],
  };

  test.each([
    [true, "streamGenerateContent?alt=sse"],
    [false, "generateContent"],
  ])("streamed (%s) is asked at :%s below the publisher", (stream, method) => {
    const body = { model: "m", messages: [{ role: "user", content: "hi" }], stream };
    const { request, sent } = encodeCall("google-vertex", "gemini-2.5-flash", FORMATS.openai, body);
    expect(request.url).toBe(`${base}/gemini-2.5-flash:${method}`);
    expect(sent).toEqual({ contents: [{ role: "user", parts: [{ text: "hi" }] }] });
  });

  test("calls have no id before Gemini 3, where Vertex does not know the field", () => {
    const contentsFor = (model: string) => encodeCall("google-vertex", model, FORMATS.openai, loop).sent["contents"];
    expect(contentsFor("gemini-2.5-flash")).toEqual([
      { role: "user", parts: [{ text: "Weather?" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: { a: 1 } } }] },
      { role: "user", parts: [{ functionResponse: { name: "f", response: { id: "kept" } } }] },
    ]);
    expect(JSON.stringify(contentsFor("gemini-3.5-flash"))).toContain('"functionCall":{"id":"call_1"');
  });

  test("speaks Gemini's format otherwise", () => {
    expect(vertexGeminiWire).toMatchObject({ name: "vertex-gemini", authorization: "google-service-account" });
  });
});

test("open models on Vertex are asked as at OpenAI, bytes and all", () => {
  const body = { model: "m", messages: [{ role: "user", content: "hi" }], future_field: 1 };
  const { request } = encodeCall("google-vertex", "openai/gpt-oss-120b-maas", FORMATS.openai, body);
  expect(request.url).toBe("https://provider.test/endpoints/openapi/chat/completions");
  expect(request.body).toBe(
    '{"model":"openai/gpt-oss-120b-maas","messages":[{"role":"user","content":"hi"}],"future_field":1}',
  );
});
