import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../lib/protocol/chat-event.ts";
import { createSseParser } from "../../lib/protocol/sse/sse-parser.ts";
import { bedrockStream } from "../support/event-stream-bytes.ts";
import { candidateOf, FORMATS, replayStream } from "../support/replay-stream.ts";

const STREAMS = [
  ["cohere-tools.sse", "cohere"],
  ["cohere-thinking.sse", "cohere"],
  ["azure-text.sse", "azure-openai"],
  ["gemini-tools.sse", "google-vertex"],
  ["bedrock-thinking-tools.jsonl", "bedrock"],
] as const;

function bytesOf(file: string): Uint8Array {
  const path = `test/fixtures/streams/${file}`;
  return file.endsWith(".jsonl") ? bedrockStream(path) : new Uint8Array(readFileSync(path));
}

describe.each(STREAMS)("%s from %s", (file, provider) => {
  const bytes = bytesOf(file);

  function eventsOf(pieces: readonly Uint8Array[]): readonly ChatEvent[] {
    const { wire } = candidateOf(provider);
    const parser = wire.framing?.createParser() ?? createSseParser();
    const decoder = wire.createStreamDecoder();
    const frames = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
    return frames.flatMap((frame) => decoder.push(frame));
  }

  /** Gemini gives its calls no ids: each decoding makes its own. */
  const comparable = (events: readonly ChatEvent[]) =>
    events.map((event) => (event.kind === "tool-start" && provider === "google-vertex" ? { ...event, id: "" } : event));

  test("F33 cut in two at every byte gives the same events", () => {
    const whole = comparable(eventsOf([bytes]));
    expect(whole.some(({ kind }) => kind === "usage")).toBe(true);
    for (let place = 0; place <= bytes.length; place++) {
      expect(comparable(eventsOf([bytes.subarray(0, place), bytes.subarray(place)]))).toEqual(whole);
    }
  });

  test("F33 byte by byte it gives the same bill, to clients of both formats", async () => {
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    for (const format of Object.values(FORMATS)) {
      const whole = await replayStream(provider, format, [bytes]);
      const cut = await replayStream(provider, format, single);
      expect(cut.costNanoUsd).toBe(whole.costNanoUsd);
      expect(cut.usage).toEqual(whole.usage);
    }
  });
});
