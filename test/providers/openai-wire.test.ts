import { describe, expect, test } from "vitest";
import type { ClientFormat } from "../../lib/protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../../lib/protocol/json.ts";
import { openAiWire } from "../../lib/providers/openai-wire.ts";
import { callOf, candidateOf, FORMATS } from "../support/replay-stream.ts";

const HELLO = [{ role: "user", content: "hi" }];

function encode(providerId: string, format: ClientFormat, body: JsonObject, nativeModel = "native") {
  const { provider, baseUrl } = candidateOf(providerId);
  const required = format.name === "anthropic" ? { max_tokens: 64 } : {};
  const call = callOf(format, { model: "m", ...required, messages: HELLO, ...body });
  const { request, ignoredParameters } = openAiWire.encode({
    provider,
    baseUrl,
    nativeModel,
    maxOutputTokens: 100,
    call,
  });
  const sent: unknown = JSON.parse(request.body ?? "");
  if (!isJsonObject(sent)) throw new Error("no object");
  return { request, sent, ignoredParameters };
}

/** A turn in a tool loop, as an Anthropic client sends it back. */
const CALLED = [
  {
    role: "assistant",
    content: [
      { type: "thinking", thinking: "Which?", signature: "" },
      { type: "tool_use", id: "1", name: "f", input: {} },
    ],
  },
  { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: "ok" }] },
];

const openAi = (provider: string, body: JsonObject, model?: string) => encode(provider, FORMATS.openai, body, model);
const anthropic = (provider: string, body: JsonObject, model?: string) =>
  encode(provider, FORMATS.anthropic, body, model);

describe("where a request goes", () => {
  test("the provider's address, nothing of the client's headers, and no key: that is added by whoever sends it", () => {
    const { request } = openAi("groq", {});
    expect(request).toMatchObject({ method: "POST", url: "https://api.groq.com/openai/v1/chat/completions" });
    expect(request.headers).toEqual({ "content-type": "application/json" });
  });
});

describe("what an OpenAI client's request becomes", () => {
  test("its own bytes: the model, usage asked for, gateway fields gone", () => {
    const text =
      '{ "model":"m","messages":[{"role":"user","content":"h\\u00e9"}], "provider":{"order":[]},"models":[],"future":1.0,"stream":true }';
    const { provider, baseUrl } = candidateOf("fireworks");
    const call = FORMATS.openai.parse(JSON.parse(text), text);
    const { request } = openAiWire.encode({
      provider,
      baseUrl,
      nativeModel: "n/x",
      maxOutputTokens: 1,
      call,
    });
    expect(request.body).toBe(
      '{ "model":"n/x","messages":[{"role":"user","content":"h\\u00e9"}],"future":1.0,"stream":true ,"stream_options":{"include_usage":true}}',
    );
  });

  test("trap 16: OpenAI gets every parameter of its own", () => {
    const body = {
      stop: ["x"], n: 2, logit_bias: { "1": 1 }, logprobs: true, top_logprobs: 2, prediction: { type: "content", content: "x" },
      service_tier: "flex", metadata: { a: "b" }, store: true, parallel_tool_calls: false, reasoning_effort: "low", seed: 1,
    }; // biome-ignore format: a table
    const { sent, ignoredParameters } = openAi("openai", body, "gpt-5-mini");
    expect(sent).toEqual({ model: "gpt-5-mini", messages: HELLO, ...body });
    expect(ignoredParameters).toEqual([]);
  });

  test("a declaration's renames and drops; what is dropped is named", () => {
    const { sent, ignoredParameters } = openAi("mistral", {
      max_completion_tokens: 5,
      seed: 1,
      user: "u",
      logit_bias: {},
      stream: true,
    });
    expect(sent).toEqual({ model: "native", messages: HELLO, max_tokens: 5, random_seed: 1, stream: true });
    expect(ignoredParameters).toEqual(["logit_bias", "user"]);
  });

  test("OpenAI's reasoning models have a name of their own for the cap, its others know no effort", () => {
    expect(openAi("openai", { max_tokens: 5 }, "gpt-5-mini").sent).toMatchObject({ max_completion_tokens: 5 });
    expect(openAi("openai", { max_tokens: 5 }, "gpt-4o").sent).toMatchObject({ max_tokens: 5 });
    expect(openAi("openai", { reasoning_effort: "low" }, "gpt-4o").ignoredParameters).toEqual(["reasoning_effort"]);
  });

  test("stream_options of the client's are kept, with usage asked for all the same", () => {
    const stream_options = { include_obfuscation: false, include_usage: false };
    expect(openAi("openai", { stream: true, stream_options }).sent["stream_options"]).toEqual({
      include_obfuscation: false,
      include_usage: true,
    });
  });
});

describe("what an Anthropic client's request becomes", () => {
  test("a chat request, with usage asked for and no explicit null", () => {
    const { sent, request, ignoredParameters } = anthropic("openai", {
      system: "Be brief.",
      stream: true,
      tools: [{ name: "f", description: null, input_schema: { type: "object" } }],
      container: "c",
    });
    expect(sent).toEqual({
      model: "native",
      messages: [{ role: "system", content: "Be brief." }, ...HELLO],
      stream: true,
      max_tokens: 64,
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      stream_options: { include_usage: true },
    });
    expect(request.body).not.toContain("null");
    expect(ignoredParameters).toEqual(["container"]);
  });

  test("thinking is an effort where the model knows one; top_k goes to those that know it", () => {
    const thinking = { type: "enabled", budget_tokens: 1_024 };
    const body = { thinking, max_tokens: 4_000, top_k: 5 };
    expect(anthropic("openai", body, "gpt-5-mini").sent).toMatchObject({
      reasoning_effort: "low",
      max_completion_tokens: 4_000,
    });
    expect(anthropic("openai", body, "gpt-4o-mini")).toMatchObject({
      ignoredParameters: ["top_k", "reasoning_effort"],
    });
    expect(anthropic("together", body).sent).toMatchObject({ top_k: 5 });
    expect(anthropic("groq", body).ignoredParameters).toEqual(["top_k"]);
  });

  test("trap 24: breakpoints of the prompt cache and thoughts reach OpenRouter, and nobody who would refuse them", () => {
    const cache_control = { type: "ephemeral" };
    const messages = [
      { role: "user", content: [{ type: "text", text: "hi", cache_control }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "sig" },
          { type: "text", text: "Yes." },
        ],
      },
      { role: "user", content: "Go on." },
    ];
    expect(anthropic("openrouter", { messages }).sent["messages"]).toEqual([
      { role: "user", content: [{ type: "text", text: "hi", cache_control }] },
      {
        role: "assistant",
        content: "Yes.",
        reasoning_details: [{ type: "reasoning.text", text: "Hm.", index: 0, signature: "sig" }],
      },
      { role: "user", content: "Go on." },
    ]);
    const deepSeek = anthropic("deepseek", { messages: [...messages, ...CALLED] }).sent["messages"];
    expect(deepSeek).toMatchObject([{}, { content: "Yes." }, {}, { reasoning_content: "Which?" }, {}]);
    expect(JSON.stringify(deepSeek).match(/reasoning_content/g)).toHaveLength(1);
    expect(anthropic("groq", { messages }).request.body).not.toMatch(/cache_control|reasoning/);
  });
});

describe("what a refusal means", () => {
  const failure = (body: unknown, status = 400) =>
    openAiWire.decodeFailure(status, typeof body === "string" ? body : JSON.stringify(body));

  test("its message, its parameter, and whether the prompt was too long", () => {
    const error = {
      message: "This model's maximum context length is 8192 tokens.",
      param: "messages",
      code: "context_length_exceeded",
    };
    expect(failure({ error })).toEqual({ message: error.message, param: "messages", contextLengthExceeded: true });
    expect(failure({ error: "bad" })).toMatchObject({ message: "bad", param: null, contextLengthExceeded: false });
    expect(failure({ message: "too many tokens" })).toMatchObject({ contextLengthExceeded: true });
    const cloudflare = { success: false, errors: [{ code: 5007, message: "No such model" }], result: {}, messages: [] };
    expect(failure(cloudflare)).toMatchObject({ message: "No such model" });
  });

  test("K19 an error page says nothing, and nothing that looks like a secret is passed on", () => {
    expect(failure("<html>")).toMatchObject({ message: null });
    expect(failure({ error: { message: "Bad key sk-abcdefghijkl at https://internal/x" } }).message).toBe(
      "Bad key [removed] at [removed]",
    );
  });
});
