import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anthropicMessagesFormat } from "../../../lib/protocol/anthropic/messages-format.ts";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import type { ClientFormat, ReplyContext } from "../../../lib/protocol/client-format.ts";
import { decodeGenerateContentReply } from "../../../lib/protocol/gemini/decode.ts";
import { encodeGenerateContent } from "../../../lib/protocol/gemini/encode-request.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";
import { openAiChatFormat } from "../../../lib/protocol/openai/chat-format.ts";
import { NO_USAGE, type Usage } from "../../../lib/protocol/usage.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);

const CONTEXT: ReplyContext = {
  request: {},
  generationId: "gen_1",
  model: "google/gemini-2.5-flash",
  createdSeconds: 1,
  includeUsage: true,
  stripFields: [],
  estimatedInputTokens: 1,
  costOf: () => 0n,
};

const signature = fc.base64String({ minLength: 4, maxLength: 24 });
const words = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const call = fc.record({
  id: fc.stringMatching(/^fc_[a-z0-9]{8}$/),
  name: fc.stringMatching(/^[a-z_]{1,12}$/),
  args: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
});

/** A turn of a model that thinks, says something and calls tools, as Google sends it. */
const turn = fc
  .record({
    thought: fc.option(fc.record({ text: words, signature }), { nil: null }),
    text: fc.option(words, { nil: null }),
    calls: fc.uniqueArray(call, { maxLength: 3, selector: ({ id }) => id }),
    callSignature: fc.option(signature, { nil: null }),
  })
  .filter(({ text, calls }) => text !== null || calls.length > 0);

type Turn = typeof turn extends fc.Arbitrary<infer Value> ? Value : never;

function partsOf({ thought, text, calls, callSignature }: Turn): JsonObject[] {
  return [
    ...(thought === null ? [] : [{ text: thought.text, thought: true, thoughtSignature: thought.signature }]),
    ...(text === null ? [] : [{ text }]),
    ...calls.map(({ id, name, args }, index) => ({
      functionCall: { id, name, args: asJson(args) },
      ...(index === 0 && callSignature !== null ? { thoughtSignature: callSignature } : {}),
    })),
  ];
}

/** As it is after a trip over the wire: -0 is 0 there, and a dictionary has an ordinary prototype. */
function asJson(value: unknown): JsonValue {
  // What JSON.parse gives is JSON.
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

function member(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((at, step) => (Object(at) === at ? Reflect.get(Object(at), step) : undefined), value);
}

const usageOf = (events: readonly ChatEvent[]): Usage =>
  events.findLast((event) => event.kind === "usage")?.usage ?? NO_USAGE;

/** Google's turn through a client and back to Google as history. */
function throughClient(format: ClientFormat, parts: JsonObject[], toolIds: readonly string[]): unknown {
  const events = decodeGenerateContentReply({
    candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }],
  });
  const reply: unknown = JSON.parse(format.encodeReply(events, NO_USAGE, CONTEXT));
  const openAi = format.name === "openai";
  const assistant = openAi
    ? member(reply, "choices", 0, "message")
    : { role: "assistant", content: member(reply, "content") };
  const results = openAi
    ? toolIds.map((id) => ({ role: "tool", tool_call_id: id, content: "ok" }))
    : [{ role: "user", content: toolIds.map((id) => ({ type: "tool_result", tool_use_id: id, content: "ok" })) }];
  const last = toolIds.length === 0 ? [{ role: "user", content: "Go on." }] : results;
  const text = JSON.stringify({
    model: "m",
    max_tokens: 9,
    messages: [{ role: "user", content: "Hi" }, assistant, ...last],
  });
  const body: unknown = JSON.parse(text);
  if (!isJsonObject(body)) throw new Error("no object");
  return encodeGenerateContent(format.parse(body, text).toChatRequest(), "gemini-2.5-flash").body;
}

describe("Gemini through either client format and back", () => {
  test.each([openAiChatFormat, anthropicMessagesFormat])(
    "P16 text, thoughts, calls, arguments, ids and signatures survive ($name)",
    (format) => {
      fc.assert(
        fc.property(turn, (said) => {
          const parts = partsOf(said);
          const ids = said.calls.map(({ id }) => id);
          const sent = throughClient(format, parts, ids);
          expect(member(sent, "contents", 1)).toEqual({ role: "model", parts });
          const results = ids.map((id, index) => ({
            functionResponse: { id, name: said.calls[index]?.name, response: { result: "ok" } },
          }));
          if (ids.length > 0) expect(member(sent, "contents", 2, "parts")).toEqual(results);
        }),
        { numRuns: RUNS },
      );
    },
  );

  test.each([
    ["STOP", false, "stop", "end_turn"],
    ["STOP", true, "tool_calls", "tool_use"],
    ["MAX_TOKENS", false, "length", "max_tokens"],
    ["SAFETY", false, "content_filter", "refusal"],
  ])("P16 finish reason %s (a call: %s) is %s and %s", (finishReason, called, openAi, anthropic) => {
    const parts = called ? [{ functionCall: { id: "c", name: "f", args: {} } }] : [{ text: "x" }];
    const events = decodeGenerateContentReply({ candidates: [{ content: { parts }, finishReason }] });
    const asOpenAi: unknown = JSON.parse(openAiChatFormat.encodeReply(events, NO_USAGE, CONTEXT));
    const asAnthropic: unknown = JSON.parse(anthropicMessagesFormat.encodeReply(events, NO_USAGE, CONTEXT));
    expect(member(asOpenAi, "choices", 0, "finish_reason")).toBe(openAi);
    expect(member(asAnthropic, "stop_reason")).toBe(anthropic);
  });

  test("P16 usage adds up in both formats to what Google counted", () => {
    const count = fc.nat({ max: 100_000 });
    fc.assert(
      fc.property(count, count, count, count, (prompt, cached, candidates, thoughts) => {
        const read = Math.min(prompt, cached);
        const usageMetadata = {
          promptTokenCount: prompt,
          cachedContentTokenCount: read,
          candidatesTokenCount: candidates,
          thoughtsTokenCount: thoughts,
        };
        const events = decodeGenerateContentReply({ candidates: [], usageMetadata });
        const openAi: unknown = JSON.parse(openAiChatFormat.encodeReply(events, usageOf(events), CONTEXT));
        expect(member(openAi, "usage")).toMatchObject({
          prompt_tokens: prompt,
          prompt_tokens_details: { cached_tokens: read },
          completion_tokens: candidates + thoughts,
          completion_tokens_details: { reasoning_tokens: thoughts },
          total_tokens: prompt + candidates + thoughts,
        });
        const anthropic: unknown = JSON.parse(anthropicMessagesFormat.encodeReply(events, usageOf(events), CONTEXT));
        expect(member(anthropic, "usage")).toMatchObject({
          input_tokens: prompt - read,
          cache_read_input_tokens: read,
          output_tokens: candidates + thoughts,
        });
      }),
      { numRuns: RUNS },
    );
  });
});
