import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { cohereWire } from "../../lib/providers/cohere-wire.ts";
import { encodeCall } from "../support/encode-call.ts";
import { FORMATS } from "../support/replay-stream.ts";

const openAi = (body: JsonObject, nativeModel = "command-a-03-2025") =>
  encodeCall("cohere", nativeModel, FORMATS.openai, {
    model: "m",
    messages: [{ role: "user", content: "hi" }],
    ...body,
  });
const TOOL = { type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } };

describe("a request to Cohere", () => {
  test("nothing that was not asked for is sent", () => {
    const { request, sent, ignoredParameters } = openAi({});
    expect(request).toMatchObject({ method: "POST", url: "https://provider.test/chat" });
    expect(sent).toEqual({
      model: "command-a-03-2025",
      messages: [{ role: "user", content: "hi" }],
      stream: false,
    });
    expect(ignoredParameters).toEqual([]);
  });

  test("sampling has Cohere's names and stays within its bounds", () => {
    const { sent } = openAi({
      max_tokens: 9, temperature: 1.7, top_p: 1, top_k: 40, seed: 7, stop: ["a", "b"],
      frequency_penalty: -1, presence_penalty: 0.5, stream: true,
    }); // biome-ignore format: one request
    expect(sent).toMatchObject({
      stream: true, max_tokens: 9, temperature: 1, p: 0.99, k: 40, seed: 7, stop_sequences: ["a", "b"],
      frequency_penalty: 0, presence_penalty: 0.5,
    }); // biome-ignore format: one request
  });

  test("turns, pictures, calls with what was said before them, and results", () => {
    const { sent } = openAi({
      messages: [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "Look:" },
            { type: "image_url", image_url: { url: "data:image/png;base64,aGk=", detail: "low" } },
          ],
        },
        {
          role: "assistant",
          content: "I will look it up.",
          tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a": 1}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: "sunny" },
        { role: "assistant", content: "Sunny." },
        { role: "user", content: "Thanks." },
      ],
    });
    expect(sent["messages"]).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Look:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,aGk=", detail: "low" } },
        ],
      },
      {
        role: "assistant",
        tool_plan: "I will look it up.",
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a": 1}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
      { role: "assistant", content: "Sunny." },
      { role: "user", content: "Thanks." },
    ]);
  });

  test("the same from an Anthropic client", () => {
    const body = {
      model: "m",
      max_tokens: 64,
      system: "Be brief.",
      messages: [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "t", signature: "s" },
            { type: "tool_use", id: "c1", name: "f", input: { a: 1 } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "sunny" }] },
      ],
    };
    expect(encodeCall("cohere", "command-a-03-2025", FORMATS.anthropic, body).sent["messages"]).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ]);
  });

  test("what it cannot take is said in its place and reported", () => {
    const file = { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" } };
    const { sent, ignoredParameters } = openAi({
      messages: [{ role: "user", content: [{ type: "text", text: "Read this. " }, file] }],
      n: 2,
      logprobs: true,
      user: "u",
      metadata: { a: "b" },
    });
    expect(sent["messages"]).toEqual([{ role: "user", content: "Read this. [file that this model cannot read]" }]);
    expect(ignoredParameters).toEqual(["n", "logprobs", "user", "file", "metadata"]);
  });

  test.each([
    ["auto", undefined, 2],
    ["none", "NONE", 2],
    ["required", "REQUIRED", 2],
    // It cannot be told which: the other is not shown.
    [{ type: "function", function: { name: "f" } }, "REQUIRED", 1],
  ])("tool choice %j", (tool_choice, told, shown) => {
    const { sent } = openAi({ tools: [TOOL, { type: "function", function: { name: "now" } }], tool_choice });
    expect(sent["tool_choice"]).toBe(told);
    expect(sent["tools"]).toHaveLength(shown);
    expect(sent).not.toHaveProperty("strict_tools");
  });

  test("tools keep their schema; one that takes nothing has an empty one, as Cohere insists", () => {
    const strict = { ...TOOL, function: { ...TOOL.function, strict: true } };
    const { sent } = openAi({ tools: [strict, { type: "function", function: { name: "now" } }] });
    expect(sent["tools"]).toEqual([
      TOOL,
      { type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } },
    ]);
    expect(sent["strict_tools"]).toBe(true);
  });

  test("JSON mode and a schema", () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(openAi({ response_format: { type: "json_object" } }).sent["response_format"]).toEqual({
      type: "json_object",
    });
    const format = { type: "json_schema", json_schema: { name: "n", schema, strict: true } };
    expect(openAi({ response_format: format }).sent["response_format"]).toEqual({
      type: "json_object",
      json_schema: schema,
    });
  });

  test.each([
    ["low", { type: "enabled", token_budget: 2_048 }],
    ["none", { type: "disabled" }],
  ])("reasoning effort %s, for models that reason", (effort, thinking) => {
    expect(openAi({ reasoning_effort: effort }, "command-a-reasoning-08-2025").sent["thinking"]).toEqual(thinking);
    const other = openAi({ reasoning_effort: effort });
    expect(other.sent).not.toHaveProperty("thinking");
    expect(other.ignoredParameters).toEqual(effort === "none" ? [] : ["reasoning"]);
  });
});

describe("a reply of Cohere's", () => {
  const recorded = (name: string): JsonObject =>
    JSON.parse(readFileSync(`test/fixtures/simulator/cohere-${name}.json`, "utf8"));
  const usageOf = (input: number, output: number) => ({
    kind: "usage",
    usage: {
      inputUncached: input,
      cacheRead: 0,
      cacheWrite: 0,
      cacheWriteOneHour: 0,
      output,
      reasoning: 0,
      source: "provider",
    },
  });

  test("text, and what is billed rather than what was read", () => {
    expect(cohereWire.decodeReply(recorded("chat"))).toEqual([
      { kind: "start", id: "c14c80c3-18eb-4519-9460-6c92edd8cfb4", model: null },
      { kind: "text", choice: 0, text: "High water at six." },
      usageOf(4, 6),
      { kind: "finish", choice: 0, reason: "stop", nativeReason: "COMPLETE", stopSequence: null },
      { kind: "end" },
    ]);
  });

  test("a plan, then calls", () => {
    expect(cohereWire.decodeReply(recorded("tools")).slice(1, -3)).toEqual([
      { kind: "text", choice: 0, text: "I will look up the tide." },
      { kind: "tool-start", choice: 0, tool: 0, id: "get_tide_n0r8bm4ydvs5", name: "get_tide" },
      { kind: "tool-arguments", choice: 0, tool: 0, json: '{"port":"Cork"}' },
    ]);
  });

  test("tokens stand in where nothing billed is told, their cached part apart", () => {
    const usage = { tokens: { input_tokens: 100, output_tokens: 5 }, cached_tokens: 64 };
    const events = cohereWire.decodeReply({ ...recorded("chat"), usage });
    expect(events.find(({ kind }) => kind === "usage")).toMatchObject({
      usage: { inputUncached: 36, cacheRead: 64, output: 5 },
    });
    const none = cohereWire.decodeReply({ ...recorded("chat"), usage: {} });
    expect(none.some(({ kind }) => kind === "usage")).toBe(false);
  });

  test.each([
    ["STOP_SEQUENCE", "stop"],
    ["MAX_TOKENS", "length"],
    ["ERROR_LIMIT", "length"],
    ["ERROR_TOXIC", "content_filter"],
  ])("%s is %s", (finish_reason, reason) => {
    expect(cohereWire.decodeReply({ ...recorded("chat"), finish_reason })).toContainEqual(
      expect.objectContaining({ kind: "finish", reason, nativeReason: finish_reason }),
    );
  });

  test.each([
    ["ERROR", 502],
    ["TIMEOUT", 504],
  ])("%s is a failure, whole and in a stream", (finish_reason, status) => {
    const failed = expect.objectContaining({ kind: "error", status });
    expect(cohereWire.decodeReply({ ...recorded("chat"), finish_reason })).toContainEqual(failed);
    const data = JSON.stringify({ type: "message-end", delta: { finish_reason, error: "internal" } });
    expect(cohereWire.createStreamDecoder().push({ event: "message-end", data, raw: data })).toContainEqual(failed);
  });

  test("a source with an address is a citation of both clients", () => {
    const sources = [{ type: "document", id: "d", document: { url: "https://tides.example", title: "Tides" } }];
    const message = { role: "assistant", content: [], citations: [{ start: 0, end: 4, text: "High", sources }] };
    expect(cohereWire.decodeReply({ ...recorded("chat"), message })).toContainEqual({
      kind: "citation",
      choice: 0,
      citation: {
        type: "url_citation",
        url_citation: { url: "https://tides.example", title: "Tides", start_index: 0, end_index: 4 },
      },
    });
  });

  test("refusals", () => {
    expect(cohereWire.decodeFailure(401, JSON.stringify(recorded("error")))).toEqual({
      message: "invalid api token",
      param: null,
      contextLengthExceeded: false,
    });
    const tooLong = { message: "too many tokens: size limit exceeded by 5000 tokens." };
    expect(cohereWire.decodeFailure(400, JSON.stringify(tooLong)).contextLengthExceeded).toBe(true);
    const trial = { message: "You are using a Trial key, which is limited to 1000 API calls / month." };
    expect(cohereWire.decodeFailure(429, JSON.stringify(trial)).meantStatus).toBe(402);
    expect(cohereWire.decodeFailure(502, "<html>").message).toBeNull();
    expect(cohereWire.decodeReply({ id: "1", message: "no such model" })).toEqual([
      { kind: "error", status: 502, message: "no such model" },
    ]);
  });
});

test("Cloudflare's envelope is understood, and a longer name is shortened for it", () => {
  const { request, sent } = encodeCall(
    "cloudflare-workers-ai",
    "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
    FORMATS.openai,
    {
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      max_completion_tokens: 9,
    },
  );
  expect(request.url).toBe("https://provider.test/chat/completions");
  expect(sent).toMatchObject({ model: "@cf/meta/llama-3.3-70b-instruct-fp8-fast", max_tokens: 9 });
});
