import { existsSync, readFileSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../lib/protocol/chat-event.ts";
import { createSseParser } from "../../lib/protocol/sse/sse-parser.ts";
import { NO_USAGE, type Usage } from "../../lib/protocol/usage.ts";
import { bedrockStream } from "../support/event-stream-bytes.ts";
import { candidateOf, FORMATS, replayStream } from "../support/replay-stream.ts";
import { expectWellOrdered } from "../support/well-ordered.ts";

/** What a stream says, whoever says it. The id of a call is null where the provider gave none. */
interface Golden {
  readonly file: string;
  readonly provider: string;
  readonly id: string | null;
  readonly reasoning: string;
  readonly texts: readonly string[];
  readonly calls: readonly { readonly id: string | null; readonly name: string; readonly json: string }[];
  readonly finish: "stop" | "tool_calls";
  readonly usage: Partial<Usage>;
}

const tide = (port: string, id: string | null, space = "") => ({
  id,
  name: "get_tide",
  json: `{"port":${space}"${port}"}`,
});

const GOLDEN: readonly Golden[] = [
  {
    file: "openai-forced-tool", provider: "openai", id: "chatcmpl-DcLQg00000000000000000000001",
    reasoning: "", texts: [], calls: [tide("Cork", "call_5wBV000000000000000000w1")], finish: "tool_calls",
    usage: { inputUncached: 67, output: 5 },
  },
  {
    file: "groq-reasoning", provider: "groq", id: "chatcmpl-11f6e3b7-7fa0-41b5-9be2-88c11f9175d8",
    reasoning: "The tide turns at six.", texts: ["High water at 06:12."], calls: [], finish: "stop",
    usage: { inputUncached: 336, output: 16, reasoning: 119 },
  },
  {
    file: "together-tool", provider: "together", id: "ogzjfRD-6Ng1vN-9f391a2bb8ca75e1",
    reasoning: "", texts: [], calls: [tide("Cork", "call_yu1mxtmex7x48nximi9c8jpo")], finish: "tool_calls",
    usage: { inputUncached: 130, cacheRead: 64, output: 19 },
  },
  {
    file: "fireworks-two-choices", provider: "fireworks", id: "4e22697d-078b-4a62-b74d-6ab350c7b189",
    reasoning: "", texts: ["The tide is out.", "High water at noon."], calls: [], finish: "stop",
    usage: { inputUncached: 19, output: 12 },
  },
  {
    file: "deepinfra-text", provider: "deepinfra", id: "chatcmpl-RXE8YP4fhWBTFLGpZWdMCq34",
    reasoning: "", texts: ["Low water is at noon.\nMind the mud."], calls: [], finish: "stop",
    usage: { inputUncached: 48, output: 11 },
  },
  {
    file: "cerebras-tool", provider: "cerebras", id: "chatcmpl-9e97f9ca-9626-4ef8-8543-6e3ee7cef659",
    reasoning: "The user wants the tides. I should call the tool.", texts: [], calls: [tide("Cork", "bbd2b9d98")], finish: "tool_calls",
    usage: { inputUncached: 66, cacheRead: 256, output: 7, reasoning: 97 },
  },
  {
    file: "deepseek-reasoning", provider: "deepseek", id: "33be18fc-3842-486c-8c29-dd8e578f7f20",
    reasoning: "Hmm, a greeting.  \n\n", texts: ["Hello! Ahoy 👋"], calls: [], finish: "stop",
    usage: { inputUncached: 6, cacheRead: 64, output: 14, reasoning: 198 },
  },
  {
    file: "mistral-thinking", provider: "mistral", id: "1474ffaa42904bf3b040345bc85c775b",
    reasoning: "Okay, the quay.", texts: ["Look left, then right."], calls: [], finish: "stop",
    usage: { inputUncached: 10, output: 275 },
  },
  {
    file: "mistral-tools", provider: "mistral", id: "b3999b8c93e04e11bcbff7bcab829667",
    reasoning: "", texts: [], calls: [tide("Cork", "gSIMJiOkT", " "), tide("Cobh", "hTJNKjPlU", " ")], finish: "tool_calls",
    usage: { inputUncached: 124, output: 22 },
  },
  {
    file: "xai-tool", provider: "xai", id: "de9d896d-e946-b3a7-bb14-75ab33326930",
    reasoning: "First, ask for the tide.", texts: [], calls: [tide("Cork", "call_55117580")], finish: "tool_calls",
    usage: { inputUncached: 1, cacheRead: 290, output: 26, reasoning: 196 },
  },
  {
    file: "moonshot-text", provider: "moonshot", id: "chatcmpl-69bbcc292af1bf47c1d8a74b",
    reasoning: "", texts: ["High water at six."], calls: [], finish: "stop",
    usage: { inputUncached: 56, cacheRead: 1280, output: 31 },
  },
  {
    file: "minimax-reasoning", provider: "minimax", id: "06606d9933ccdc19dddfa3af953a03d3",
    reasoning: "Tides turn twice a day.", texts: ["High water at six."], calls: [], finish: "stop",
    usage: { inputUncached: 44, output: 23, reasoning: 20 },
  },
  {
    file: "perplexity-citations", provider: "perplexity", id: "ab7cac59-7b92-464c-9940-fd96bc28c030",
    reasoning: "", texts: ["High water at six."], calls: [], finish: "stop",
    usage: { inputUncached: 10, output: 5 },
  },
  {
    file: "openrouter-reasoning", provider: "openrouter", id: "gen-1765226419-AGrwjunAftQIAgweibL8",
    reasoning: "This is a question of tides.", texts: ["High water at six"], calls: [], finish: "stop",
    usage: { inputUncached: 43, output: 23, reasoning: 13 },
  },
  {
    file: "anthropic-thinking-tools", provider: "anthropic", id: "msg_011CdZqGg4K3tq97K7RDtTw7",
    reasoning: "I need both ports, so two calls are made at once.", texts: ["I shall look up the tides — both."],
    calls: [tide("Cork", "toolu_01M8nJQQMxqpv1VaPYuJKT4j", " "), { id: "toolu_01N9oKRRNyrqw2WbQZvKLU5k", name: "now", json: "{}" }],
    finish: "tool_calls",
    usage: { inputUncached: 812, cacheRead: 1024, cacheWrite: 200, cacheWriteOneHour: 56, output: 104, reasoning: 62 },
  },
  {
    file: "anthropic-redacted", provider: "anthropic", id: "msg_018XZkwvj9asBiffg3fXt88s",
    reasoning: "", texts: ["Some things stay below the waterline."], calls: [], finish: "stop",
    usage: { inputUncached: 92, output: 189 },
  },
  {
    file: "gemini-tools", provider: "google-ai-studio", id: "C7b3aaTcEabxjrEPl4-1oAU",
    reasoning: "", texts: [], calls: [tide("Cork", null), tide("Cobh", null)], finish: "tool_calls",
    usage: { inputUncached: 61, output: 15, reasoning: 40 },
  },
  {
    file: "gemini-text", provider: "google-ai-studio", id: "DLb3acvOCMm4sOIP_4qTgQQ",
    reasoning: "", texts: ["High water in Cork is at six — 4.1 m."], calls: [], finish: "stop",
    usage: { inputUncached: 148, output: 15 },
  },
  {
    file: "cohere-tools", provider: "cohere", id: "93b3f521-090e-4ebc-bac4-f7c557e63c00",
    reasoning: "", texts: ["I will look it up — twice."],
    calls: [tide("Cork", "get_tide_3v76fs3zjrgq", " "), { id: "now_8k2jq0d4a9x1", name: "now", json: "{}" }], finish: "tool_calls",
    usage: { inputUncached: 50, output: 26 },
  },
  {
    file: "cohere-thinking", provider: "cohere", id: "94e3907b-d214-475e-a53f-ae81c76b6e43",
    reasoning: "Alright, a question of tides.", texts: ["High water at six — 4.1 m."], calls: [], finish: "stop",
    usage: { inputUncached: 18, output: 55 },
  },
  {
    file: "bedrock-thinking-tools", provider: "bedrock", id: null,
    reasoning: "I need both ports.", texts: ["I shall look up the tides — both."],
    calls: [tide("Cork", "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", " "), { id: "tooluse_jXr4Xn2hQbW4pTz1kqL0Yg", name: "now", json: "{}" }],
    finish: "tool_calls",
    usage: { inputUncached: 812, cacheRead: 1024, cacheWrite: 200, cacheWriteOneHour: 56, output: 166 },
  },
  {
    file: "azure-openai-text", provider: "azure-openai", id: "chatcmpl-DEJgnNRPyTQCzYVeB8duG7wiB4McG",
    reasoning: "", texts: ["High water at noon."], calls: [], finish: "stop",
    usage: { inputUncached: 21, output: 9 },
  },
]; // biome-ignore format: a table

const SIGNATURES: Readonly<Record<string, string>> = {
  "bedrock-thinking-tools":
    "EsECCokBCBAYAipA9i3HF1aHpQITkdN8OvLd33gdPZEyLKJA9EvxTXumYzG5xgpLkCYbGOTUkjuimP/4sMuSvrTX1hLxRAhUtlZnJzIPGAE=",
  "openrouter-reasoning": "Et0BCkgIChACGAIqQA2s7h7tA7IG35fbwVkou9PM2hANVJNUwcEM4q12fTRDK6y3v6YoEvJ+7bko8w==",
  "anthropic-thinking-tools":
    "EsECCokBCBAYAipA9i3HF1aHpQITkdN8OvLd33gdPZEyLKJA9EvxTXumYzG5xgpLkCYbGOTUkjuimP/4sMuSvrTX1hLxRAhUtlZnJzIPGAE=",
};
const REDACTED = [
  "EqkECkYIBxgCKkA8AZ4noDfV5VcOJe/p3JTRB6Xz5297mrWhl3MbHSXDKTMfuB/Z52U2teiWWTN0gg4e+xgB",
  "EtgBCkYIBxgCKkDQfGkwzflEJP5asG3oQfJXcTwJLoRznn8CmuczWCsJ36dv93X9H0NCeaJRbi5BrCA2GAE=",
];
const GEMINI_SIGNATURE =
  "CiQBDDnWx8TWfKCucRzvraqsJnPun/3Lm8wkXNPPuFeSTvJ1V0EKYQEMOdbHXcFW1fMNgsfhz+dzS2VKNo6gon1M+ofVbZMoBiv=";

function bytesOf(file: string): Uint8Array {
  const path = `test/fixtures/streams/${file}`;
  return existsSync(`${path}.sse`) ? new Uint8Array(readFileSync(`${path}.sse`)) : bedrockStream(`${path}.jsonl`);
}

function decode({ file, provider }: Golden): readonly ChatEvent[] {
  const { wire } = candidateOf(provider);
  const decoder = wire.createStreamDecoder();
  const parser = wire.framing?.createParser() ?? createSseParser();
  return [...parser.push(bytesOf(file)), ...parser.end()].flatMap((frame) => decoder.push(frame));
}

const only = <Kind extends ChatEvent["kind"]>(events: readonly ChatEvent[], kind: Kind) =>
  events.filter((event): event is ChatEvent & { kind: Kind } => event.kind === kind);

/** The SDK reads the bytes that our client would get. */
const fetchOf = (sse: string) => async () =>
  new Response(sse, { status: 200, headers: { "content-type": "text/event-stream" } });

async function readWithOpenAi(sse: string) {
  const client = new OpenAI({ apiKey: "k", baseURL: "http://gateway.test/v1", maxRetries: 0, fetch: fetchOf(sse) });
  const stream = client.chat.completions.stream({ model: "m", messages: [{ role: "user", content: "Tides?" }] });
  return stream.finalChatCompletion();
}

async function readWithAnthropic(sse: string) {
  const client = new Anthropic({ apiKey: "k", baseURL: "http://gateway.test", maxRetries: 0, fetch: fetchOf(sse) });
  const events: Anthropic.MessageStreamEvent[] = [];
  const stream = client.messages
    .stream({ model: "m", max_tokens: 9, messages: [{ role: "user", content: "Tides?" }] })
    .on("streamEvent", (event) => events.push(event));
  return { message: await stream.finalMessage(), events };
}

describe.each(GOLDEN)("$file", (golden) => {
  const { texts, calls, finish } = golden;

  test("is decoded to its events", () => {
    const events = decode(golden);
    expect(events[0]).toMatchObject({ kind: "start", id: golden.id });
    expect(
      only(events, "reasoning")
        .map(({ text }) => text)
        .join(""),
    ).toBe(golden.reasoning);
    for (const [choice, text] of texts.entries()) {
      const own = only(events, "text").filter((event) => event.choice === choice);
      expect(own.map((event) => event.text).join("")).toBe(text);
    }
    const starts = only(events, "tool-start");
    expect(starts.map(({ tool, name }) => [tool, name])).toEqual(calls.map(({ name }, tool) => [tool, name]));
    for (const [tool, { id, json }] of calls.entries()) {
      if (id !== null) expect(starts[tool]?.id).toBe(id);
      const pieces = only(events, "tool-arguments").filter((event) => event.tool === tool);
      expect(
        pieces
          .map((event) => event.json)
          .join("")
          .replace(/":\s?/, '":'),
      ).toBe(json.replace(/":\s?/, '":'));
    }
    expect(only(events, "finish").at(-1)?.reason).toBe(finish);
    expect(only(events, "usage").at(-1)?.usage).toEqual({ ...NO_USAGE, source: "provider", ...golden.usage });
    expect(only(events, "reasoning-redacted").map(({ data }) => data)).toEqual(
      golden.file === "anthropic-redacted" ? REDACTED : [],
    );
    expect(only(events, "error")).toEqual([]);
  });

  test("traps 12 and 13: the official OpenAI client reads it", async () => {
    const { sse, usage } = await replayStream(golden.provider, FORMATS.openai, [bytesOf(golden.file)]);
    const completion = await readWithOpenAi(sse);
    for (const [choice, text] of texts.entries()) expect(completion.choices[choice]?.message.content).toBe(text);
    const [first] = completion.choices;
    // OpenAI's own stream is passed on as it came, and says "stop" after a forced call.
    expect(first?.finish_reason).toBe(golden.file === "openai-forced-tool" ? "stop" : finish);
    const made = first?.message.tool_calls ?? [];
    expect(
      made.map((call) => (call.type === "function" ? [call.function.name, JSON.parse(call.function.arguments)] : [])),
    ).toEqual(calls.map(({ name, json }) => [name, JSON.parse(json)]));
    for (const [index, { id }] of calls.entries()) if (id !== null) expect(made[index]?.id).toBe(id);
    expect(completion.usage).toMatchObject({
      prompt_tokens: usage.inputUncached + usage.cacheRead + usage.cacheWrite + usage.cacheWriteOneHour,
      cost: expect.any(Number),
    });
    expect(sse.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("traps 9, 10 and 11: the official Anthropic client reads it", async () => {
    const { sse, usage } = await replayStream(golden.provider, FORMATS.anthropic, [bytesOf(golden.file)]);
    const { message, events } = await readWithAnthropic(sse);
    const blocks = message.content;
    expect(blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("")).toBe(texts[0] ?? "");
    expect(blocks.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join("")).toBe(
      golden.reasoning,
    );
    const made = blocks.flatMap((block) => (block.type === "tool_use" ? [block] : []));
    expect(made.map(({ name, input }) => [name, input])).toEqual(
      calls.map(({ name, json }) => [name, JSON.parse(json)]),
    );
    for (const [index, { id }] of calls.entries()) if (id !== null) expect(made[index]?.id).toBe(id);
    expect(message.stop_reason).toBe(finish === "stop" ? "end_turn" : "tool_use");
    const redacted = blocks.flatMap((block) => (block.type === "redacted_thinking" ? [block.data] : []));
    expect(redacted).toEqual(golden.file === "anthropic-redacted" ? REDACTED : []);
    const signature = SIGNATURES[golden.file];
    const thinking = blocks.find((block) => block.type === "thinking");
    if (signature !== undefined) expect(thinking).toMatchObject({ signature });
    expect(message.usage).toMatchObject({
      input_tokens: usage.inputUncached,
      cache_read_input_tokens: usage.cacheRead,
      output_tokens: usage.output + usage.reasoning,
    });
    expectWellOrdered(events);
  });
});

test("Azure's verdicts and its chunks without a choice stay here", async () => {
  const { sse } = await replayStream("azure-openai", FORMATS.openai, [bytesOf("azure-openai-text")]);
  expect(sse).not.toMatch(/content_filter|prompt_filter/);
  const chunks = sse.split("\n\n").filter((frame) => frame.startsWith("data: {"));
  // Only the usage has none, as at OpenAI.
  expect(chunks.filter((frame) => frame.includes('"choices":[]'))).toHaveLength(1);
});

test("trap 14: Gemini's signature reaches both clients unchanged, with the call that it was on", async () => {
  const pieces = [bytesOf("gemini-tools")];
  const openAi = await replayStream("google-ai-studio", FORMATS.openai, pieces);
  expect(openAi.sse).toContain(`"extra_content":{"google":{"thought_signature":"${GEMINI_SIGNATURE}"}}`);
  const anthropic = await replayStream("google-ai-studio", FORMATS.anthropic, pieces);
  const { message } = await readWithAnthropic(anthropic.sse);
  expect(message.content.map((block) => Reflect.get(block, "signature"))).toEqual([GEMINI_SIGNATURE, undefined]);
});
