import fc from "fast-check";
import { expect, test } from "vitest";
import { createChatStreamDecoder } from "../../../lib/protocol/openai/decode-stream.ts";
import { PlainDelta } from "../../../lib/protocol/openai/plain-delta.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 500);

const chunk = (delta: object, more: object = {}, choice: object = {}) =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    model: "m",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...choice }],
    usage: null,
    ...more,
  });

const word = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom(
    "",
    " quiet",
    '"',
    "\\",
    "\n",
    "ü",
    "🚀",
    '","usage":{"prompt_tokens":1},"x":"',
    '"content":',
    "\u0000",
  ),
);
const someChunk = fc.oneof(
  { weight: 6, arbitrary: word.map((content) => chunk({ content })) },
  word.map((content) => chunk({ content }, {}, { index: 1 })),
  fc.tuple(word, word).map(([content, obfuscation]) => chunk({ content }, { obfuscation })),
  word.map((content) => chunk({ content }, { usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } })),
  word.map((content) => chunk({ content }, {}, { finish_reason: "stop" })),
  word.map((content) => chunk({ content }, {}, { logprobs: { content: [{ token: content, logprob: -1 }] } })),
  word.map((content) => chunk({ content }, { error: { message: content } })),
  word.map((content) => chunk({ role: "assistant", content })),
  word.map((content) => chunk({ reasoning_content: content, content: null })),
  fc.tuple(word, word).map(([content, reasoning]) => chunk({ content, reasoning })),
  word.map((json) => chunk({ tool_calls: [{ index: 0, function: { arguments: json } }] })),
  word.map((content) => JSON.stringify(JSON.parse(chunk({ content })), null, 1).replaceAll("\n", "")),
  fc.constantFrom("[DONE]", "", "{", chunk({ content: "a" }).replace('"a"', '"a\u0001"')),
);

const frame = (data: string) => ({ event: "message", data, raw: "" });
const begin = chunk({ role: "assistant" });
/** Text whose shape cannot be told: after it the next chunk has to be parsed. */
const unlearn = chunk({ content: "a", x: { content: "b" } });

test("R18 chunks told by their shape give the events that parsing them gives", () => {
  fc.assert(
    fc.property(fc.array(someChunk, { minLength: 1, maxLength: 12 }), (chunks) => {
      const [decoder, parsing] = [createChatStreamDecoder(), createChatStreamDecoder()];
      for (const each of [decoder, parsing]) each.push(frame(begin));
      for (const data of chunks) {
        parsing.push(frame(unlearn));
        const [events, parsed] = [decoder, parsing].map((each) => JSON.stringify(each.push(frame(data))));
        // A call without an id is given a random one.
        expect(events?.replace(/call_[0-9a-f]{24}/g, "call")).toBe(parsed?.replace(/call_[0-9a-f]{24}/g, "call"));
      }
    }),
    { numRuns: RUNS },
  );
});

test("a shape is known by everything but its text", () => {
  const shape = PlainDelta.of(chunk({ content: "a" }));
  expect(shape?.textOf(chunk({ content: " quiet" }))).toBe(" quiet");
  expect(shape?.textOf(chunk({ content: 'say "so"' }))).toBeNull();
  expect(shape?.textOf(chunk({ content: "a" }, { usage: {} }))).toBeNull();
  expect(shape?.textOf(`${chunk({ content: "a" })} `)).toBeNull();
  const padded = PlainDelta.of(chunk({ content: "a" }, { obfuscation: "xyz" }));
  expect(padded?.textOf(chunk({ content: "b" }, { obfuscation: "q" }))).toBe("b");
});

test("no shape is taken from what could be told in two ways", () => {
  expect(PlainDelta.of(chunk({ content: "a", x: { content: "b" } }))).toBeNull();
  expect(PlainDelta.of(chunk({ content: null }))).toBeNull();
  expect(PlainDelta.of(chunk({}))).toBeNull();
});
