import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import { createGenerateContentDecoder, decodeGenerateContentReply } from "../../../lib/protocol/gemini/decode.ts";
import { isJsonObject, type JsonObject } from "../../../lib/protocol/json.ts";
import { createSseParser } from "../../../lib/protocol/sse/sse-parser.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);

function fixture(name: string): string {
  return readFileSync(`test/fixtures/gemini/${name}`, "utf8");
}

function reply(name: string): readonly ChatEvent[] {
  const body: unknown = JSON.parse(fixture(name));
  if (!isJsonObject(body)) throw new Error(`${name} is no object`);
  return decodeGenerateContentReply(body);
}

function decodePieces(pieces: readonly Uint8Array[]): readonly ChatEvent[] {
  const parser = createSseParser();
  const decoder = createGenerateContentDecoder();
  const frames = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
  return frames.flatMap((frame) => decoder.push(frame));
}

const stream = (text: string) => decodePieces([new TextEncoder().encode(text)]);
const kinds = (events: readonly ChatEvent[]) => events.map(({ kind }) => kind);
const only = <Kind extends ChatEvent["kind"]>(events: readonly ChatEvent[], kind: Kind) =>
  events.filter((event): event is ChatEvent & { kind: Kind } => event.kind === kind);

/** Ids that Google does not give are made up: they differ from run to run. */
const withoutMadeUpIds = (events: readonly ChatEvent[]) =>
  events.map((event) =>
    event.kind === "tool-start" && event.id.startsWith("call_") ? { ...event, id: "call" } : event,
  );

describe("a streamed Gemini reply", () => {
  test("text, usage and end arrive as events; the running totals' last one stands", () => {
    const events = stream(fixture("stream-text.sse"));
    expect(events[0]).toEqual({ kind: "start", id: "q3QhafKSLsT8nsEP1omB4Qg", model: "gemini-2.5-flash" });
    expect(only(events, "text").map(({ text }) => text)).toEqual(["Größe: ", "42 🐘"]);
    expect(only(events, "usage").at(-1)?.usage).toEqual({
      inputUncached: 181,
      cacheRead: 1024,
      cacheWrite: 0,
      cacheWriteOneHour: 0,
      output: 7,
      reasoning: 0,
      source: "provider",
    });
    expect(only(events, "finish")).toEqual([
      { kind: "finish", choice: 0, reason: "stop", nativeReason: "STOP", stopSequence: null },
    ]);
  });

  test("parallel calls over several chunks have indices of their own, each whole (traps 12)", () => {
    const events = stream(fixture("stream-thinking-tools.sse"));
    const starts = only(events, "tool-start");
    expect(starts.map(({ tool, name }) => [tool, name])).toEqual([
      [0, "get_weather"],
      [1, "get_weather"],
      [2, "now"],
    ]);
    expect(only(events, "tool-arguments").map(({ tool, json }) => [tool, json])).toEqual([
      [0, '{"city":"Paris"}'],
      [1, '{"city":"London"}'],
      [2, "{}"],
    ]);
    expect(starts[0]?.id).toBe("fc_1");
    expect(new Set(starts.map(({ id }) => id)).size).toBe(3);
    expect(only(events, "finish")[0]?.reason).toBe("tool_calls");
  });

  test("thoughts are reasoning and are counted apart; the signature stays with the call that it was on (traps 14)", () => {
    const events = stream(fixture("stream-thinking-tools.sse"));
    expect(only(events, "reasoning").map(({ text }) => text)).toEqual(["**Two cities**\n\nI need both."]);
    expect(only(events, "tool-start").map(({ signature }) => signature)).toEqual([
      "EvsBCvgBAb4+9vu/A0==",
      undefined,
      undefined,
    ]);
    expect(only(events, "usage").at(-1)?.usage).toMatchObject({ output: 34, reasoning: 59 });
  });

  test("F33 P11 any cut of the bytes, with any line end and a byte order mark, gives the same events", () => {
    const texts = ["stream-text.sse", "stream-thinking-tools.sse"].map(fixture);
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 30 }),
        (text, lineEnd, mark, cuts) => {
          const bytes = new TextEncoder().encode((mark ? "\uFEFF" : "") + text.replaceAll("\n", lineEnd));
          const places = [...new Set(cuts.map((place) => place % bytes.length))].toSorted((a, b) => a - b);
          const pieces = [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
          expect(withoutMadeUpIds(decodePieces(pieces))).toEqual(withoutMadeUpIds(stream(text)));
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("F33 one byte at a time gives the same events", () => {
    const text = fixture("stream-thinking-tools.sse");
    const bytes = [...new TextEncoder().encode(text)].map((byte) => Uint8Array.of(byte));
    expect(withoutMadeUpIds(decodePieces(bytes))).toEqual(withoutMadeUpIds(stream(text)));
  });

  test("F32 a broken frame between two good ones is left out, the rest stands", () => {
    const [first = "", second = "", third = ""] = fixture("stream-text.sse").split("\n\n");
    const events = stream([first, 'data: {"candidates": [{"cont', second, third, ""].join("\n\n"));
    expect(only(events, "text").map(({ text }) => text)).toEqual(["Größe: ", "42 🐘"]);
  });

  test("an error inside a 200 is an error event with its own status", () => {
    const busy = { error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } };
    expect(stream(`data: ${JSON.stringify(busy)}\n\n`).at(-1)).toEqual({
      kind: "error",
      status: 503,
      message: "The model is overloaded.",
    });
    expect(stream('data: {"error":{"code":"odd"}}\n\n').at(-1)).toMatchObject({ kind: "error", status: 502 });
  });

  test("several candidates keep to their choices, and an absurd index costs no memory", () => {
    const candidates = [1, 0, 4_000_000_000, -1, 0.5].map((index) => ({
      index,
      content: { parts: [{ functionCall: { name: `f${index}`, args: {} } }] },
    }));
    const starts = only(decodeGenerateContentReply({ candidates }), "tool-start");
    expect(starts.map(({ choice, tool }) => [choice, tool])).toEqual([
      [1, 0],
      [0, 0],
      [2, 0],
      [3, 0],
      [4, 0],
    ]);
  });

  test("P14 no data whatever makes the decoder throw", () => {
    const key = fc.constantFrom(
      ...["candidates", "content", "parts", "text", "functionCall", "args", "index", "finishReason", "usageMetadata"],
      ...["error", "code", "promptFeedback", "blockReason", "logprobsResult", "chosenCandidates", "groundingMetadata"],
      ...["groundingChunks", "web", "inlineData", "executableCode", "thoughtSignature", "promptTokenCount"],
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 6 }, fc.jsonValue(), fc.array(tie("tree"), { maxLength: 3 }), tie("object")),
      object: fc.dictionary(key, tie("tree"), { maxKeys: 5 }),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const data = JSON.stringify(value);
        expect(() => createGenerateContentDecoder().push({ event: "message", data, raw: data })).not.toThrow();
      }),
      { numRuns: RUNS * 3 },
    );
  });
});

describe("a whole Gemini reply", () => {
  test("grounding chunks become citations, and the tool's prompt is paid for", () => {
    const events = reply("grounded.json");
    expect(only(events, "citation").map(({ citation }) => citation)).toEqual([
      {
        type: "url_citation",
        url_citation: {
          url: "https://vertexaisearch.cloud.google.com/grounding-api-redirect/a",
          title: "aljazeera.com",
        },
      },
      {
        type: "url_citation",
        url_citation: { url: "https://vertexaisearch.cloud.google.com/grounding-api-redirect/b", title: "uefa.com" },
      },
    ]);
    expect(only(events, "usage")[0]?.usage).toMatchObject({ inputUncached: 50, output: 8 });
    expect(kinds(events).at(-1)).toBe("end");
  });

  test("code that ran is part of the text, fenced", () => {
    const text = only(reply("code-execution.json"), "text").map((event) => event.text);
    expect(text.join("")).toBe("Let me compute.\n```python\nprint(6 * 7)\n```\n\n```\n42\n\n```\nIt is 42.");
  });

  test("an image in the answer is a data URL in the text", () => {
    const parts = [{ inlineData: { mimeType: "image/png", data: "aGk=" } }];
    const events = decodeGenerateContentReply({ candidates: [{ content: { parts }, finishReason: "STOP" }] });
    expect(only(events, "text").map(({ text }) => text)).toEqual(["![image](data:image/png;base64,aGk=)"]);
  });

  test("log probabilities have OpenAI's shape and come once", () => {
    const [text, ...more] = only(reply("logprobs.json"), "text");
    expect(more).toEqual([]);
    expect(text?.logprobs).toEqual({
      refusal: null,
      content: [
        {
          token: "Yes",
          logprob: -0.2,
          bytes: null,
          top_logprobs: [
            { token: "Yes", logprob: -0.2, bytes: null },
            { token: "No", logprob: -1.7, bytes: null },
          ],
        },
        { token: ".", logprob: -0.04, bytes: null, top_logprobs: [{ token: ".", logprob: -0.04, bytes: null }] },
      ],
    });
  });

  test("log probabilities of a response without text are not lost", () => {
    const logprobsResult = { chosenCandidates: [{ token: "a", logProbability: -1 }] };
    const candidates = [{ content: { parts: [{ text: "" }] }, finishReason: "STOP", logprobsResult }];
    const [text] = only(decodeGenerateContentReply({ candidates }), "text");
    expect(text).toMatchObject({ text: "", logprobs: { content: [{ token: "a", logprob: -1 }] } });
  });

  test("a blocked prompt ends with content_filter and its own word, and is no failure of the provider", () => {
    const events = reply("blocked.json");
    expect(kinds(events)).toEqual(["start", "finish", "usage", "end"]);
    expect(only(events, "finish")[0]).toMatchObject({ reason: "content_filter", nativeReason: "PROHIBITED_CONTENT" });
  });

  test.each([
    ["STOP", "stop"],
    ["MAX_TOKENS", "length"],
    ["SAFETY", "content_filter"],
    ["RECITATION", "content_filter"],
    ["BLOCKLIST", "content_filter"],
    ["PROHIBITED_CONTENT", "content_filter"],
    ["SPII", "content_filter"],
    ["IMAGE_SAFETY", "content_filter"],
    ["MALFORMED_FUNCTION_CALL", "error"],
    ["UNEXPECTED_TOOL_CALL", "error"],
    ["TOO_MANY_TOOL_CALLS", "error"],
    ["A_REASON_OF_NEXT_YEAR", "stop"],
  ])("finish reason %s is %s", (finishReason, reason) => {
    const candidates = [{ content: { parts: [{ text: "x" }] }, finishReason }];
    expect(only(decodeGenerateContentReply({ candidates }), "finish")[0]).toMatchObject({
      reason,
      nativeReason: finishReason,
    });
  });

  test("a body that says nothing is an error, not an empty answer", () => {
    for (const body of [{}, { candidates: "none" }, { usageMetadata: {} }] satisfies JsonObject[]) {
      expect(decodeGenerateContentReply(body)).toEqual([{ kind: "error", status: 502, message: "no candidates" }]);
    }
  });

  test("F36 a count that is no count is not believed by anybody", () => {
    for (const count of [-1, 1.5, "7", 1e18, {}]) {
      const [usage] = only(
        decodeGenerateContentReply({
          candidates: [],
          usageMetadata: { promptTokenCount: 3, candidatesTokenCount: count },
        }),
        "usage",
      );
      expect(usage?.usage.output).toBeNaN();
    }
  });
});
