import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSseParser, type SseFrame } from "../../../lib/protocol/sse/sse-parser.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 300);
const encoder = new TextEncoder();

function parse(pieces: readonly Uint8Array[]): SseFrame[] {
  const parser = createSseParser();
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

/** What a frame says, without the text it was said in. */
const said = (frames: readonly SseFrame[]) => frames.map(({ event, data }) => ({ event, data }));

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}

const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((value) => !/[\r\n]/.test(value));
const frame = fc.record({
  event: fc.option(text, { nil: undefined }),
  data: fc.array(text, { minLength: 1, maxLength: 3 }),
  comment: fc.boolean(),
});
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");

function serialise(
  frames: readonly { event: string | undefined; data: string[]; comment: boolean }[],
  end: string,
): string {
  return frames
    .map(({ event, data, comment }) => {
      const lines = [
        ...(comment ? [": still here"] : []),
        ...(event === undefined ? [] : [`event: ${event}`]),
        ...data.map((line) => `data: ${line}`),
      ];
      return lines.map((line) => line + end).join("") + end;
    })
    .join("");
}

describe("server-sent events", () => {
  test("P11 any cut of the same bytes gives the same frames", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        lineEnd,
        fc.array(fc.nat(), { maxLength: 20 }),
        (frames, end, cuts) => {
          const bytes = encoder.encode(serialise(frames, end));
          expect(parse(cut(bytes, cuts))).toEqual(parse([bytes]));
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("P12 P13 what was written is read back, whichever line end was used", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), lineEnd, (frames, end) => {
        const expected = frames.map(({ event, data }) => ({ event: event ?? "message", data: data.join("\n") }));
        expect(said(parse([encoder.encode(serialise(frames, end))]))).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  test("P14 arbitrary bytes never throw, and what is kept is bounded", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => void parse(pieces)),
      { numRuns: RUNS },
    );
    const parser = createSseParser(1000);
    for (let i = 0; i < 50; i++) parser.push(encoder.encode("x".repeat(100)));
    expect(parser.overflowed).toBe(true);
    expect(parser.push(encoder.encode("data: late\n\n"))).toEqual([]);
  });

  test("F33 a byte order mark, one-byte pieces, CRLF and characters cut in two change nothing", () => {
    const bytes = encoder.encode('\uFEFF: hello\r\n\r\nevent: delta\r\ndata:{"text":"héllo ✓ 😀"}\r\n\r\n');
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    expect(said(parse(pieces))).toEqual([
      { event: "message", data: null },
      { event: "delta", data: '{"text":"héllo ✓ 😀"}' },
    ]);
  });

  test("a passthrough sends what came: the frames' own text joins up to the stream", () => {
    const stream = ': ping\n\ndata: {"a": 1}\n\nevent: x\ndata: y\n\n';
    expect(
      parse([encoder.encode(stream)])
        .map(({ raw }) => raw)
        .join(""),
    ).toBe(stream);
  });

  test("an event without its blank line at the end of the stream is still read", () => {
    expect(said(parse([encoder.encode("data: [DONE]")]))).toEqual([{ event: "message", data: "[DONE]" }]);
    expect(said(parse([encoder.encode("data: a\n\n\n\n\ndata: b\n")]))).toEqual([
      { event: "message", data: "a" },
      { event: "message", data: "b" },
    ]);
  });
});
