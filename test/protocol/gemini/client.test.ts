import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../lib/errors/gateway-error.ts";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import { generateContentFormat } from "../../../lib/protocol/gemini/client/generate-format.ts";
import { jsonSchemaOf } from "../../../lib/protocol/gemini/client/json-schema.ts";
import { createGenerateContentDecoder } from "../../../lib/protocol/gemini/decode.ts";
import { createSseParser } from "../../../lib/protocol/sse/sse-parser.ts";
import { callOf, candidateOf } from "../../support/replay-stream.ts";
import { CONTEXT, USAGE } from "../reply-context.ts";

const whole = generateContentFormat({ model: "m", stream: null });
const sse = generateContentFormat({ model: "m", stream: "sse" });
const list = generateContentFormat({ model: "m", stream: "list" });
const showing = { ...CONTEXT, request: { generationConfig: { thinkingConfig: { includeThoughts: true } } } };

const finish: ChatEvent = { kind: "finish", choice: 0, reason: "tool_calls", nativeReason: null, stopSequence: null };
const EVENTS: readonly ChatEvent[] = [
  { kind: "start", id: "x", model: "m" },
  { kind: "reasoning", choice: 0, text: "Hmm." },
  { kind: "reasoning-signature", choice: 0, signature: "c2ln" },
  { kind: "text", choice: 0, text: "Look" },
  { kind: "text", choice: 0, text: "!" },
  { kind: "tool-start", choice: 0, tool: 0, id: "a", name: "f" },
  { kind: "tool-start", choice: 0, tool: 1, id: "b", name: "g", signature: "U2ln" },
  { kind: "tool-arguments", choice: 0, tool: 1, json: "{}" },
  { kind: "tool-arguments", choice: 0, tool: 0, json: '{"a":' },
  { kind: "tool-arguments", choice: 0, tool: 0, json: "1}" },
  finish,
];
const CALLS = [
  { functionCall: { id: "a", name: "f", args: { a: 1 } } },
  { functionCall: { id: "b", name: "g", args: {} }, thoughtSignature: "U2ln" },
];
const USAGE_METADATA = {
  promptTokenCount: 17,
  candidatesTokenCount: 5,
  totalTokenCount: 25,
  cachedContentTokenCount: 4,
  thoughtsTokenCount: 3,
  cost: 0.0015,
};

describe("events become a generateContent response", () => {
  test("whole: thoughts only where they were asked for, calls whole and in order", () => {
    const shown = JSON.parse(whole.encodeReply(EVENTS, USAGE, showing));
    expect(shown.candidates[0].content.parts).toEqual([
      { text: "Hmm.", thought: true, thoughtSignature: btoa("gw1:signed:c2ln") },
      { text: "Look!" },
      ...CALLS,
    ]);
    expect(shown).toMatchObject({ usageMetadata: USAGE_METADATA, modelVersion: "vendor/model", responseId: "gen_1" });
    const hidden = JSON.parse(whole.encodeReply(EVENTS, USAGE, CONTEXT));
    expect(JSON.stringify(hidden)).not.toContain("Hmm.");
  });

  test("streamed as server-sent events, and as a list that is valid JSON", () => {
    const stream = (format: typeof sse) => {
      const encoder = format.createStreamEncoder(showing);
      return EVENTS.map((event) => encoder.push(event)).join("") + encoder.finish(USAGE);
    };
    const pieces: unknown[] = JSON.parse(stream(list));
    const events = stream(sse)
      .split("\r\n\r\n")
      .filter((frame) => frame !== "")
      .map((frame): unknown => JSON.parse(frame.replace(/^data: /, "")));
    expect(events).toEqual(pieces);
    expect(pieces).toHaveLength(5);
    expect(pieces.at(-1)).toMatchObject({
      candidates: [{ content: { role: "model", parts: CALLS }, finishReason: "STOP", index: 0 }],
      usageMetadata: USAGE_METADATA,
    });
  });

  test.each([
    ["length", "MAX_TOKENS"],
    ["content_filter", "SAFETY"],
    ["stop", "STOP"],
    ["error", "OTHER"],
  ] as const)("a finish for %s is %s", (reason, told) => {
    const reply = JSON.parse(whole.encodeReply([{ ...finish, reason }], USAGE, CONTEXT));
    expect(reply.candidates[0].finishReason).toBe(told);
  });

  test("an error ends a stream in its framing", () => {
    const error = new GatewayError("provider_error", "Broke.", { retryAfterSeconds: 3 });
    const encoder = list.createStreamEncoder(CONTEXT);
    const text = encoder.push({ kind: "text", choice: 0, text: "Half" }) + encoder.fail(error, "req_1");
    expect(JSON.parse(text)[1].error).toMatchObject({
      code: 502,
      status: "UNAVAILABLE",
      message: "Broke.",
      details: [{ reason: "provider_error", metadata: { request_id: "req_1" } }, { retryDelay: "3s" }],
    });
  });
});

describe("Google's own stream passes", () => {
  const frames = [
    'data: {"candidates": [{"content": {"parts": [{"text": "Hi"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 4},"modelVersion": "m"}\r\n\r\n',
    'data: {"candidates": [{"content": {"parts": [{"text": "!"}],"role": "model"},"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": 4,"candidatesTokenCount": 2},"modelVersion": "m"}\r\n\r\n',
  ] as const;
  const pass = (format: typeof sse, given: readonly string[]) => {
    const passthrough = format.createStreamPassthrough(CONTEXT);
    const decoder = createGenerateContentDecoder();
    const text = createSseParser()
      .push(new TextEncoder().encode(given.join("")))
      .map((frame) => passthrough.push(frame, decoder.push(frame)))
      .join("");
    return text + passthrough.finish(USAGE);
  };

  test("with its bytes, but for the cost in the last one's usage", () => {
    const priced = frames[1].replace('"candidatesTokenCount": 2', '"candidatesTokenCount": 2,"cost":0.0015');
    expect(pass(sse, frames)).toBe(frames[0] + priced);
  });

  test("into a list", () => {
    const pieces = JSON.parse(pass(list, frames));
    expect(pieces).toHaveLength(2);
    expect(pieces[1].usageMetadata).toEqual({ promptTokenCount: 4, candidatesTokenCount: 2, cost: 0.0015 });
  });

  test("without usage it gets the metered one; cut, it ends for its tokens", () => {
    const bare = frames.map((frame) => frame.replace(/"usageMetadata": \{[^}]*\},/, ""));
    expect(JSON.parse(pass(list, bare)).at(-1)).toEqual({ candidates: [], usageMetadata: USAGE_METADATA });
    expect(JSON.parse(list.createStreamPassthrough(CONTEXT).cut(USAGE))[0]).toMatchObject({
      candidates: [{ finishReason: "MAX_TOKENS" }],
      usageMetadata: USAGE_METADATA,
    });
  });
});

describe("a request", () => {
  test("passes to Google with its bytes, but for what is said to the gateway and others' signatures", () => {
    const passedOn = (text: string) => {
      const { provider, baseUrl, wire } = candidateOf("google-ai-studio", "gemini");
      const call = whole.parse(JSON.parse(text), text);
      return wire.encode({ provider, baseUrl, nativeModel: "g", maxOutputTokens: 9, call }).request.body;
    };
    const contents = '[ {"parts":[{"text":"Hi","thoughtSignature":"R29vZ2xl"}]} ]';
    expect(passedOn(`{ "contents":${contents}, "future":{"b":1,"a":2}, "provider":{} }`)).toBe(
      `{ "contents":${contents}, "future":{"b":1,"a":2} }`,
    );
    const foreign = { text: "Hm", thought: true, thoughtSignature: btoa("gw1:signed:c2ln") };
    const body = {
      contents: [
        { role: "user", parts: [{ text: "a" }] },
        { role: "model", parts: [foreign, { text: "b" }] },
      ],
    };
    expect(JSON.parse(passedOn(JSON.stringify(body)) ?? "").contents[1].parts).toEqual([
      { text: "Hm", thought: true },
      { text: "b" },
    ]);
  });

  test("is understood in either spelling", () => {
    const camel = {
      contents: [{ role: "user", parts: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }] }],
      systemInstruction: { parts: [{ text: "s" }] },
      generationConfig: { maxOutputTokens: 5, topP: 0.5, thinkingConfig: { thinkingBudget: 0 } },
      tools: [{ functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "object" } }, { name: "g" }] }],
      toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
    };
    const snake = JSON.parse(
      JSON.stringify(camel).replaceAll(
        /"([a-z]+(?:[A-Z][a-z]+)+)":/g,
        (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}":`,
      ),
    );
    expect(snake.generation_config.max_output_tokens).toBe(5);
    const asked = callOf(whole, snake).toChatRequest();
    expect({ ...asked, other: {} }).toEqual({ ...callOf(whole, camel).toChatRequest(), other: {} });
    expect(asked).toMatchObject({
      maxOutputTokens: 5,
      reasoning: { enabled: false },
      toolChoice: { kind: "tool", name: "f" },
      tools: [{ name: "f", parameters: { type: "object" } }],
    });
  });

  test("calls without ids find their results by name and order", () => {
    const call = (city: string) => ({ functionCall: { name: "f", args: { city } } });
    const result = (output: string) => ({ functionResponse: { name: "f", response: { output } } });
    const { messages } = callOf(whole, {
      contents: [
        { role: "user", parts: [{ text: "Hi" }] },
        { role: "model", parts: [call("a"), call("b")] },
        { role: "user", parts: [result("1"), result("2"), { text: "Go on" }] },
      ],
    }).toChatRequest();
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool", "user"]);
    const [first, second] = messages.flatMap((message) => (message.role === "tool" ? [message] : []));
    const ids = messages.flatMap((message) =>
      message.role === "assistant" ? message.content.map((part) => (part.kind === "tool-call" ? part.id : "")) : [],
    );
    expect([first?.toolCallId, second?.toolCallId]).toEqual(ids);
    expect(first?.content).toEqual([{ kind: "text", text: "1" }]);
  });

  test("what only Google can serve is named", () => {
    const contents = [{ parts: [{ text: "Hi" }] }];
    const only = (body: object) => callOf(whole, { contents, ...body }).onlyNative?.param;
    expect(only({ tools: [{ googleSearch: {} }] })).toBe("tools[0].googleSearch");
    expect(only({ generationConfig: { responseModalities: ["TEXT", "IMAGE"] } })).toBe(
      "generationConfig.responseModalities",
    );
    expect(only({ tools: [{ functionDeclarations: [] }] })).toBeUndefined();
  });

  test("Google's schemas become JSON Schema", () => {
    const schema = {
      type: "OBJECT",
      propertyOrdering: ["a"],
      properties: {
        a: { type: "STRING", nullable: true },
        type: { type: "ARRAY", items: { type: "INTEGER" }, maxItems: "3" },
      },
      required: ["a"],
    };
    expect(jsonSchemaOf(schema)).toEqual({
      type: "object",
      properties: { a: { type: ["string", "null"] }, type: { type: "array", items: { type: "integer" }, maxItems: 3 } },
      required: ["a"],
    });
  });
});

test.each([
  "gs://bucket/picture.png",
  "https://generativelanguage.googleapis.com/v1beta/files/abc",
  "https://www.youtube.com/watch?v=1",
])("a file at %s is for Google to read", (fileUri) => {
  const body = { contents: [{ parts: [{ fileData: { fileUri } }] }] };
  expect(whole.parse(body, JSON.stringify(body)).model).toBe("m");
});
