import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { bedrockWire } from "../../lib/providers/bedrock-wire.ts";
import { encodeCall } from "../support/encode-call.ts";
import { FORMATS } from "../support/replay-stream.ts";

const CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const LLAMA = "meta.llama3-3-70b-instruct-v1:0";
const openAi = (body: JsonObject, nativeModel = CLAUDE) =>
  encodeCall("bedrock", nativeModel, FORMATS.openai, {
    model: "m",
    messages: [{ role: "user", content: "hi" }],
    ...body,
  });
const anthropic = (body: JsonObject, nativeModel = CLAUDE) =>
  encodeCall("bedrock", nativeModel, FORMATS.anthropic, {
    model: "m",
    max_tokens: 4_000,
    messages: [{ role: "user", content: "hi" }],
    ...body,
  });
const TOOL = { type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } };
const SPEC = { toolSpec: { name: "f", description: "d", inputSchema: { json: { type: "object" } } } };
const LOOP = [
  { role: "user", content: "Weather?" },
  {
    role: "assistant",
    content: "I look.",
    tool_calls: [{ id: "call.1", type: "function", function: { name: "f", arguments: '{"a": 1}' } }],
  },
  { role: "tool", tool_call_id: "call.1", content: "sunny" },
];

describe("where a request goes", () => {
  test("the model is one segment of the path, whatever is in its name", () => {
    expect(openAi({}).request.url).toBe(
      "https://provider.test/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    );
    const arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x";
    expect(openAi({ stream: true }, arn).request.url).toBe(
      `https://provider.test/model/${encodeURIComponent(arn)}/converse-stream`,
    );
  });
});

describe("what a request says", () => {
  test("nothing that was not asked for", () => {
    expect(openAi({})).toMatchObject({
      sent: { messages: [{ role: "user", content: [{ text: "hi" }] }] },
      ignoredParameters: [],
    });
    expect(Object.keys(openAi({}).sent)).toEqual(["messages"]);
  });

  test("turns are merged, blank texts left out, calls and results paired by ids that AWS accepts", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "One." },
      { role: "user", content: " " },
      ...LOOP,
      { role: "user", content: "And now?" },
    ];
    expect(openAi({ messages, tools: [TOOL] }).sent).toEqual({
      system: [{ text: "Be brief." }],
      messages: [
        { role: "user", content: [{ text: "One." }, { text: "Weather?" }] },
        {
          role: "assistant",
          content: [{ text: "I look." }, { toolUse: { toolUseId: "call_1", name: "f", input: { a: 1 } } }],
        },
        {
          role: "user",
          content: [{ toolResult: { toolUseId: "call_1", content: [{ text: "sunny" }] } }, { text: "And now?" }],
        },
      ],
      toolConfig: { tools: [SPEC] },
    });
  });

  test("instructions alone are said as the user", () => {
    expect(openAi({ messages: [{ role: "system", content: "Tell a joke." }] }).sent).toEqual({
      messages: [{ role: "user", content: [{ text: "Tell a joke." }] }],
    });
  });

  test("a history with calls has its tools declared even where the client offers none any more", () => {
    const { sent } = openAi({ messages: LOOP });
    expect(sent["toolConfig"]).toEqual({
      tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object", properties: {} } } } }],
    });
  });

  test("pictures and documents by their bytes, what Bedrock cannot take in words and reported", () => {
    const { sent, ignoredParameters } = openAi({
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
            { type: "image_url", image_url: { url: "https://example.com/a.png" } },
            { type: "file", file: { filename: "Tides_2026.pdf", file_data: "data:application/pdf;base64,aGk=" } },
            { type: "input_audio", input_audio: { data: "bXA=", format: "mp3" } },
          ],
        },
      ],
    });
    expect(sent["messages"]).toEqual([
      {
        role: "user",
        content: [
          { image: { format: "png", source: { bytes: "aGk=" } } },
          { text: "[image that this model cannot fetch]" },
          { document: { format: "pdf", name: "Tides 2026 pdf", source: { bytes: "aGk=" } } },
          { text: "[audio that this model cannot hear]" },
        ],
      },
    ]);
    expect(ignoredParameters).toEqual(["image_url", "audio"]);
  });

  test("a document is never alone: Bedrock wants a word with it", () => {
    const file = { type: "file", file: { file_data: "data:application/pdf;base64,aGk=" } };
    expect(openAi({ messages: [{ role: "user", content: [file] }] }).sent["messages"]).toEqual([
      {
        role: "user",
        content: [
          { document: { format: "pdf", name: "document", source: { bytes: "aGk=" } } },
          { text: "See the document." },
        ],
      },
    ]);
  });

  test("sampling, and what only one maker's models know", () => {
    const asked = { max_tokens: 9, temperature: 1.5, top_k: 40, stop: ["a", " "], seed: 7, n: 2, user: "u" };
    const claude = openAi(asked);
    expect(claude.sent).toMatchObject({
      inferenceConfig: { maxTokens: 9, temperature: 1, stopSequences: ["a", " "].slice(0, 1) },
      additionalModelRequestFields: { top_k: 40 },
      additionalModelResponseFieldPaths: ["/stop_sequence"],
    });
    expect(claude.ignoredParameters).toEqual(["n", "seed", "user"]);
    const llama = openAi(asked, LLAMA);
    expect(llama.sent).not.toHaveProperty("additionalModelRequestFields");
    expect(llama.sent).not.toHaveProperty("additionalModelResponseFieldPaths");
    expect(llama.ignoredParameters).toEqual(["n", "seed", "top_k", "user"]);
    expect(openAi({ top_k: 40 }, "amazon.nova-pro-v1:0").sent["additionalModelRequestFields"]).toEqual({
      inferenceConfig: { topK: 40 },
    });
    // Of the two a Claude takes one; the latest take none.
    expect(openAi({ temperature: 0.5, top_p: 0.9 }).ignoredParameters).toEqual(["top_p"]);
    const latest = openAi({ temperature: 0.5, top_p: 0.9 }, "global.anthropic.claude-opus-4-7-v1:0");
    expect(latest.sent).not.toHaveProperty("inferenceConfig");
    expect(latest.ignoredParameters).toEqual(["temperature", "top_p"]);
  });

  test.each([
    ["auto", CLAUDE, { auto: {} }, []],
    ["required", CLAUDE, { any: {} }, []],
    [{ type: "function", function: { name: "f" } }, CLAUDE, { tool: { name: "f" } }, []],
    ["required", LLAMA, undefined, ["tool_choice"]],
  ])("tool choice %j at %s", (tool_choice, model, choice, ignored) => {
    const { sent, ignoredParameters } = openAi({ tools: [TOOL], tool_choice }, model);
    expect(sent["toolConfig"]).toEqual({ tools: [SPEC], ...(choice === undefined ? {} : { toolChoice: choice }) });
    expect(ignoredParameters).toEqual(ignored);
  });

  test("there is no word for none: the tools are not shown, unless the history needs them", () => {
    expect(openAi({ tools: [TOOL], tool_choice: "none" }).sent).not.toHaveProperty("toolConfig");
    const needed = openAi({ tools: [TOOL], tool_choice: "none", messages: LOOP });
    expect(needed.sent["toolConfig"]).toEqual({ tools: [SPEC] });
    expect(needed.ignoredParameters).toEqual(["tool_choice"]);
  });

  test("an Anthropic client's thoughts, seals and breakpoints", () => {
    const { sent } = anthropic({
      system: [{ type: "text", text: "s", cache_control: { type: "ephemeral", ttl: "1h" } }],
      thinking: { type: "enabled", budget_tokens: 2_000 },
      tools: [{ name: "f", description: "d", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } }],
      messages: [
        { role: "user", content: [{ type: "text", text: "a", cache_control: { type: "ephemeral" } }] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "t", signature: "c2ln" },
            { type: "redacted_thinking", data: "cmVk" },
            { type: "tool_use", id: "1", name: "f", input: {} },
          ],
        },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "1", is_error: true, content: [{ type: "text", text: "no" }] }],
        },
      ],
    });
    expect(sent).toEqual({
      system: [{ text: "s" }, { cachePoint: { type: "default", ttl: "1h" } }],
      messages: [
        { role: "user", content: [{ text: "a" }, { cachePoint: { type: "default" } }] },
        {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "t", signature: "c2ln" } } },
            { reasoningContent: { redactedContent: "cmVk" } },
            { toolUse: { toolUseId: "1", name: "f", input: {} } },
          ],
        },
        { role: "user", content: [{ toolResult: { toolUseId: "1", content: [{ text: "no" }], status: "error" } }] },
      ],
      inferenceConfig: { maxTokens: 4_000 },
      toolConfig: { tools: [SPEC, { cachePoint: { type: "default" } }] },
      additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2_000 } },
    });
    const llama = anthropic({ system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }] }, LLAMA);
    expect(llama.request.body).not.toContain("cachePoint");
  });

  test("another vendor's thoughts stay behind, and thinking is said in each maker's way", () => {
    const foreign = {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "t", signature: "google:x" },
        { type: "text", text: "b" },
      ],
    };
    const { request } = anthropic({
      messages: [{ role: "user", content: "a" }, foreign, { role: "user", content: "c" }],
    });
    expect(request.body).not.toContain("reasoningContent");
    const effort = { reasoning_effort: "high" };
    expect(openAi(effort, "anthropic.claude-opus-4-6-v1").sent["additionalModelRequestFields"]).toEqual({
      thinking: { type: "adaptive" },
      output_config: { effort: "high" },
    });
    expect(openAi(effort, "openai.gpt-oss-120b-1:0").sent["additionalModelRequestFields"]).toEqual({
      reasoning_effort: "high",
    });
    expect(openAi(effort, LLAMA).ignoredParameters).toEqual(["reasoning"]);
  });

  test("a schema is structured output where the model has it, and an instruction where it has not", () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    const asked = { response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } } };
    expect(openAi(asked).sent["outputConfig"]).toEqual({
      textFormat: { type: "json_schema", structure: { jsonSchema: { schema: JSON.stringify(schema), name: "n" } } },
    });
    for (const model of [
      LLAMA,
      "anthropic.claude-3-5-sonnet-20241022-v2:0",
      "us.anthropic.claude-opus-4-1-20250805-v1:0",
    ]) {
      const { sent } = openAi(asked, model);
      expect(sent).not.toHaveProperty("outputConfig");
      expect(JSON.stringify(sent["system"])).toContain("JSON Schema");
    }
    const object = openAi({ response_format: { type: "json_object" } });
    expect(JSON.stringify(object.sent["system"])).toContain("JSON object");
  });
});

describe("a reply of Bedrock's", () => {
  const recorded: JsonObject = JSON.parse(readFileSync("test/fixtures/simulator/bedrock-converse.json", "utf8"));

  test("thoughts, text, calls and usage", () => {
    expect(bedrockWire.decodeReply(recorded)).toEqual([
      { kind: "start", id: null, model: null },
      { kind: "reasoning", choice: 0, text: "A question of tides." },
      { kind: "reasoning-signature", choice: 0, signature: "EsECCokBCBAYAipA" },
      { kind: "text", choice: 0, text: "High water at six." },
      { kind: "tool-start", choice: 0, tool: 0, id: "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", name: "get_tide" },
      { kind: "tool-arguments", choice: 0, tool: 0, json: '{"port":"Cork"}' },
      {
        kind: "usage",
        usage: {
          inputUncached: 12, cacheRead: 1024, cacheWrite: 0, cacheWriteOneHour: 0, output: 41, reasoning: 0, source: "provider",
        },
      },
      { kind: "finish", choice: 0, reason: "tool_calls", nativeReason: "tool_use", stopSequence: null },
      { kind: "end" },
    ]); // biome-ignore format: events
  });

  test.each([
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["guardrail_intervened", "content_filter"],
    ["content_filtered", "content_filter"],
    ["malformed_tool_use", "error"],
  ])("%s is %s", (stopReason, reason) => {
    const finish = bedrockWire.decodeReply({ ...recorded, stopReason }).find(({ kind }) => kind === "finish");
    expect(finish).toMatchObject({ reason, nativeReason: stopReason });
  });

  test("the sequence at which it stopped, where it tells", () => {
    const stopped = { stopReason: "stop_sequence", additionalModelResponseFields: { stop_sequence: "END" } };
    expect(bedrockWire.decodeReply({ ...recorded, ...stopped })).toContainEqual(
      expect.objectContaining({ kind: "finish", reason: "stop", stopSequence: "END" }),
    );
  });

  test("no content is a failure", () => {
    expect(bedrockWire.decodeReply({ message: "?" })).toEqual([{ kind: "error", status: 502, message: "no content" }]);
  });

  test.each([
    ["throttlingException", 429],
    ["validationException", 400],
    ["internalServerException", 500],
    ["modelStreamErrorException", 502],
    ["serviceUnavailableException", 503],
    ["modelTimeoutException", 504],
    ["somethingNewException", 502],
  ])("%s inside a stream is %d", (event, status) => {
    const data = '{"message":"m"}';
    expect(bedrockWire.createStreamDecoder().push({ event, data, raw: data })).toEqual([
      { kind: "error", status, message: "m" },
    ]);
  });

  test("refusals mean what they say", () => {
    const told = (status: number, message: string) => bedrockWire.decodeFailure(status, JSON.stringify({ message }));
    expect(told(400, "Invalid value at topK.")).toEqual({
      message: "Invalid value at topK.",
      param: null,
      contextLengthExceeded: false,
    });
    expect(told(400, "Input is too long for requested model.").contextLengthExceeded).toBe(true);
    expect(told(403, "The security token included in the request is invalid.").meantStatus).toBe(401);
    expect(told(403, "You don't have access to the model with the specified model ID.").meantStatus).toBeUndefined();
    expect(told(400, "The provided model identifier is invalid.").meantStatus).toBe(404);
    expect(told(424, "The model failed.").meantStatus).toBe(502);
    expect(bedrockWire.decodeFailure(502, "<html>").message).toBeNull();
  });
});
