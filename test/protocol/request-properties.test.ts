import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeMessagesRequest } from "../../lib/protocol/anthropic/encode-request.ts";
import type { AssistantPart, ChatMessage, ChatRequest, ContentPart } from "../../lib/protocol/chat-request.ts";
import { isJsonObject, type JsonObject, objectsOf, stringOf } from "../../lib/protocol/json.ts";
import { encodeChatRequest } from "../../lib/protocol/openai/encode-request.ts";
import { encodeResponsesRequest } from "../../lib/protocol/responses/encode-request.ts";
import { candidateOf, FORMATS } from "../support/replay-stream.ts";
import { objectAt } from "../support/simulator/json-reading.ts";
import { type AnsweredWire, asJson } from "../support/wire-answers.ts";

/** A failure prints its seed: `fc.assert(…, { seed, path })` runs it again. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);
const EXTENSIONS = ["cache_control", "reasoning_details"];

/** Something to read: a text of blanks alone is no message to anybody. */
const words = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((value) => value.trim() !== "");
const base64 = fc.base64String({ minLength: 4, maxLength: 12 });
const cached = fc.option(fc.constant({ cacheControl: { type: "ephemeral" } }), { nil: {} });
const text = fc.tuple(words, cached).map(([said, mark]) => ({ kind: "text" as const, text: said, ...mark }));
const picture: fc.Arbitrary<ContentPart> = fc.oneof(
  base64.map((data) => ({ kind: "image" as const, source: { kind: "base64" as const, mediaType: "image/png", data } })),
  fc.webPath().map((path) => ({
    kind: "image" as const,
    source: { kind: "url" as const, url: `https://media.example${path}` },
  })),
);
const pdf: fc.Arbitrary<ContentPart> = base64.map((data) => ({
  kind: "file" as const,
  source: { kind: "base64" as const, mediaType: "application/pdf", data },
  name: "a.pdf",
}));
const content = fc.array(fc.oneof({ weight: 3, arbitrary: text }, picture, pdf), { minLength: 1, maxLength: 3 });

const call = fc.record({
  id: fc.stringMatching(/^[a-zA-Z0-9_-]{6,10}$/),
  name: fc.stringMatching(/^[a-z_]{1,12}$/),
  args: fc
    .dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
    .map(asJson<JsonObject>),
  result: fc.array(text, { minLength: 1, maxLength: 2 }),
});

/** What an assistant says in one turn, and what its calls came to. */
const turn = fc
  .record({
    thought: fc.option(fc.record({ text: words, signature: base64 }), { nil: null }),
    texts: fc.array(text, { maxLength: 1 }),
    calls: fc.array(call, { maxLength: 2 }),
    reply: content,
  })
  .filter(({ texts, calls }) => texts.length + calls.length > 0);

function messagesOf(
  system: readonly ContentPart[],
  opening: readonly ContentPart[],
  turns: readonly (typeof turn extends fc.Arbitrary<infer T> ? T : never)[],
): ChatMessage[] {
  const messages: ChatMessage[] = system.length === 0 ? [] : [{ role: "system", content: system }];
  messages.push({ role: "user", content: opening });
  for (const [number, { thought, texts, calls, reply }] of turns.entries()) {
    const numbered = calls.map((one, position) => ({ ...one, id: `${one.id}${number}${position}` }));
    const parts: AssistantPart[] = [
      ...(thought === null ? [] : [{ kind: "reasoning" as const, ...thought }]),
      ...texts,
      ...numbered.map(({ id, name, args }) => ({
        kind: "tool-call" as const,
        id,
        name,
        argumentsJson: JSON.stringify(args),
      })),
    ];
    messages.push({ role: "assistant", content: parts });
    for (const { id, result } of numbered)
      messages.push({ role: "tool", toolCallId: id, content: result, isError: false });
    messages.push({ role: "user", content: reply });
  }
  return messages;
}

const conversation = fc
  .tuple(fc.array(text, { maxLength: 2 }), content, fc.array(turn, { maxLength: 3 }))
  .map((parts) => messagesOf(...parts));
const tool = fc.record(
  {
    name: fc.stringMatching(/^[a-z]{1,8}$/),
    description: words,
    parameters: fc.constant({ type: "object", properties: {} }),
  },
  { requiredKeys: ["name", "parameters"] },
);
const request: fc.Arbitrary<ChatRequest> = fc
  .record(
    {
      messages: conversation,
      tools: fc.uniqueArray(tool, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
      toolChoice: fc.constantFrom({ kind: "auto" as const }, { kind: "none" as const }, { kind: "required" as const }),
      maxOutputTokens: fc.integer({ min: 1, max: 60_000 }),
      temperature: fc.double({ min: 0, max: 1, noNaN: true }),
      topK: fc.nat({ max: 100 }),
      stop: fc.array(words, { minLength: 1, maxLength: 3 }),
      endUser: words,
    },
    { requiredKeys: ["messages", "tools", "maxOutputTokens"] },
  )
  .map((value) => ({ ...value, other: {} }));

/** A body as its own client format reads it. */
function decode(format: keyof typeof FORMATS, body: object): ChatRequest {
  const sent = JSON.stringify(body);
  const parsed: unknown = JSON.parse(sent);
  if (!isJsonObject(parsed)) throw new Error("no object");
  return FORMATS[format].parse(parsed, sent).toChatRequest();
}

describe("a request in no vendor's format", () => {
  test("P16 through Anthropic's and back it is the same", () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { body, ignored } = encodeMessagesRequest(asked, "claude-sonnet-4-5", false, 64_000);
        expect(ignored).toEqual([]);
        expect(decode("anthropic", body)).toEqual(asked);
      }),
      { numRuns: RUNS },
    );
  });

  test("P16 through OpenAI's and back it is the same", () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { body, ignored } = encodeChatRequest(asked, "m", false, EXTENSIONS);
        expect(ignored).toEqual([]);
        expect(decode("openai", body)).toEqual(asked);
      }),
      { numRuns: RUNS },
    );
  });
});

/** What a conversation comes to: who said, called and answered what, in order. */
type Story = readonly (readonly unknown[])[];

function storyOf(messages: readonly ChatMessage[]): Story {
  return messages.flatMap((message): Story => {
    if (message.role === "tool") {
      return [
        ["result", message.toolCallId, message.content.map((part) => (part.kind === "text" ? part.text : "")).join("")],
      ];
    }
    return message.content.flatMap((part): Story => {
      if (part.kind === "text") return [[message.role, part.text]];
      if (part.kind === "tool-call") return [["call", part.id, part.name, JSON.parse(part.argumentsJson)]];
      return part.kind === "image" || part.kind === "file" ? [["media", part.source]] : [];
    });
  });
}

/** The same, read from what reaches Google. */
function geminiStory(body: JsonObject): Story {
  const system = objectsOf(objectAt(body["systemInstruction"])["parts"]).map((part) => ["system", part["text"]]);
  const turns = objectsOf(body["contents"]).flatMap(({ role, parts }) =>
    objectsOf(parts).flatMap((part): Story => {
      const { functionCall: called, functionResponse: answered, inlineData: inline, fileData: file } = part;
      if (isJsonObject(called)) return [["call", called["id"], called["name"], called["args"]]];
      if (isJsonObject(answered)) return [["result", answered["id"], resultText(objectAt(answered["response"]))]];
      if (isJsonObject(inline))
        return [["media", { kind: "base64", mediaType: inline["mimeType"], data: inline["data"] }]];
      if (isJsonObject(file)) return [["media", { kind: "url", url: file["fileUri"] }]];
      return part["thought"] === true || part["text"] === ""
        ? []
        : [[role === "model" ? "assistant" : "user", stringOf(part["text"])]];
    }),
  );
  return [...system, ...turns];
}

/** Google gets a JSON object as it is, anything else under `result`. */
function resultText(response: JsonObject): unknown {
  return typeof response["result"] === "string" ? response["result"] : JSON.stringify(response);
}

const MODELS: Readonly<Record<AnsweredWire, readonly [provider: string, nativeModel: string]>> = {
  openai: ["openrouter", "vendor/model"],
  anthropic: ["anthropic", "claude-sonnet-4-5"],
  gemini: ["google-ai-studio", "gemini-2.5-flash"],
};
const PAIRS = (["openai", "anthropic", "responses"] as const).flatMap((client) =>
  (["openai", "anthropic", "gemini"] as const).map((wire) => ({ client, wire })),
);

/** What the client of a format would send for this. */
function clientBody(client: keyof typeof FORMATS, asked: ChatRequest): object {
  if (client === "responses") return encodeResponsesRequest(asked, "m", false).body;
  return client === "openai"
    ? encodeChatRequest(asked, "m", false, EXTENSIONS).body
    : encodeMessagesRequest(asked, "m", false, 64_000).body;
}

test.each(PAIRS)("P16 a conversation of an $client client tells the $wire wire the same story", ({ client, wire }) => {
  const [providerId, nativeModel] = MODELS[wire];
  const { provider, baseUrl, wire: format } = candidateOf(providerId);
  fc.assert(
    fc.property(request, (asked) => {
      const body = clientBody(client, asked);
      const sentText = JSON.stringify(body);
      const call = FORMATS[client].parse(JSON.parse(sentText), sentText);
      const { request: sent } = format.encode({
        provider,
        baseUrl,
        nativeModel,
        maxOutputTokens: 64_000,
        call,
      });
      const received: unknown = JSON.parse(sent.body ?? "");
      if (!isJsonObject(received)) throw new Error("no object");
      const told = wire === "gemini" ? geminiStory(received) : storyOf(decode(wire, received).messages);
      expect(told).toEqual(storyOf(asked.messages));
    }),
    { numRuns: RUNS },
  );
});
