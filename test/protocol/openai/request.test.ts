import { describe, expect, test } from "vitest";
import type { ChatMessage, ChatRequest } from "../../../lib/protocol/chat-request.ts";
import { openAiChatFormat } from "../../../lib/protocol/openai/chat-format.ts";
import { encodeChatRequest } from "../../../lib/protocol/openai/encode-request.ts";

const HELLO = [{ role: "user", content: "hi" }];
const PNG = "data:image/png;base64,aGk=";
const EPHEMERAL = { type: "ephemeral" };

function decode(body: object): ChatRequest {
  const text = JSON.stringify({ model: "m", messages: HELLO, ...body });
  return openAiChatFormat.parse(JSON.parse(text), text).toChatRequest();
}

const messagesOf = (...messages: object[]) => decode({ messages }).messages;

function encode(request: Partial<ChatRequest>, extensions: readonly string[] = []) {
  return encodeChatRequest({ messages: [], tools: [], other: {}, ...request }, "native", false, extensions);
}

const encodeMessages = (messages: readonly ChatMessage[], extensions?: readonly string[]) =>
  encode({ messages }, extensions).body["messages"];

describe("an OpenAI request, decoded", () => {
  test("system and developer messages stay where they stood, whatever their content's form", () => {
    const messages = messagesOf(
      { role: "system", content: "One." },
      { role: "user", content: "Two.", name: "Ann" },
      { role: "developer", content: [{ type: "text", text: "Three." }] },
      { role: "user", content: [{ type: "text", text: "Four." }] },
    );
    expect(messages).toEqual([
      { role: "system", content: [{ kind: "text", text: "One." }] },
      { role: "user", content: [{ kind: "text", text: "Two." }], name: "Ann" },
      { role: "system", content: [{ kind: "text", text: "Three." }] },
      { role: "user", content: [{ kind: "text", text: "Four." }] },
    ]);
  });

  test("images by URL and base64, files and sound", () => {
    const [message] = messagesOf({
      role: "user",
      content: [
        { type: "image_url", image_url: { url: "https://a.example/b.png", detail: "high" } },
        { type: "image_url", image_url: { url: PNG } },
        { type: "image_url", image_url: { url: "data:image/svg+xml,<svg/>" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;name=a;base64,JVBE" } },
        { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
      ],
    });
    expect(message?.content).toEqual([
      { kind: "image", source: { kind: "url", url: "https://a.example/b.png" }, detail: "high" },
      { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" } },
      // Not base64: nobody takes it apart, the provider says what it makes of it.
      { kind: "image", source: { kind: "url", url: "data:image/svg+xml,<svg/>" } },
      { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: "JVBE" }, name: "a.pdf" },
      { kind: "audio", data: "UklG", format: "wav" },
    ]);
  });

  test("cache_control is kept on its part and its tool", () => {
    const request = decode({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a", cache_control: EPHEMERAL },
            { type: "text", text: "b" },
          ],
        },
      ],
      tools: [{ type: "function", function: { name: "f" }, cache_control: EPHEMERAL }],
    });
    expect(request.messages[0]?.content).toEqual([
      { kind: "text", text: "a", cacheControl: EPHEMERAL },
      { kind: "text", text: "b" },
    ]);
    expect(request.tools).toEqual([{ name: "f", cacheControl: EPHEMERAL }]);
  });

  test("tools: parameters, strictness, and no null where there was none", () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const { tools, other } = decode({
      tools: [
        { type: "function", function: { name: "a", description: "A.", parameters, strict: true } },
        { type: "function", function: { name: "b", description: null, parameters: null } },
      ],
    });
    expect(tools).toEqual([{ name: "a", description: "A.", parameters, strict: true }, { name: "b" }]);
    expect(other).toEqual({});
  });

  test("parallel calls and their results, pictures among them", () => {
    const messages = messagesOf(
      ...HELLO,
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
          {
            id: "2",
            type: "function",
            function: { name: "g", arguments: "" },
            extra_content: { google: { thought_signature: "s" } },
          },
        ],
      },
      { role: "tool", tool_call_id: "1", content: "one" },
      { role: "tool", tool_call_id: "2", content: [{ type: "image_url", image_url: { url: PNG } }] },
    );
    expect(messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { kind: "tool-call", id: "1", name: "f", argumentsJson: '{"a":1}' },
          { kind: "tool-call", id: "2", name: "g", argumentsJson: "", signature: "s" },
        ],
      },
      { role: "tool", toolCallId: "1", content: [{ kind: "text", text: "one" }], isError: false },
      {
        role: "tool",
        toolCallId: "2",
        content: [{ kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" } }],
        isError: false,
      },
    ]);
  });

  test("the form before tools: a call without an id is known by its function's name", () => {
    const messages = messagesOf(
      ...HELLO,
      { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
      { role: "function", name: "f", content: "done" },
    );
    expect(messages.slice(1)).toEqual([
      { role: "assistant", content: [{ kind: "tool-call", id: "f", name: "f", argumentsJson: "{}" }] },
      { role: "tool", toolCallId: "f", content: [{ kind: "text", text: "done" }], isError: false },
    ]);
  });

  test.each([
    ["auto", { kind: "auto" }],
    ["none", { kind: "none" }],
    ["required", { kind: "required" }],
    [
      { type: "function", function: { name: "f" } },
      { kind: "tool", name: "f" },
    ],
  ])("tool_choice %j", (toolChoice, expected) => {
    expect(decode({ tool_choice: toolChoice, parallel_tool_calls: false })).toMatchObject({
      toolChoice: expected,
      parallelToolCalls: false,
    });
  });

  test.each([
    [{ type: "text" }, { kind: "text" }],
    [{ type: "json_object" }, { kind: "json-object" }],
    [
      { type: "json_schema", json_schema: { name: "n", schema: { type: "object" }, strict: true, description: "d" } },
      { kind: "json-schema", name: "n", schema: { type: "object" }, strict: true, description: "d" },
    ],
  ])("response_format %j", (format, expected) => {
    expect(decode({ response_format: format }).responseFormat).toEqual(expected);
  });

  test.each([
    [{ reasoning_effort: "low" }, { effort: "low" }],
    [{ reasoning: { effort: "high", max_tokens: 2_000 } }, { effort: "high", budgetTokens: 2_000 }],
    [{ reasoning: { enabled: false } }, { enabled: false }],
    [{ reasoning: {}, reasoning_effort: "none" }, { effort: "none" }],
  ])("reasoning asked for by %j", (body, expected) => {
    expect(decode(body).reasoning).toEqual(expected);
  });

  test("sampling, stop, n, seed, logprobs and the end user", () => {
    const request = decode({
      max_completion_tokens: 7, temperature: 0, top_p: 0.5, top_k: 3, frequency_penalty: 1, presence_penalty: -1, seed: 4,
      stop: "x", n: 2, logprobs: true, top_logprobs: 5, user: "u",
    }); // biome-ignore format: a table
    const { messages: _, tools: __, ...rest } = request;
    expect(rest).toEqual({
      maxOutputTokens: 7, temperature: 0, topP: 0.5, topK: 3, frequencyPenalty: 1, presencePenalty: -1, seed: 4,
      stop: ["x"], choices: 2, logprobs: true, topLogprobs: 5, endUser: "u", other: {},
    }); // biome-ignore format: a table
    expect(decode({ stop: ["a", "b"], max_tokens: 9 })).toMatchObject({ stop: ["a", "b"], maxOutputTokens: 9 });
    expect(decode({ stop: null, seed: null, n: null })).toEqual({ messages: expect.anything(), tools: [], other: {} });
  });

  test("thoughts come back with their signatures, blocks that only their maker can read too", () => {
    const reasoning_details = [
      { type: "reasoning.text", text: "I think.", signature: "sig", index: 0 },
      { type: "reasoning.encrypted", data: "opaque", index: 1 },
      { type: "reasoning.summary", summary: "In short.", index: 2 },
    ];
    const [, message] = messagesOf(...HELLO, { role: "assistant", content: "Yes.", reasoning_details });
    expect(message?.content).toEqual([
      { kind: "reasoning", text: "I think.", signature: "sig" },
      { kind: "reasoning", text: "", redacted: "opaque" },
      { kind: "reasoning", text: "In short." },
      { kind: "text", text: "Yes." },
    ]);
  });

  test("the pieces of a streamed thought, sent back one by one, are one thought", () => {
    const piece = (more: object) => ({ type: "reasoning.text", index: 0, ...more });
    const reasoning_details = [piece({ text: "I " }), piece({ text: "think." }), piece({ signature: "sig" })];
    const next = { type: "reasoning.text", text: "Again.", index: 1 };
    const [, message] = messagesOf(...HELLO, {
      role: "assistant",
      content: "Yes.",
      reasoning_details: [...reasoning_details, next],
    });
    expect(message?.content.slice(0, -1)).toEqual([
      { kind: "reasoning", text: "I think.", signature: "sig" },
      { kind: "reasoning", text: "Again." },
    ]);
  });

  test.each(["reasoning", "reasoning_content"])("plain %s is a thought without a signature", (field) => {
    const [, message] = messagesOf(...HELLO, { role: "assistant", content: "Yes.", [field]: "Hm." });
    expect(message?.content[0]).toEqual({ kind: "reasoning", text: "Hm." });
  });

  test("a refusal, in its field or among the parts", () => {
    for (const said of [{ content: null, refusal: "No." }, { content: [{ type: "refusal", refusal: "No." }] }]) {
      const [, message] = messagesOf(...HELLO, { role: "assistant", ...said });
      expect(message?.content).toEqual([{ kind: "refusal", text: "No." }]);
    }
  });

  test("trap 16: what has no place elsewhere is named, fields, forms and parts alike", () => {
    const { other } = decode({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "video_url", video_url: { url: "https://a.example/v" } },
          ],
        },
        { role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] },
      ],
      tools: [{ type: "custom", custom: { name: "grammar" } }],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
      response_format: { type: "grammar" },
      logit_bias: { "1": 1 },
      prediction: { type: "content", content: "x" },
      service_tier: "flex",
      store: null,
    });
    expect(Object.keys(other).toSorted()).toEqual(
      ["logit_bias", "messages[0].content[1]", "messages[1].content[0]", "prediction", "response_format", "service_tier", "tool_choice", "tools"],
    ); // biome-ignore format: a list
  });

  test("of a long history the first few parts are named", () => {
    const messages = Array.from({ length: 100 }, () => ({ role: "user", content: [{ type: "x" }] }));
    expect(Object.keys(decode({ messages }).other)).toHaveLength(8);
  });
});

describe("a request, as an OpenAI body", () => {
  test("every field under OpenAI's name, absent ones absent", () => {
    const { body, ignored } = encode({
      maxOutputTokens: 7, temperature: 0, topP: 0.5, topK: 3, frequencyPenalty: 1, presencePenalty: -1, seed: 4, stop: ["x"],
      choices: 2, logprobs: true, topLogprobs: 5, endUser: "u", other: { future: 1 },
    }); // biome-ignore format: a table
    expect(body).toEqual({
      model: "native", messages: [], max_tokens: 7, temperature: 0, top_p: 0.5, top_k: 3, frequency_penalty: 1,
      presence_penalty: -1, seed: 4, stop: ["x"], n: 2, logprobs: true, top_logprobs: 5, user: "u",
    }); // biome-ignore format: a table
    expect(ignored).toEqual(["future"]);
    expect(encode({}).body).toEqual({ model: "native", messages: [] });
    expect(encodeChatRequest({ messages: [], tools: [], other: {} }, "m", true, []).body).toMatchObject({
      stream: true,
    });
  });

  test.each([
    [{ kind: "auto" as const }, "auto"],
    [{ kind: "none" as const }, "none"],
    [{ kind: "required" as const }, "required"],
    [
      { kind: "tool" as const, name: "f" },
      { type: "function", function: { name: "f" } },
    ],
  ])("tool choice %j", (toolChoice, expected) => {
    const { body } = encode({ tools: [{ name: "f", description: "F." }], toolChoice, parallelToolCalls: false });
    expect(body).toMatchObject({ tool_choice: expected, parallel_tool_calls: false });
    expect(body["tools"]).toEqual([{ type: "function", function: { name: "f", description: "F." } }]);
  });

  test("without tools there is no choice of one", () => {
    expect(encode({ toolChoice: { kind: "auto" }, parallelToolCalls: true }).body).not.toHaveProperty("tool_choice");
  });

  test.each([
    [{ kind: "text" as const }, { type: "text" }],
    [{ kind: "json-object" as const }, { type: "json_object" }],
    [
      { kind: "json-schema" as const, name: "n", schema: { type: "object" }, strict: true },
      { type: "json_schema", json_schema: { name: "n", schema: { type: "object" }, strict: true } },
    ],
  ])("response format %j", (responseFormat, expected) => {
    expect(encode({ responseFormat }).body["response_format"]).toEqual(expected);
  });

  test.each([
    [{ effort: "minimal" }, "minimal"],
    [{ enabled: true, budgetTokens: 2_000 }, "low"],
    [{ enabled: true, budgetTokens: 10_000 }, "medium"],
    [{ enabled: true, budgetTokens: 30_000 }, "high"],
    [{ enabled: false }, undefined],
    [{ enabled: true }, undefined],
  ])("reasoning %j", (reasoning, expected) => {
    expect(encode({ reasoning }).body["reasoning_effort"]).toBe(expected);
  });

  test("content: one text is a string, anything else parts; media by URL or as data", () => {
    const image = {
      kind: "image" as const,
      source: { kind: "url" as const, url: "https://a.example/b" },
      detail: "low",
    };
    const pdf = { kind: "base64" as const, mediaType: "application/pdf", data: "JVBE" };
    expect(
      encodeMessages([
        { role: "system", content: [{ kind: "text", text: "s" }] },
        { role: "user", content: [], name: "Ann" },
        { role: "user", content: [{ kind: "text", text: "a" }, image] },
        {
          role: "user",
          content: [
            { kind: "file", source: pdf, name: "a.pdf" },
            { kind: "audio", data: "UklG", format: "wav" },
          ],
        },
      ]),
    ).toEqual([
      { role: "system", content: "s" },
      { role: "user", content: "", name: "Ann" },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "image_url", image_url: { url: "https://a.example/b", detail: "low" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "file", file: { file_data: "data:application/pdf;base64,JVBE", filename: "a.pdf" } },
          { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
        ],
      },
    ]);
  });

  const CALLS: ChatMessage = {
    role: "assistant",
    content: [
      { kind: "reasoning", text: "Hm.", signature: "sig" },
      { kind: "reasoning", text: "", redacted: "opaque" },
      { kind: "tool-call", id: "1", name: "f", argumentsJson: "{}", signature: "s" },
      { kind: "tool-call", id: "2", name: "g", argumentsJson: "" },
    ],
  };

  test("a turn of calls; its results' pictures follow after all of them, each named by its call", () => {
    const picture = {
      kind: "image" as const,
      source: { kind: "base64" as const, mediaType: "image/png", data: "aGk=" },
    };
    const results: ChatMessage[] = [
      { role: "tool", toolCallId: "1", content: [{ kind: "text", text: "one" }, picture], isError: false },
      { role: "tool", toolCallId: "2", content: [picture], isError: true },
      { role: "user", content: [{ kind: "text", text: "Go on." }] },
    ];
    expect(encodeMessages([CALLS, ...results])).toEqual([
      {
        role: "assistant",
        content: null,
        tool_calls: [
          {
            id: "1",
            type: "function",
            function: { name: "f", arguments: "{}" },
            extra_content: { google: { thought_signature: "s" } },
          },
          { id: "2", type: "function", function: { name: "g", arguments: "" } },
        ],
      },
      { role: "tool", tool_call_id: "1", content: "one" },
      { role: "tool", tool_call_id: "2", content: "The result is attached below." },
      {
        role: "user",
        content: [
          { type: "text", text: "Attached to the result of tool call 1:" },
          { type: "image_url", image_url: { url: PNG } },
          { type: "text", text: "Attached to the result of tool call 2:" },
          { type: "image_url", image_url: { url: PNG } },
        ],
      },
      { role: "user", content: "Go on." },
    ]);
  });

  test("thoughts go to a provider that takes them, in the field it knows, and to no other", () => {
    expect(encodeMessages([CALLS])).not.toMatchObject([{ reasoning_details: expect.anything() }]);
    expect(encodeMessages([CALLS], ["reasoning_details"])).toMatchObject([
      {
        reasoning_details: [
          { type: "reasoning.text", text: "Hm.", index: 0, signature: "sig" },
          { type: "reasoning.encrypted", data: "opaque", index: 1 },
        ],
      },
    ]);
    expect(encodeMessages([CALLS], ["reasoning_content"])).toMatchObject([{ reasoning_content: "Hm." }]);
    const unthought: ChatMessage = { role: "assistant", content: CALLS.content.slice(2) };
    expect(encodeMessages([unthought], ["reasoning_content"])).toMatchObject([{ reasoning_content: "" }]);
  });

  test("cache_control goes to a provider that takes it, and to no other", () => {
    const messages: ChatMessage[] = [
      { role: "system", content: [{ kind: "text", text: "s", cacheControl: EPHEMERAL }] },
      { role: "assistant", content: [{ kind: "text", text: "a", cacheControl: EPHEMERAL }] },
      {
        role: "tool",
        toolCallId: "1",
        content: [{ kind: "text", text: "t", cacheControl: EPHEMERAL }],
        isError: false,
      },
    ];
    const tools = [{ name: "f", cacheControl: EPHEMERAL }];
    expect(JSON.stringify(encode({ messages, tools }).body)).not.toContain("cache_control");
    const kept = encode({ messages, tools }, ["cache_control"]).body;
    const text = (value: string) => [{ type: "text", text: value, cache_control: EPHEMERAL }];
    expect(kept["messages"]).toMatchObject([{ content: text("s") }, { content: text("a") }, { content: text("t") }]);
    expect(kept["tools"]).toMatchObject([{ cache_control: EPHEMERAL }]);
  });
});
