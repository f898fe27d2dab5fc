import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEventStreamParser } from "../../lib/protocol/bedrock/event-stream.ts";
import { bedrockEvent, bedrockException, bedrockStream } from "../support/event-stream-bytes.ts";
import { cutAt, FORMATS, replayStream } from "../support/replay-stream.ts";

const STREAM = bedrockStream("test/fixtures/streams/bedrock-thinking-tools.jsonl");

function framesOf(pieces: readonly Uint8Array[], parser = createEventStreamParser()) {
  const frames = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
  return { frames: frames.map(({ event, data }) => [event, data]), unreadable: parser.overflowed };
}

describe("application/vnd.amazon.eventstream", () => {
  test("events by their names, and the text of each", () => {
    const { frames, unreadable } = framesOf([STREAM]);
    expect(frames).toHaveLength(17);
    expect(frames[0]).toEqual(["messageStart", '{"p":"abcdefghijklmnopqrst","role":"assistant"}']);
    expect(frames.at(-2)?.[0]).toBe("messageStop");
    expect(JSON.stringify(frames)).toContain("the tides — both.");
    expect(unreadable).toBe(false);
  });

  test("an exception by its type", () => {
    const { frames } = framesOf([bedrockException("throttlingException", '{"message":"slow down"}')]);
    expect(frames).toEqual([["throttlingException", '{"message":"slow down"}']]);
  });

  test("cut in two at every byte gives the same", () => {
    const whole = framesOf([STREAM]).frames;
    for (let place = 0; place <= STREAM.length; place++) {
      expect(framesOf([STREAM.subarray(0, place), STREAM.subarray(place)]).frames).toEqual(whole);
    }
  });

  test("byte by byte, and cut anywhere, gives the same", () => {
    const whole = framesOf([STREAM]).frames;
    expect(framesOf(Array.from(STREAM, (byte) => Uint8Array.of(byte))).frames).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), (places) => {
        expect(framesOf(cutAt(STREAM, places)).frames).toEqual(whole);
      }),
    );
  });

  test("F33 cut in two all along it is the same answer and the same bill, to clients of every format", async () => {
    for (const format of Object.values(FORMATS)) {
      const whole = await replayStream("bedrock", format, [STREAM]);
      for (let place = 1; place < STREAM.length; place += 3) {
        const cut = await replayStream("bedrock", format, cutAt(STREAM, [place]));
        expect([place, cut.sse, cut.usage, cut.costNanoUsd]).toEqual([
          place,
          whole.sse,
          whole.usage,
          whole.costNanoUsd,
        ]);
      }
    }
  });

  test("a buffer that is used again for the next piece changes nothing that was said", () => {
    const parser = createEventStreamParser();
    const buffer = new Uint8Array(40);
    const frames = [];
    for (let at = 0; at < STREAM.length; at += buffer.length) {
      const piece = STREAM.subarray(at, at + buffer.length);
      buffer.set(piece);
      frames.push(...parser.push(buffer.subarray(0, piece.length)));
    }
    expect(frames.map(({ event, data }) => [event, data])).toEqual(framesOf([STREAM]).frames);
  });

  test("a message of many pieces is put together once, not for each piece", () => {
    const text = "x".repeat(4_000_000);
    const message = bedrockEvent("contentBlockDelta", text);
    const pieces = Array.from({ length: Math.ceil(message.length / 100) }, (_, n) =>
      message.subarray(n * 100, n * 100 + 100),
    );
    // 40,000 pieces: joined anew for each they would be 80 gigabytes of copying, beyond the test's time.
    expect(framesOf(pieces).frames).toEqual([["contentBlockDelta", text]]);
  });

  test("a message that breaks off says nothing", () => {
    const { frames, unreadable } = framesOf([STREAM.subarray(0, STREAM.length - 1)]);
    expect(frames).toHaveLength(16);
    expect(unreadable).toBe(false);
  });

  test("a wrong byte anywhere is seen, and ends the stream there", () => {
    const first = bedrockEvent("contentBlockDelta", '{"delta":{"text":"one"}}');
    for (let place = 0; place < first.length; place++) {
      const broken = Uint8Array.from([...first, ...first]);
      broken[place] = (broken[place] ?? 0) ^ 1;
      const { frames, unreadable } = framesOf([broken]);
      // A length that is wrong may only be seen to be when all that it promises has come.
      expect(frames).toEqual([]);
      if (place >= 4) expect(unreadable).toBe(true);
    }
  });

  test("a message longer than the cap, or too short to be one, is not waited for", () => {
    const parser = createEventStreamParser(64);
    expect(framesOf([bedrockEvent("contentBlockDelta", "x".repeat(100))], parser)).toEqual({
      frames: [],
      unreadable: true,
    });
    expect(parser.push(STREAM)).toEqual([]);
    expect(framesOf([Uint8Array.of(0, 0, 0, 3, 0, 0)])).toEqual({ frames: [], unreadable: true });
  });

  test("any bytes at all do no harm", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void framesOf([bytes])));
  });
});
