import { describe, expect, test } from "vitest";
import { claudeGeneration } from "../../../lib/protocol/anthropic/claude-generation.ts";
import { encodeMessagesRequest } from "../../../lib/protocol/anthropic/encode-request.ts";
import { anthropicMessagesFormat } from "../../../lib/protocol/anthropic/messages-format.ts";
import type { AssistantPart, ChatMessage, ChatRequest } from "../../../lib/protocol/chat-request.ts";

const HELLO = [{ role: "user", content: "hi" }];
const EPHEMERAL = { type: "ephemeral", ttl: "1h" };
const PNG = { type: "base64", media_type: "image/png", data: "aGk=" };
const OLD_MODEL = "claude-sonnet-4-5-20250929";

function decode(body: object): ChatRequest {
  const text = JSON.stringify({ model: "m", max_tokens: 4_000, messages: HELLO, ...body });
  return anthropicMessagesFormat.parse(JSON.parse(text), text).toChatRequest();
}

const messagesOf = (...messages: object[]) => decode({ messages }).messages;
const user = (text: string): ChatMessage => ({ role: "user", content: [{ kind: "text", text }] });
const assistant = (...content: AssistantPart[]): ChatMessage => ({ role: "assistant", content });

function encode(request: Partial<ChatRequest>, model = OLD_MODEL, stream = false) {
  return encodeMessagesRequest({ messages: [user("hi")], tools: [], other: {}, ...request }, model, stream, 64_000);
}

const encodeMessages = (...messages: ChatMessage[]) => encode({ messages }).body["messages"];

describe("an Anthropic request, decoded", () => {
  test("the system prompt comes first, as text or as blocks; a system message stays where it stood", () => {
    const system = { role: "system", content: [{ kind: "text", text: "Be brief." }] };
    expect(decode({ system: "Be brief." }).messages[0]).toEqual(system);
    expect(decode({ system: [{ type: "text", text: "Be brief.", cache_control: EPHEMERAL }] }).messages[0]).toEqual({
      ...system,
      content: [{ kind: "text", text: "Be brief.", cacheControl: EPHEMERAL }],
    });
    expect(messagesOf(...HELLO, { role: "system", content: "Be brief." })).toEqual([user("hi"), system]);
    expect(decode({ system: "" }).messages).toEqual([user("hi")]);
  });

  test("Claude Code's billing line, another in every request, spoils nobody's prompt cache", () => {
    const billing = { type: "text", text: "x-anthropic-billing-header: cc_version=2.1.37.0d9; cch=fa690;" };
    const kept = { type: "text", text: "Be brief." };
    expect(decode({ system: [billing, kept] }).messages).toEqual(decode({ system: [kept] }).messages);
    expect(decode({ system: billing.text }).messages).toEqual([user("hi")]);
    expect(JSON.stringify(decode({ system: `${billing.text}\nBe brief.` }))).toContain("Be brief.");
  });

  test("images and documents: by URL, base64, as text and as blocks", () => {
    const [message] = messagesOf({
      role: "user",
      content: [
        { type: "image", source: { type: "url", url: "https://a.example/b.png" } },
        { type: "image", source: PNG, cache_control: EPHEMERAL },
        { type: "document", title: "A", source: { type: "base64", media_type: "application/pdf", data: "JVBE" } },
        {
          type: "document",
          source: { type: "text", media_type: "text/plain", data: "words" },
          cache_control: EPHEMERAL,
        },
        {
          type: "document",
          source: { type: "content", content: [{ type: "text", text: "more" }] },
          cache_control: EPHEMERAL,
        },
      ],
    });
    expect(message?.content).toEqual([
      { kind: "image", source: { kind: "url", url: "https://a.example/b.png" } },
      { kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" }, cacheControl: EPHEMERAL },
      { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: "JVBE" }, name: "A" },
      { kind: "text", text: "words", cacheControl: EPHEMERAL },
      { kind: "text", text: "more", cacheControl: EPHEMERAL },
    ]);
  });

  test("calls, and results beside the user's own words: pictures, errors and breakpoints among them", () => {
    const messages = messagesOf(
      ...HELLO,
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me." },
          { type: "tool_use", id: "1", name: "f", input: { a: 1 }, cache_control: EPHEMERAL },
          { type: "tool_use", id: "2", name: "g", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "1", content: "one", cache_control: EPHEMERAL },
          { type: "tool_result", tool_use_id: "2", is_error: true, content: [{ type: "image", source: PNG }] },
          { type: "text", text: "Go on." },
        ],
      },
    );
    expect(messages.slice(1)).toEqual([
      assistant(
        { kind: "text", text: "Let me." },
        { kind: "tool-call", id: "1", name: "f", argumentsJson: '{"a":1}', cacheControl: EPHEMERAL },
        { kind: "tool-call", id: "2", name: "g", argumentsJson: "{}" },
      ),
      {
        role: "tool",
        toolCallId: "1",
        content: [{ kind: "text", text: "one", cacheControl: EPHEMERAL }],
        isError: false,
      },
      {
        role: "tool",
        toolCallId: "2",
        content: [{ kind: "image", source: { kind: "base64", mediaType: "image/png", data: "aGk=" } }],
        isError: true,
      },
      user("Go on."),
    ]);
  });

  test("thinking with its signature, and what only Anthropic can read", () => {
    const content = [
      { type: "thinking", thinking: "Hm.", signature: "sig" },
      { type: "redacted_thinking", data: "opaque" },
      { type: "text", text: "Yes." },
    ];
    expect(
      messagesOf(...HELLO, { role: "assistant", content }, { role: "assistant", content: "And." }).slice(1),
    ).toEqual([
      assistant(
        { kind: "reasoning", text: "Hm.", signature: "sig" },
        { kind: "reasoning", text: "", redacted: "opaque" },
        { kind: "text", text: "Yes." },
      ),
      assistant({ kind: "text", text: "And." }),
    ]);
  });

  test("tools of the client's, and the choice among them in every form", () => {
    const input_schema = { type: "object" };
    const tools = [
      { name: "f", description: "F.", input_schema, strict: true, cache_control: EPHEMERAL },
      { type: "custom", name: "g", description: null, input_schema },
    ];
    expect(decode({ tools }).tools).toEqual([
      { name: "f", description: "F.", parameters: input_schema, strict: true, cacheControl: EPHEMERAL },
      { name: "g", parameters: input_schema },
    ]);
    const choice = (tool_choice: object) => decode({ tools, tool_choice });
    expect(choice({ type: "auto" }).toolChoice).toEqual({ kind: "auto" });
    expect(choice({ type: "none" }).toolChoice).toEqual({ kind: "none" });
    expect(choice({ type: "any", disable_parallel_tool_use: true })).toMatchObject({
      toolChoice: { kind: "required" },
      parallelToolCalls: false,
    });
    expect(choice({ type: "tool", name: "f" }).toolChoice).toEqual({ kind: "tool", name: "f" });
  });

  test.each([
    [{ thinking: { type: "enabled", budget_tokens: 2_000 } }, { enabled: true, budgetTokens: 2_000 }],
    [
      { thinking: { type: "adaptive" }, output_config: { effort: "max" } },
      { enabled: true, effort: "max" },
    ],
    [{ thinking: { type: "disabled" } }, { enabled: false }],
    [{ output_config: { effort: "low" } }, { effort: "low" }],
  ])("thinking asked for by %j", (body, expected) => {
    expect(decode(body).reasoning).toEqual(expected);
  });

  test.each(["output_config", "output_format"])("a schema for the answer in %s", (field) => {
    const format = { type: "json_schema", schema: { type: "object" } };
    const body = field === "output_config" ? { output_config: { format } } : { output_format: format };
    expect(decode(body).responseFormat).toEqual({
      kind: "json-schema",
      name: "response",
      schema: { type: "object" },
      strict: true,
    });
  });

  test("sampling, stop sequences and the end user", () => {
    const { messages: _, tools: __, ...rest } = decode({
      max_tokens: 7, temperature: 0.5, top_p: 0.9, top_k: 3, stop_sequences: ["x"], metadata: { user_id: "u" },
    }); // biome-ignore format: a table
    expect(rest).toEqual({
      maxOutputTokens: 7,
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      stop: ["x"],
      endUser: "u",
      other: {},
    });
  });

  test("trap 16: what has no place elsewhere is named: fields, server tools and blocks", () => {
    const { other, tools } = decode({
      messages: [
        { role: "user", content: [{ type: "document", source: { type: "file", file_id: "file_1" } }] },
        { role: "assistant", content: [{ type: "server_tool_use", id: "s", name: "web_search", input: {} }] },
      ],
      tools: [{ type: "web_search_20250305", name: "web_search" }],
      mcp_servers: [],
      container: "c",
      service_tier: "auto",
    });
    expect(tools).toEqual([]);
    expect(Object.keys(other).toSorted()).toEqual(
      ["container", "mcp_servers", "messages[0].content[0]", "messages[1].content[0]", "service_tier", "tools"],
    ); // biome-ignore format: a list
  });
});

describe("a request, as an Anthropic body", () => {
  test("every field under Anthropic's name; the cap is the client's, never above the model's", () => {
    const { body, ignored } = encode({
      temperature: 1.5,
      topK: 3,
      stop: ["x", " "],
      endUser: "u",
      maxOutputTokens: 7,
      other: { future: 1 },
    });
    expect(body).toEqual({
      model: OLD_MODEL, max_tokens: 7, messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
      temperature: 1, top_k: 3, stop_sequences: ["x"], metadata: { user_id: "u" },
    }); // biome-ignore format: a table
    expect(ignored).toEqual(["future"]);
    expect(encode({}).body).toMatchObject({ max_tokens: 64_000 });
    expect(encode({ maxOutputTokens: 1e6 }, OLD_MODEL, true).body).toMatchObject({ max_tokens: 64_000, stream: true });
  });

  test("trap 16: what Anthropic cannot do is named", () => {
    const { ignored } = encode({
      choices: 2, seed: 1, logprobs: true, topLogprobs: 2, frequencyPenalty: 1, presencePenalty: 1, temperature: 0, topP: 0.5,
    }); // biome-ignore format: a table
    expect(ignored).toEqual([
      "n",
      "seed",
      "logprobs",
      "top_logprobs",
      "frequency_penalty",
      "presence_penalty",
      "top_p",
    ]);
    expect(encode({ choices: 1, logprobs: false, frequencyPenalty: 0, topP: 0.5 }).ignored).toEqual([]);
  });

  test("system texts are gathered, with their breakpoints; alone they are said as the user", () => {
    const system: ChatMessage = { role: "system", content: [{ kind: "text", text: "a", cacheControl: EPHEMERAL }] };
    const later: ChatMessage = {
      role: "system",
      content: [
        { kind: "text", text: "b" },
        { kind: "text", text: " " },
      ],
    };
    const blocks = [
      { type: "text", text: "a", cache_control: EPHEMERAL },
      { type: "text", text: "b" },
    ];
    expect(encode({ messages: [system, user("hi"), later] }).body["system"]).toEqual(blocks);
    const alone = encode({ messages: [system, later] }).body;
    expect(alone["messages"]).toEqual([{ role: "user", content: blocks }]);
    expect(alone).not.toHaveProperty("system");
  });

  test("turns alternate: neighbours are merged, texts without a word left out", () => {
    expect(
      encodeMessages(
        user("a"),
        user(""),
        user("b"),
        assistant({ kind: "text", text: "c" }),
        assistant({ kind: "refusal", text: "d" }),
      ),
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "c" },
          { type: "text", text: "d" },
        ],
      },
    ]);
  });

  test("media: pictures by URL and as data, PDFs, texts that came as files, and sound that nobody hears", () => {
    const file = (mediaType: string, data: string) => ({
      kind: "file" as const,
      source: { kind: "base64" as const, mediaType, data },
      name: "A",
    });
    const content = [
      { kind: "image" as const, source: { kind: "url" as const, url: "https://a.example/b" }, cacheControl: EPHEMERAL },
      file("application/pdf", "JVBE"),
      file("text/markdown", "R3LDvMOfZQ=="),
      file("text/plain", "%"),
      { kind: "audio" as const, data: "UklG", format: "wav" },
    ];
    expect(encodeMessages({ role: "user", content })).toMatchObject([
      {
        content: [
          { type: "image", source: { type: "url", url: "https://a.example/b" }, cache_control: EPHEMERAL },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBE" }, title: "A" },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "Grüße" }, title: "A" },
          { type: "document", source: { type: "base64", media_type: "text/plain", data: "%" } },
          { type: "text", text: "[audio that this model cannot hear]" },
        ],
      },
    ]);
  });

  test("calls and results: ids in Anthropic's letters on both sides, results first, errors marked", () => {
    const messages = encodeMessages(
      user("hi"),
      assistant(
        {
          kind: "tool-call",
          id: "functions.f:0",
          name: "f",
          argumentsJson: '{"a":1}',
          cacheControl: EPHEMERAL,
          signature: "gemini",
        },
        { kind: "tool-call", id: "2", name: "g", argumentsJson: "" },
        { kind: "tool-call", id: "3", name: "h", argumentsJson: "[1" },
        { kind: "tool-call", id: "4", name: "i", argumentsJson: "7" },
      ),
      { role: "tool", toolCallId: "functions.f:0", content: [{ kind: "text", text: "one" }], isError: false },
      { role: "tool", toolCallId: "2", content: [], isError: true },
      user("Go on."),
    );
    expect(messages).toEqual([
      { role: "user", content: [{ type: "text", text: "hi" }] },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "functions_f_0", name: "f", input: { a: 1 }, cache_control: EPHEMERAL },
          { type: "tool_use", id: "2", name: "g", input: {} },
          { type: "tool_use", id: "3", name: "h", input: { arguments: "[1" } },
          { type: "tool_use", id: "4", name: "i", input: { arguments: 7 } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "functions_f_0", content: [{ type: "text", text: "one" }] },
          { type: "tool_result", tool_use_id: "2", is_error: true },
          { type: "text", text: "Go on." },
        ],
      },
    ]);
  });

  test("thoughts that Anthropic signed go back to it; unsigned and other vendors' stay behind", () => {
    const thoughts: AssistantPart[] = [
      { kind: "reasoning", text: "Hm.", signature: "sig" },
      { kind: "reasoning", text: "", redacted: "opaque" },
      { kind: "reasoning", text: "DeepSeek's." },
      { kind: "reasoning", text: "Nobody's.", signature: "" },
      { kind: "reasoning", text: "Google's.", signature: "google:x" },
      { kind: "text", text: "Yes." },
    ];
    expect(encodeMessages(user("hi"), assistant(...thoughts))).toMatchObject([
      {},
      {
        content: [
          { type: "thinking", thinking: "Hm.", signature: "sig" },
          { type: "redacted_thinking", data: "opaque" },
          { type: "text", text: "Yes." },
        ],
      },
    ]);
  });

  test("tools: a schema always, a description only where there is one", () => {
    const tools = [
      { name: "f", description: "F.", parameters: { type: "object" }, strict: true, cacheControl: EPHEMERAL },
      { name: "g" },
    ];
    expect(encode({ tools }).body["tools"]).toEqual([
      { name: "f", description: "F.", input_schema: { type: "object" }, cache_control: EPHEMERAL },
      { name: "g", input_schema: { type: "object", properties: {} } },
    ]);
  });

  test.each([
    [undefined, undefined, undefined],
    [undefined, false, { type: "auto", disable_parallel_tool_use: true }],
    [{ kind: "auto" as const }, true, { type: "auto" }],
    [{ kind: "none" as const }, false, { type: "none" }],
    [{ kind: "required" as const }, undefined, { type: "any" }],
    [{ kind: "tool" as const, name: "f" }, false, { type: "tool", name: "f", disable_parallel_tool_use: true }],
  ])("tool choice %j, parallel %s", (toolChoice, parallelToolCalls, expected) => {
    const choice = toolChoice === undefined ? {} : { toolChoice };
    const parallel = parallelToolCalls === undefined ? {} : { parallelToolCalls };
    expect(encode({ tools: [{ name: "f" }], ...choice, ...parallel }).body["tool_choice"]).toEqual(expected);
    expect(encode(choice).body).not.toHaveProperty("tool_choice");
  });

  test("a schema is native, JSON mode an instruction", () => {
    const responseFormat = { kind: "json-schema" as const, name: "n", schema: { type: "object" } };
    expect(encode({ responseFormat }).body["output_config"]).toEqual({
      format: { type: "json_schema", schema: { type: "object" } },
    });
    expect(encode({ responseFormat: { kind: "json-object" } }).body["system"]).toMatchObject([
      { text: expect.stringContaining("JSON object") },
    ]);
  });
});

describe("thinking, as each generation is told to", () => {
  const budget = (reasoning: ChatRequest["reasoning"], maxOutputTokens = 60_000) =>
    encode({ ...(reasoning === undefined ? {} : { reasoning }), maxOutputTokens }).body["thinking"];

  test.each([
    [{ effort: "minimal" }, 1_024],
    [{ effort: "high" }, 24_576],
    [{ effort: "constructor" }, 12_288],
    [{ enabled: true }, 12_288],
    [{ budgetTokens: 2_000 }, 2_000],
  ])("before 4.6 a budget: %j", (reasoning, tokens) => {
    expect(budget(reasoning)).toEqual({ type: "enabled", budget_tokens: tokens });
  });

  test("the budget leaves room for the answer; where there is no room there is no thinking, and that is said", () => {
    expect(budget({ effort: "high" }, 4_000)).toEqual({ type: "enabled", budget_tokens: 2_976 });
    expect(budget({ effort: "high" }, 2_000)).toBeUndefined();
    expect(encode({ reasoning: { effort: "high" }, maxOutputTokens: 2_000 }).ignored).toEqual(["reasoning"]);
    for (const reasoning of [undefined, { enabled: false }, { effort: "none" }])
      expect(budget(reasoning)).toBeUndefined();
  });

  test("with thinking Anthropic samples by itself, and a forced tool goes before it", () => {
    const { body, ignored } = encode({ reasoning: { effort: "low" }, temperature: 0.5, topP: 0.5, topK: 4 });
    expect(body).not.toMatchObject({ temperature: expect.anything() });
    expect(ignored).toEqual(["temperature", "top_p", "top_k"]);
    const forced = encode({
      reasoning: { effort: "low" },
      tools: [{ name: "f" }],
      toolChoice: { kind: "required" },
      temperature: 0.5,
    });
    expect(forced.body).toMatchObject({ tool_choice: { type: "any" }, temperature: 0.5 });
    expect(forced.body).not.toHaveProperty("thinking");
    expect(forced.ignored).toEqual(["reasoning"]);
  });

  test("in the middle of a tool loop whose thoughts the client did not keep, there is none: Anthropic would refuse it", () => {
    const loop = (...thoughts: AssistantPart[]): ChatMessage[] => [
      user("hi"),
      assistant(...thoughts, { kind: "tool-call", id: "1", name: "f", argumentsJson: "{}" }),
      { role: "tool", toolCallId: "1", content: [], isError: false },
      user("Go on."),
    ];
    const reasoning = { effort: "low" };
    expect(encode({ reasoning, messages: loop() }).body).not.toHaveProperty("thinking");
    expect(
      encode({ reasoning, messages: loop({ kind: "reasoning", text: "a", signature: "sig" }) }).body,
    ).toHaveProperty("thinking");
    expect(encode({ reasoning, messages: loop({ kind: "reasoning", text: "", redacted: "x" }) }).body).toHaveProperty(
      "thinking",
    );
    expect(encode({ reasoning, messages: loop() }, "claude-opus-4-6").body).toHaveProperty("thinking");
  });

  test.each([
    ["claude-opus-4-6", { effort: "medium" }, { type: "adaptive" }, { effort: "medium" }],
    ["claude-opus-4-6", { effort: "xhigh" }, { type: "adaptive" }, { effort: "high" }],
    ["claude-sonnet-4-6", { budgetTokens: 2_000 }, { type: "adaptive" }, { effort: "low" }],
    ["claude-opus-4-7", { effort: "xhigh" }, { type: "adaptive", display: "summarized" }, { effort: "xhigh" }],
    ["claude-sonnet-5", { effort: "minimal" }, { type: "adaptive", display: "summarized" }, { effort: "low" }],
    ["claude-opus-4-7", { enabled: true }, { type: "adaptive", display: "summarized" }, undefined],
  ])("from 4.6 on an effort, no budget: %s %j", (model, reasoning, thinking, output) => {
    const { body } = encode({ reasoning }, model);
    expect(body["thinking"]).toEqual(thinking);
    expect(body["output_config"]).toEqual(output);
  });

  test("from 4.7 on sampling is refused: it is left out and named", () => {
    const sampling = { temperature: 0.5, topP: 0.5, topK: 4 };
    expect(encode(sampling, "claude-opus-4-7").ignored).toEqual(["temperature", "top_p", "top_k"]);
    expect(JSON.stringify(encode(sampling, "claude-opus-4-7").body)).not.toMatch(/temperature|top_/);
    expect(encode(sampling, "claude-opus-4-6").body).toMatchObject({ temperature: 0.5, top_k: 4 });
  });

  test.each([
    ["claude-3-5-haiku-20241022", false],
    ["claude-3-opus-20240229", false],
    ["claude-sonnet-4-20250514", false],
    ["claude-opus-4-1-20250805", false],
    ["claude-sonnet-4-6", true],
    ["anthropic/claude-opus-4.7", true],
    ["claude-fable-5-1", true],
    ["claude-instant", false],
    ["some-other-model", false],
  ])("%s thinks adaptively: %s", (model, thinksAdaptively) => {
    expect(claudeGeneration(model).thinksAdaptively).toBe(thinksAdaptively);
  });
});
