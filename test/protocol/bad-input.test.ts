import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { ERROR_CATALOG, type ErrorCode } from "../../lib/errors/error-catalog.ts";
import { createTestApp, post, type TestApp } from "../http/test-app.ts";

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp();
  await addCredit(app.ports, {
    key: "test:rows",
    accountId: "acct_a",
    amountNanoUsd: 900_000_000_000n,
    bucket: "purchased",
    kind: "admin_credit",
    description: null,
  });
});
afterEach(async () => {
  // Whatever was wrong with it, a refused request holds nothing, calls nobody and leaves no trace of its content.
  await app.settle();
  expect(app.upstreamCalls).toHaveLength(0);
  expect(Object.keys(app.redisContent()).filter((key) => key.startsWith("gw:h:"))).toEqual([]);
  expect(app.logLines.join("\n")).not.toContain("PROMPTCANARY");
});
afterAll(() => app.settle());

const user = { role: "user", content: "PROMPTCANARY" };
const openAi = (more: object) => ({ model: "openai/gpt-4o-mini", messages: [user], ...more });
const anthropic = (more: object) => ({ model: "openai/gpt-4o-mini", max_tokens: 50, messages: [user], ...more });
const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const tool = (name: string) => ({ type: "function", function: { name } });

type Row = readonly [row: string, body: object | string, code: ErrorCode, param: string | null];

/** Every way to say a URL that nobody may be told to fetch, with the row it belongs to. */
const UNFETCHABLE = [
  ["B79", "http://169.254.169.254/"],
  ["B79", "https://169.254.169.254/"],
  ["B79", "https://[::ffff:169.254.169.254]/"],
  ["B79", "https://2130706433/"],
  ["B79", "https://metadata.google.internal./"],
  ["B79", "https://a.example:6379/"],
  ["B80", "file:///etc/passwd"],
  ["B80", "gopher://a.example/"],
  ["B80", "javascript:alert(1)"],
] as const;

/** A row for each of them and each part that can say it. */
function urlRows(parts: Record<string, (url: string) => object>, body: (part: object) => object, param: string): Row[] {
  return Object.entries(parts).flatMap(([name, part]) =>
    UNFETCHABLE.map(([row, url]): Row => [`${row} ${name} ${url}`, body(part(url)), "url_not_allowed", param]),
  );
}

const said = (part: object) => ({ messages: [{ role: "user", content: [{ type: "text", text: "x" }, part] }] });

const OPENAI_ROWS: readonly Row[] = [
  ["B40 no model", openAi({ model: undefined }), "missing_field", "model"],
  ["B41 model empty", openAi({ model: "" }), "invalid_type", "model"],
  ["B41 model 5", openAi({ model: 5 }), "invalid_type", "model"],
  ["B41 model null", openAi({ model: null }), "invalid_type", "model"],
  ["B41 model {}", openAi({ model: {} }), "invalid_type", "model"],
  ["B42 unknown model", openAi({ model: "openai/gpt-4o-minii" }), "model_not_found", "model"],
  ["B43 model of 10 kB", openAi({ model: "m".repeat(10_000) }), "string_too_long", "model"],
  ["B44 model with a path in it", openAi({ model: "../../etc" }), "model_not_found", "model"],
  ["B44 model with a control character", openAi({ model: "a\u0000b" }), "model_not_found", "model"],
  ["B44 model with a line feed", openAi({ model: "openai/gpt\n" }), "model_not_found", "model"],
  ["B45 retired model", openAi({ model: "openai/gpt-4-32k" }), "model_retired", "model"],
  ["B46 messages missing", openAi({ messages: undefined }), "missing_field", "messages"],
  ["B47 messages []", openAi({ messages: [] }), "too_few_items", "messages"],
  ["B48 messages a string", openAi({ messages: "hi" }), "invalid_type", "messages"],
  [
    "B48 messages with a length that is no number",
    openAi({ messages: { length: { toString: 1, valueOf: 1 } } }),
    "invalid_type",
    null,
  ],
  [
    "B49 10,001 messages",
    openAi({ messages: Array.from({ length: 10_001 }, () => user) }),
    "too_many_items",
    "messages",
  ],
  ["B50 role root", openAi({ messages: [{ role: "root", content: "x" }] }), "invalid_enum", "messages[0].role"],
  ["B51 content 5", openAi({ messages: [{ role: "user", content: 5 }] }), "invalid_type", "messages[0].content"],
  [
    "B52 content null without tool calls",
    openAi({ messages: [{ role: "assistant", content: null }] }),
    "missing_field",
    "messages[0].content",
  ],
  [
    "B53 half a surrogate pair",
    '{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"\\ud800"}]}',
    "invalid_encoding",
    null,
  ],
  [
    "B54 tool message without its id",
    openAi({ messages: [user, { role: "assistant", tool_calls: [call] }, { role: "tool", content: "x" }] }),
    "missing_field",
    "messages[2].tool_call_id",
  ],
  [
    "B55 tool_call_id that matches nothing",
    openAi({ messages: [user, { role: "tool", tool_call_id: "call_9", content: "x" }] }),
    "unknown_tool_call_id",
    "messages[1].tool_call_id",
  ],
  [
    "B56 prompt over the context",
    openAi({ messages: [{ role: "user", content: "word ".repeat(120_000) }] }),
    "context_length_exceeded",
    "messages",
  ],
  ["B57 temperature 5", openAi({ temperature: 5 }), "out_of_range", "temperature"],
  ["B57 temperature a string", openAi({ temperature: "1" }), "invalid_type", "temperature"],
  ["B57 temperature -1", openAi({ temperature: -1 }), "out_of_range", "temperature"],
  ["B58 temperature NaN", '{"model":"openai/gpt-4o-mini","messages":[],"temperature":NaN}', "invalid_json", null],
  [
    "B58 temperature 1e999",
    '{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"x"}],"temperature":1e999}',
    "out_of_range",
    "temperature",
  ],
  ["B59 top_p 2", openAi({ top_p: 2 }), "out_of_range", "top_p"],
  ["B60 max_tokens 0", openAi({ max_tokens: 0 }), "out_of_range", "max_tokens"],
  ["B60 max_tokens -1", openAi({ max_tokens: -1 }), "out_of_range", "max_tokens"],
  ["B60 max_tokens 1.5", openAi({ max_tokens: 1.5 }), "invalid_type", "max_tokens"],
  ["B60 max_tokens a string", openAi({ max_tokens: "10" }), "invalid_type", "max_tokens"],
  ["B61 max_tokens 1e12", openAi({ max_tokens: 1e12 }), "out_of_range", "max_tokens"],
  ["B61 max_tokens over the model's", openAi({ max_tokens: 16_385 }), "out_of_range", "max_tokens"],
  [
    "B62 max_tokens past 2^53",
    '{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"x"}],"max_tokens":9007199254740993}',
    "out_of_range",
    "max_tokens",
  ],
  [
    "B63 two maxima that differ",
    openAi({ max_tokens: 5, max_completion_tokens: 6 }),
    "conflicting_fields",
    "max_tokens",
  ],
  ["B64 n 0", openAi({ n: 0 }), "out_of_range", "n"],
  ["B64 n 129", openAi({ n: 129 }), "out_of_range", "n"],
  ["B65 stop with 17 items", openAi({ stop: Array.from({ length: 17 }, () => "x") }), "too_many_items", "stop"],
  ["B66 stream a string", openAi({ stream: "true" }), "invalid_type", "stream"],
  [
    "B67 stream_options without stream",
    openAi({ stream_options: { include_usage: true } }),
    "conflicting_fields",
    "stream_options",
  ],
  [
    "B68 129 tools",
    openAi({ tools: Array.from({ length: 129 }, (_, index) => tool(`f${index}`)) }),
    "too_many_items",
    "tools",
  ],
  ["B78 a base URL in the body", openAi({ base_url: "http://169.254.169.254" }), "forbidden_field", "base_url"],
];

const OPENAI_URL_ROWS = urlRows(
  {
    "image_url object": (url) => ({ type: "image_url", image_url: { url } }),
    "image_url text": (url) => ({ type: "image_url", image_url: url }),
    "image_url in a part of another type": (url) => ({ type: "text", text: "x", image_url: { url } }),
    video_url: (url) => ({ type: "video_url", video_url: { url } }),
    file_data: (url) => ({ type: "file", file: { filename: "a.pdf", file_data: url } }),
    file_url: (url) => ({ type: "file", file: { file_url: url } }),
  },
  (part) => openAi(said(part)),
  "messages[0].content[1]",
);

const ANTHROPIC_ROWS: readonly Row[] = [
  ["B40 no model", anthropic({ model: undefined }), "missing_field", "model"],
  ["B41 model empty", anthropic({ model: "" }), "invalid_type", "model"],
  ["B41 model 5", anthropic({ model: 5 }), "invalid_type", "model"],
  ["B42 unknown model", anthropic({ model: "openai/gpt-4o-minii" }), "model_not_found", "model"],
  ["B43 model of 10 kB", anthropic({ model: "m".repeat(10_000) }), "string_too_long", "model"],
  ["B44 model with a path in it", anthropic({ model: "../../etc" }), "model_not_found", "model"],
  ["B45 retired model", anthropic({ model: "claude-2.1" }), "model_retired", "model"],
  ["B46 messages missing", anthropic({ messages: undefined }), "missing_field", "messages"],
  ["B47 messages []", anthropic({ messages: [] }), "too_few_items", "messages"],
  ["B48 messages a string", anthropic({ messages: "hi" }), "invalid_type", "messages"],
  [
    "B48 messages with a length that is no number",
    anthropic({ messages: { length: { toString: 1, valueOf: 1 } } }),
    "invalid_type",
    null,
  ],
  [
    "B49 10,001 messages",
    anthropic({ messages: Array.from({ length: 10_001 }, () => user) }),
    "too_many_items",
    "messages",
  ],
  ["B50 role root", anthropic({ messages: [{ role: "root", content: "x" }] }), "invalid_enum", "messages[0].role"],
  ["B51 content 5", anthropic({ messages: [{ role: "user", content: 5 }] }), "invalid_type", "messages[0].content"],
  [
    "B52 content null",
    anthropic({ messages: [{ role: "user", content: null }] }),
    "invalid_type",
    "messages[0].content",
  ],
  [
    "B53 half a surrogate pair",
    '{"model":"openai/gpt-4o-mini","max_tokens":5,"messages":[{"role":"user","content":"\\ud800"}]}',
    "invalid_encoding",
    null,
  ],
  [
    "B54 tool result without its id",
    anthropic({ messages: [{ role: "user", content: [{ type: "tool_result" }] }] }),
    "missing_field",
    "messages[0].content[0].tool_use_id",
  ],
  [
    "B55 tool result that matches nothing",
    anthropic({ messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_9" }] }] }),
    "unknown_tool_call_id",
    "messages[0].content[0].tool_use_id",
  ],
  [
    "B56 prompt over the context",
    anthropic({ messages: [{ role: "user", content: "word ".repeat(120_000) }] }),
    "context_length_exceeded",
    "messages",
  ],
  ["B57 temperature 5", anthropic({ temperature: 5 }), "out_of_range", "temperature"],
  ["B57 temperature a string", anthropic({ temperature: "1" }), "invalid_type", "temperature"],
  [
    "B58 temperature 1e999",
    '{"model":"openai/gpt-4o-mini","max_tokens":5,"messages":[{"role":"user","content":"x"}],"temperature":1e999}',
    "out_of_range",
    "temperature",
  ],
  ["B59 top_p 2", anthropic({ top_p: 2 }), "out_of_range", "top_p"],
  ["B60 max_tokens missing", anthropic({ max_tokens: undefined }), "missing_field", "max_tokens"],
  ["B60 max_tokens 0", anthropic({ max_tokens: 0 }), "out_of_range", "max_tokens"],
  ["B60 max_tokens 1.5", anthropic({ max_tokens: 1.5 }), "invalid_type", "max_tokens"],
  ["B61 max_tokens over the model's", anthropic({ max_tokens: 16_385 }), "out_of_range", "max_tokens"],
  [
    "B65 17 stop sequences",
    anthropic({ stop_sequences: Array.from({ length: 17 }, () => "x") }),
    "too_many_items",
    "stop_sequences",
  ],
  ["B66 stream a string", anthropic({ stream: "true" }), "invalid_type", "stream"],
  [
    "B68 10,001 tools",
    anthropic({ tools: Array.from({ length: 10_001 }, (_, index) => ({ name: `f${index}` })) }),
    "too_many_items",
    "tools",
  ],
  [
    "thinking budget below the minimum",
    anthropic({ thinking: { type: "enabled", budget_tokens: 5 } }),
    "out_of_range",
    "thinking.budget_tokens",
  ],
  ["B78 a base URL in the body", anthropic({ api_base: "http://169.254.169.254" }), "forbidden_field", "api_base"],
];

const image = (url: string) => ({ type: "image", source: { type: "url", url } });
const ANTHROPIC_URL_ROWS = urlRows(
  {
    image,
    document: (url) => ({ type: "document", source: { type: "url", url } }),
    "document of blocks": (url) => ({ type: "document", source: { type: "content", content: [image(url)] } }),
    "tool result": (url) => ({ type: "tool_result", tool_use_id: "toolu_1", content: [image(url)] }),
  },
  (part) => anthropic(said(part)),
  "messages[0].content[1]",
);

const responses = (more: object) => ({ model: "openai/gpt-4o-mini", input: [user], ...more });
const output = { type: "function_call_output", call_id: "call_9", output: "x" };

const RESPONSES_ROWS: readonly Row[] = [
  ["B40 no model", responses({ model: undefined }), "missing_field", "model"],
  ["B41 model empty", responses({ model: "" }), "invalid_type", "model"],
  ["B41 model 5", responses({ model: 5 }), "invalid_type", "model"],
  ["B42 unknown model", responses({ model: "openai/gpt-4o-minii" }), "model_not_found", "model"],
  ["B43 model of 10 kB", responses({ model: "m".repeat(10_000) }), "string_too_long", "model"],
  ["B44 model with a path in it", responses({ model: "../../etc" }), "model_not_found", "model"],
  ["B45 retired model", responses({ model: "openai/gpt-4-32k" }), "model_retired", "model"],
  ["B46 input missing", responses({ input: undefined }), "missing_field", "input"],
  ["B47 input []", responses({ input: [] }), "too_few_items", "input"],
  ["B48 input 5", responses({ input: 5 }), "invalid_type", "input"],
  ["B49 10,001 items", responses({ input: Array.from({ length: 10_001 }, () => user) }), "too_many_items", "input"],
  ["B50 role root", responses({ input: [{ role: "root", content: "x" }] }), "invalid_enum", "input[0].role"],
  ["B51 content 5", responses({ input: [{ role: "user", content: 5 }] }), "invalid_type", "input[0].content"],
  ["B52 content null", responses({ input: [{ role: "user", content: null }] }), "missing_field", "input[0].content"],
  [
    "B53 half a surrogate pair",
    '{"model":"openai/gpt-4o-mini","input":[{"role":"user","content":"\\ud800"}]}',
    "invalid_encoding",
    null,
  ],
  [
    "B54 an output without its call's id",
    responses({ input: [{ type: "function_call_output", output: "x" }] }),
    "missing_field",
    "input[0].call_id",
  ],
  [
    "B55 an output that answers no call",
    responses({ input: [user, output] }),
    "unknown_tool_call_id",
    "input[1].call_id",
  ],
  ["B56 prompt over the context", responses({ input: "word ".repeat(120_000) }), "context_length_exceeded", "input"],
  ["B57 temperature 5", responses({ temperature: 5 }), "out_of_range", "temperature"],
  ["B57 temperature a string", responses({ temperature: "1" }), "invalid_type", "temperature"],
  ["B59 top_p 2", responses({ top_p: 2 }), "out_of_range", "top_p"],
  ["B60 max_output_tokens 0", responses({ max_output_tokens: 0 }), "out_of_range", "max_output_tokens"],
  ["B60 max_output_tokens 1.5", responses({ max_output_tokens: 1.5 }), "invalid_type", "max_output_tokens"],
  ["B61 over the model's", responses({ max_output_tokens: 16_385 }), "out_of_range", "max_output_tokens"],
  ["B66 stream a string", responses({ stream: "true" }), "invalid_type", "stream"],
  [
    "B68 129 tools",
    responses({ tools: Array.from({ length: 129 }, (_, index) => ({ type: "function", name: `f${index}` })) }),
    "too_many_items",
    "tools",
  ],
  [
    "B75 17 pairs of metadata",
    responses({ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])) }),
    "out_of_range",
    "metadata",
  ],
  ["B75 a long value of metadata", responses({ metadata: { k: "v".repeat(1_000) } }), "string_too_long", "metadata.k"],
  ["B76 user of 1 MB", responses({ user: "u".repeat(1_000_000) }), "string_too_long", "user"],
  ["B78 a base URL in the body", responses({ base_url: "http://169.254.169.254" }), "forbidden_field", "base_url"],
  ["background", responses({ background: true }), "unsupported_parameter", "background"],
  ["a conversation of the provider's", responses({ conversation: "conv_1" }), "unsupported_parameter", "conversation"],
  ["previous_response_id 5", responses({ previous_response_id: 5 }), "invalid_type", "previous_response_id"],
  ["store a string", responses({ store: "no" }), "invalid_type", "store"],
];

const inputText = { type: "input_text", text: "x" };
const RESPONSES_URL_ROWS = [
  ...urlRows(
    {
      input_image: (url) => ({ type: "input_image", image_url: url }),
      input_file: (url) => ({ type: "input_file", file_url: url }),
      "input_file's data": (url) => ({ type: "input_file", file_data: url }),
    },
    (part) => responses({ input: [{ role: "user", content: [inputText, part] }] }),
    "input[0].content[1]",
  ),
  ...urlRows(
    { "a tool's output": (url) => ({ type: "input_image", image_url: url }) },
    (part) => responses({ input: [{ ...output, output: [part] }] }),
    "input[0].output[0]",
  ),
];

const gemini = (more: object) => ({ contents: [{ role: "user", parts: [{ text: "PROMPTCANARY" }] }], ...more });
const config = (generationConfig: object) => gemini({ generationConfig });

const GEMINI_ROWS: readonly Row[] = [
  ["B46 contents missing", gemini({ contents: undefined }), "missing_field", "contents"],
  ["B47 contents []", gemini({ contents: [] }), "too_few_items", "contents"],
  ["B48 contents a string", gemini({ contents: "hi" }), "invalid_type", "contents"],
  ["B50 role root", gemini({ contents: [{ role: "root", parts: [] }] }), "invalid_enum", "contents[0].role"],
  ["B51 parts 5", gemini({ contents: [{ role: "user", parts: 5 }] }), "invalid_type", "contents[0].parts"],
  ["B51 text 5", gemini({ contents: [{ parts: [{ text: 5 }] }] }), "invalid_type", "contents[0].parts[0].text"],
  ["B52 parts missing", gemini({ contents: [{ role: "user" }] }), "missing_field", "contents[0].parts"],
  [
    "B56 prompt over the context",
    gemini({ contents: [{ parts: [{ text: "word ".repeat(120_000) }] }] }),
    "context_length_exceeded",
    "contents",
  ],
  ["B57 temperature 5", config({ temperature: 5 }), "out_of_range", "generationConfig.temperature"],
  ["B57 temperature a string", config({ temperature: "1" }), "invalid_type", "generationConfig.temperature"],
  ["B59 topP 2", config({ topP: 2 }), "out_of_range", "generationConfig.topP"],
  ["B60 maxOutputTokens 0", config({ maxOutputTokens: 0 }), "out_of_range", "generationConfig.maxOutputTokens"],
  [
    "B60 in the other spelling",
    { ...gemini({}), generation_config: { max_output_tokens: 0 } },
    "out_of_range",
    "generationConfig.maxOutputTokens",
  ],
  ["B61 over the model's", config({ maxOutputTokens: 16_385 }), "out_of_range", "generationConfig.maxOutputTokens"],
  ["B64 candidateCount 9", config({ candidateCount: 9 }), "out_of_range", "generationConfig.candidateCount"],
  [
    "B65 17 stop sequences",
    config({ stopSequences: Array.from({ length: 17 }, () => "x") }),
    "too_many_items",
    "generationConfig.stopSequences",
  ],
  ["B68 129 tools", gemini({ tools: Array.from({ length: 129 }, () => ({})) }), "too_many_items", "tools"],
  ["B78 a base URL in the body", gemini({ base_url: "http://169.254.169.254" }), "forbidden_field", "base_url"],
  ["what Google keeps", gemini({ cachedContent: "cachedContents/1" }), "unsupported_parameter", "cachedContent"],
];

const heldByUri = (fileUri: string) => ({ fileData: { mimeType: "image/png", fileUri } });
const GEMINI_URL_ROWS = urlRows(
  {
    fileData: heldByUri,
    file_data: (url) => ({ file_data: { file_uri: url } }),
    "a function's response": (url) => ({ functionResponse: { name: "f", response: {}, parts: [heldByUri(url)] } }),
  },
  (part) => gemini({ contents: [{ role: "user", parts: [{ text: "x" }, part] }] }),
  "contents[0].parts[1]",
);

const completion = (more: object) => ({ model: "openai/gpt-4o-mini", prompt: "PROMPTCANARY", ...more });

const COMPLETION_ROWS: readonly Row[] = [
  ["B40 no model", completion({ model: undefined }), "missing_field", "model"],
  ["B41 model 5", completion({ model: 5 }), "invalid_type", "model"],
  ["B42 unknown model", completion({ model: "openai/gpt-4o-minii" }), "model_not_found", "model"],
  ["B45 retired model", completion({ model: "openai/gpt-4-32k" }), "model_retired", "model"],
  ["B46 prompt missing", completion({ prompt: undefined }), "missing_field", "prompt"],
  ["B48 prompt {}", completion({ prompt: {} }), "invalid_type", "prompt"],
  ["B56 prompt over the context", completion({ prompt: "word ".repeat(120_000) }), "context_length_exceeded", "prompt"],
  ["B57 temperature 5", completion({ temperature: 5 }), "out_of_range", "temperature"],
  ["B60 max_tokens 0", completion({ max_tokens: 0 }), "out_of_range", "max_tokens"],
  ["B61 over the model's", completion({ max_tokens: 16_385 }), "out_of_range", "max_tokens"],
  ["B63 best_of below n", completion({ best_of: 1, n: 2 }), "conflicting_fields", "best_of"],
  ["B64 n 129", completion({ n: 129 }), "out_of_range", "n"],
  ["B65 stop with 17 items", completion({ stop: Array.from({ length: 17 }, () => "x") }), "too_many_items", "stop"],
  ["B67 stream_options without stream", completion({ stream_options: {} }), "conflicting_fields", "stream_options"],
  ["B78 a base URL in the body", completion({ base_url: "http://169.254.169.254" }), "forbidden_field", "base_url"],
];

describe("Google's dialect", () => {
  const paths = ["generateContent", "streamGenerateContent"].map(
    (method) => `/v1beta/models/openai/gpt-4o-mini:${method}`,
  );
  test.each([...GEMINI_ROWS, ...GEMINI_URL_ROWS])("%s", async (_, body, code, param) => {
    for (const path of paths) {
      const reply = await send(path, body);
      expect(reply.status).toBe(ERROR_CATALOG[code].status);
      const { error } = await reply.json();
      expect(error).toMatchObject({ code: reply.status, status: "INVALID_ARGUMENT" });
      expect(error.details[0]).toMatchObject({ reason: code, metadata: { param } });
      expect(error.message).not.toContain("PROMPTCANARY");
    }
  });
  test.each([
    ["B42 an unknown model", "openai/gpt-4o-minii", 404],
    ["B43 a model of 2 kB", "m".repeat(2_000), 404],
    ["B44 a model with a path in it", "..%2F..%2Fetc", 404],
    ["B45 a retired model", "openai/gpt-4-32k", 404],
  ])("%s", async (_, model, status) => {
    const reply = await send(`/v1beta/models/${model}:generateContent`, gemini({}));
    expect(reply.status).toBe(status);
    expect((await reply.json()).error.status).toBe("NOT_FOUND");
  });
});

async function send(path: string, body: object | string): Promise<Response> {
  const request = post(path, typeof body === "string" ? {} : body, { authorization: `Bearer ${app.key}` });
  return app.fetch(typeof body === "string" ? new Request(request, { body, method: "POST" }) : request);
}

describe.each([
  ["/v1/chat/completions", [...OPENAI_ROWS, ...OPENAI_URL_ROWS]],
  ["/v1/responses", [...RESPONSES_ROWS, ...RESPONSES_URL_ROWS]],
  ["/v1/completions", COMPLETION_ROWS],
] as const)("OpenAI's dialect at %s", (path, rows) => {
  test.each(rows)("%s", async (_, body, code, param) => {
    const reply = await send(path, body);
    expect(reply.status).toBe(ERROR_CATALOG[code].status);
    const { error } = await reply.json();
    expect(error).toMatchObject({ type: ERROR_CATALOG[code].openai, code, param });
    expect(error.message.length).toBeLessThanOrEqual(300);
    expect(error.request_id).toBe(reply.headers.get("x-request-id"));
    expect(error.message).not.toContain("PROMPTCANARY");
  });

  test("B42 B45 a refusal of a model names what to use instead", async () => {
    const { error: unknown } = await (
      await send("/v1/chat/completions", openAi({ model: "openai/gpt-4o-minii" }))
    ).json();
    expect(unknown.message).toContain("openai/gpt-4o-mini");
    const { error: retired } = await (await send("/v1/chat/completions", openAi({ model: "openai/gpt-4-32k" }))).json();
    expect(retired.message).toContain("openai/gpt-4o");
  });
});

describe("Anthropic's dialect", () => {
  test.each([...ANTHROPIC_ROWS, ...ANTHROPIC_URL_ROWS])("%s", async (_, body, code, param) => {
    const reply = await send("/v1/messages", body);
    expect(reply.status).toBe(ERROR_CATALOG[code].status);
    const { type, error, request_id: requestId } = await reply.json();
    expect({ type, error: error.type }).toEqual({ type: "error", error: ERROR_CATALOG[code].anthropic });
    if (param !== null) expect(error.message).toContain(param);
    expect(requestId).toBe(reply.headers.get("x-request-id"));
    expect(error.message).not.toContain("PROMPTCANARY");
  });
});
