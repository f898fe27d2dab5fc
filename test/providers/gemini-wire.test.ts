import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { anthropicMessagesFormat } from "../../lib/protocol/anthropic/messages-format.ts";
import type { ClientFormat } from "../../lib/protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../../lib/protocol/json.ts";
import { openAiChatFormat } from "../../lib/protocol/openai/chat-format.ts";
import { googleAiStudio } from "../../lib/providers/declarations/google-ai-studio.ts";
import { geminiWire } from "../../lib/providers/gemini-wire.ts";

const WEATHER_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
  $defs: { unused: {} },
};

function encode(format: ClientFormat, body: JsonObject, nativeModel = "gemini-2.5-flash") {
  const text = JSON.stringify(body);
  const parsed: unknown = JSON.parse(text);
  if (!isJsonObject(parsed)) throw new Error("not an object");
  const { request, ignoredParameters } = geminiWire.encode({
    provider: googleAiStudio,
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    nativeModel,
    maxOutputTokens: 65_536,
    call: format.parse(parsed, text),
  });
  const sent: unknown = JSON.parse(request.body ?? "");
  if (!isJsonObject(sent)) throw new Error("not an object");
  return { request, sent, ignoredParameters };
}

const openAi = (body: JsonObject, nativeModel?: string) =>
  encode(openAiChatFormat, { model: "m", messages: [{ role: "user", content: "hi" }], ...body }, nativeModel);
const anthropic = (body: JsonObject, nativeModel?: string) =>
  encode(
    anthropicMessagesFormat,
    { model: "m", max_tokens: 64, messages: [{ role: "user", content: "hi" }], ...body },
    nativeModel,
  );

describe("where a request goes", () => {
  test("streaming and not have their own methods", () => {
    const base = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash";
    expect(openAi({ stream: true }).request.url).toBe(`${base}:streamGenerateContent?alt=sse`);
    expect(openAi({}).request.url).toBe(`${base}:generateContent`);
  });

  test("a model's name cannot leave its place in the URL", () => {
    const { request } = openAi({}, "../x?key=1#");
    expect(request.url).toBe(
      "https://generativelanguage.googleapis.com/v1beta/models/..%2Fx%3Fkey%3D1%23:generateContent",
    );
  });
});

describe("what a request says", () => {
  test("system text, roles and merged neighbours", () => {
    const { sent } = openAi({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "One." },
        { role: "user", content: "Two." },
        { role: "assistant", content: "Three." },
        { role: "developer", content: "In German." },
        { role: "user", content: "Four." },
      ],
    });
    expect(sent).toEqual({
      systemInstruction: { parts: [{ text: "Be brief." }, { text: "In German." }] },
      contents: [
        { role: "user", parts: [{ text: "One." }, { text: "Two." }] },
        { role: "model", parts: [{ text: "Three." }] },
        { role: "user", parts: [{ text: "Four." }] },
      ],
    });
  });

  test("instructions alone are said as the user: Gemini refuses a conversation without a turn", () => {
    const { sent } = openAi({ messages: [{ role: "system", content: "Tell a joke." }] });
    expect(sent).toEqual({ contents: [{ role: "user", parts: [{ text: "Tell a joke." }] }] });
  });

  test("images, files and sound", () => {
    const { sent } = openAi({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "" },
            { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
            { type: "image_url", image_url: { url: "https://example.com/a.JPG?size=2" } },
            { type: "image_url", image_url: { url: "https://example.com/constructor" } },
            { type: "input_audio", input_audio: { data: "bXA=", format: "mp3" } },
          ],
        },
      ],
    });
    expect(sent["contents"]).toEqual([
      {
        role: "user",
        parts: [
          { inlineData: { mimeType: "image/png", data: "aGk=" } },
          { fileData: { fileUri: "https://example.com/a.JPG?size=2", mimeType: "image/jpeg" } },
          { fileData: { fileUri: "https://example.com/constructor" } },
          { inlineData: { mimeType: "audio/mp3", data: "bXA=" } },
        ],
      },
    ]);
  });

  test("sampling, limits, n, seed and log probabilities have Google's names", () => {
    const { sent } = openAi({
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      stop: ["a", "b"],
      n: 2,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      top_logprobs: 3,
    });
    expect(sent["generationConfig"]).toEqual({
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      stopSequences: ["a", "b"],
      candidateCount: 2,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      responseLogprobs: true,
      logprobs: 3,
    });
  });

  test("nothing that was not asked for is sent, not even as null", () => {
    expect(openAi({}).sent).toEqual({ contents: [{ role: "user", parts: [{ text: "hi" }] }] });
  });

  test("JSON mode and a schema", () => {
    expect(openAi({ response_format: { type: "json_object" } }).sent["generationConfig"]).toEqual({
      responseMimeType: "application/json",
    });
    const format = { type: "json_schema", json_schema: { name: "weather", schema: WEATHER_SCHEMA, strict: true } };
    expect(openAi({ response_format: format }).sent["generationConfig"]).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: WEATHER_SCHEMA,
    });
  });

  test("tools keep their JSON Schema as it is", () => {
    const tool = { type: "function", function: { name: "get_weather", description: "d", parameters: WEATHER_SCHEMA } };
    const { sent } = openAi({ tools: [tool, { type: "function", function: { name: "now" } }] });
    expect(sent["tools"]).toEqual([
      {
        functionDeclarations: [
          { name: "get_weather", description: "d", parametersJsonSchema: WEATHER_SCHEMA },
          { name: "now" },
        ],
      },
    ]);
    expect(sent["toolConfig"]).toBeUndefined();
  });

  test.each([
    ["auto", { mode: "AUTO" }],
    ["none", { mode: "NONE" }],
    ["required", { mode: "ANY" }],
    [
      { type: "function", function: { name: "f" } },
      { mode: "ANY", allowedFunctionNames: ["f"] },
    ],
  ])("tool choice %j", (tool_choice, functionCallingConfig) => {
    const { sent } = openAi({ tools: [{ type: "function", function: { name: "f" } }], tool_choice });
    expect(sent["toolConfig"]).toEqual({ functionCallingConfig });
  });

  test("calls and their results go back with ids and the called function's name", () => {
    const { sent } = openAi({
      messages: [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            {
              id: "fc_1",
              type: "function",
              function: { name: "get_weather", arguments: '{"city":"Paris"}' },
              extra_content: { google: { thought_signature: "c2ln" } },
            },
            { id: "fc_2", type: "function", function: { name: "now", arguments: "" } },
          ],
        },
        { role: "tool", tool_call_id: "fc_1", content: '{"degrees":21}' },
        { role: "tool", tool_call_id: "fc_2", content: "noon" },
      ],
    });
    expect(sent["contents"]).toEqual([
      { role: "user", parts: [{ text: "Weather?" }] },
      {
        role: "model",
        parts: [
          { functionCall: { id: "fc_1", name: "get_weather", args: { city: "Paris" } }, thoughtSignature: "c2ln" },
          { functionCall: { id: "fc_2", name: "now", args: {} } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "fc_1", name: "get_weather", response: { degrees: 21 } } },
          { functionResponse: { id: "fc_2", name: "now", response: { result: "noon" } } },
        ],
      },
    ]);
  });

  test("a failed tool of an Anthropic client is told as an error, with the picture it returned", () => {
    const { sent } = anthropic({
      messages: [
        { role: "user", content: "Look." },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "look", input: { at: "sky" } }] },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "toolu_1",
              is_error: true,
              content: [
                { type: "text", text: "too dark" },
                { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } },
              ],
            },
          ],
        },
      ],
    });
    expect(sent["contents"]).toMatchObject([
      {},
      { role: "model", parts: [{ functionCall: { id: "toolu_1", name: "look", args: { at: "sky" } } }] },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "toolu_1", name: "look", response: { error: "too dark" } } },
          { inlineData: { mimeType: "image/png", data: "aGk=" } },
        ],
      },
    ]);
  });

  test("what Gemini cannot carry is named, and five stop sequences are the most", () => {
    const { sent, ignoredParameters } = openAi({
      user: "u1",
      logit_bias: { "50256": -100 },
      parallel_tool_calls: false,
      tools: [{ type: "function", function: { name: "f" } }],
    });
    expect(ignoredParameters).toEqual(expect.arrayContaining(["user", "logit_bias", "parallel_tool_calls"]));
    expect(JSON.stringify(sent)).not.toContain("logit");
    const many = anthropic({ stop_sequences: ["1", "2", "3", "4", "5", "6"] });
    expect(many.sent["generationConfig"]).toMatchObject({ stopSequences: ["1", "2", "3", "4", "5"] });
    expect(many.ignoredParameters).toContain("stop");
  });
});

describe("how a model is told to think", () => {
  const thinking = (body: JsonObject, model: string) => {
    const config = openAi(body, model).sent["generationConfig"];
    return isJsonObject(config) ? config["thinkingConfig"] : undefined;
  };

  test.each([
    ["gemini-2.5-flash", "none", { includeThoughts: false, thinkingBudget: 0 }],
    ["gemini-2.5-flash", "medium", { includeThoughts: true, thinkingBudget: 8192 }],
    ["gemini-2.5-flash", "xhigh", { includeThoughts: true, thinkingBudget: 24576 }],
    ["gemini-2.5-flash-lite", "minimal", { includeThoughts: true, thinkingBudget: 512 }],
    ["gemini-2.5-pro", "none", { includeThoughts: false, thinkingBudget: 128 }],
    ["gemini-2.5-pro", "max", { includeThoughts: true, thinkingBudget: 32768 }],
    ["gemini-3-flash-preview", "none", { includeThoughts: false, thinkingLevel: "minimal" }],
    ["gemini-3-flash-preview", "medium", { includeThoughts: true, thinkingLevel: "medium" }],
    ["gemini-3-pro-preview", "medium", { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3.1-pro-preview", "minimal", { includeThoughts: true, thinkingLevel: "low" }],
  ])("%s at effort %s", (model, effort, config) => {
    expect(thinking({ reasoning_effort: effort }, model)).toEqual(config);
  });

  test("a budget is kept within what the model accepts", () => {
    expect(thinking({ reasoning: { max_tokens: 1 } }, "gemini-2.5-pro")).toMatchObject({ thinkingBudget: 128 });
    expect(thinking({ reasoning: { max_tokens: 99_999 } }, "gemini-2.5-flash")).toMatchObject({
      thinkingBudget: 24576,
    });
    expect(thinking({ reasoning: { max_tokens: 100 } }, "gemini-2.5-flash-lite")).toMatchObject({
      thinkingBudget: 512,
    });
  });

  test("an Anthropic client's budget and its refusal to think", () => {
    const config = (thinking: JsonObject) => anthropic({ thinking, max_tokens: 4096 }).sent["generationConfig"];
    expect(config({ type: "enabled", budget_tokens: 2048 })).toMatchObject({
      thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 },
    });
    expect(config({ type: "disabled" })).toMatchObject({
      thinkingConfig: { includeThoughts: false, thinkingBudget: 0 },
    });
  });

  test("a model that cannot think is not told to, and the client is told so", () => {
    const { sent, ignoredParameters } = openAi({ reasoning_effort: "low" }, "gemini-2.0-flash");
    expect(sent["generationConfig"]).toBeUndefined();
    expect(ignoredParameters).toContain("reasoning");
  });
});

describe("signatures", () => {
  const history = (reasoning_details: JsonObject[], extra: JsonObject = {}): JsonObject => ({
    messages: [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: "Hello",
        reasoning_details,
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" }, ...extra }],
      },
      { role: "tool", tool_call_id: "c1", content: "{}" },
    ],
  });
  const modelParts = (body: JsonObject, model?: string) => {
    const { contents } = openAi(body, model).sent;
    const turn = Array.isArray(contents) ? contents[1] : undefined;
    return isJsonObject(turn) ? turn["parts"] : undefined;
  };

  test("another vendor's signature never reaches Google, which would answer 400", () => {
    const foreign = history([{ type: "reasoning.text", text: "Hm", signature: "ErUBCkYIAxgCIkD" }]);
    expect(modelParts(foreign)).toEqual([{ text: "Hello" }, { functionCall: { id: "c1", name: "f", args: {} } }]);
  });

  test("a Gemini 3 model gets the documented stand-in for a call that nobody signed", () => {
    expect(modelParts(history([]), "gemini-3-flash-preview")).toEqual([
      { text: "Hello" },
      { functionCall: { id: "c1", name: "f", args: {} }, thoughtSignature: "skip_thought_signature_validator" },
    ]);
    const signed = history([], { extra_content: { google: { thought_signature: "c2ln" } } });
    expect(modelParts(signed, "gemini-3-flash-preview")).toMatchObject([{}, { thoughtSignature: "c2ln" }]);
    expect(modelParts(history([]), "gemini-2.5-flash")).toMatchObject([{}, { functionCall: { name: "f" } }]);
    expect(JSON.stringify(modelParts(history([]), "gemini-2.5-flash"))).not.toContain("skip_thought");
  });
});

describe("Google's refusals", () => {
  const failure = (name: string, status: number) =>
    geminiWire.decodeFailure(status, readFileSync(`test/fixtures/gemini/${name}`, "utf8"));

  test("F25 a bad key of ours, sent as 400, is known as what it is", () => {
    expect(failure("error-key.json", 400)).toMatchObject({ meantStatus: 401 });
    expect(failure("error-location.json", 400)).toMatchObject({ meantStatus: 403 });
    const details = [{ reason: "API_KEY_EXPIRED" }];
    const inGerman = JSON.stringify({ error: { code: 400, message: "Der Schlüssel ist abgelaufen.", details } });
    expect(geminiWire.decodeFailure(400, inGerman)).toMatchObject({ meantStatus: 401 });
  });

  test("F24 how long to wait is in the body", () => {
    expect(failure("error-quota.json", 429).retryAfterMs).toBe(34_075);
  });

  test("a prompt that is too long is told apart", () => {
    const tooLong = failure("error-context.json", 400);
    expect(tooLong.contextLengthExceeded).toBe(true);
    expect(tooLong).not.toHaveProperty("meantStatus");
    expect(tooLong).not.toHaveProperty("retryAfterMs");
  });

  test.each(["", "<html>busy</html>", "[]", "null", '{"error":"no"}', '{"error":{"message":7,"details":[null,3]}}'])(
    "nothing usable in %j",
    (text) => {
      expect(geminiWire.decodeFailure(500, text)).toEqual({ message: null, param: null, contextLengthExceeded: false });
    },
  );
});
