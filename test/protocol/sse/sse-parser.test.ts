import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSseParser, type SseFrame } from "../../../lib/protocol/sse/sse-parser.ts";
import { cutAt } from "../../support/replay-stream.ts";

/** A failure prints its seed: `fc.assert(…, { seed, path })` runs it again. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);
const encoder = new TextEncoder();

function parse(pieces: readonly Uint8Array[]): SseFrame[] {
  const parser = createSseParser();
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

/** What a frame says, without the text it was said in. */
const said = (frames: readonly SseFrame[]) => frames.map(({ event, data }) => ({ event, data }));

const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((value) => !/[\r\n]/.test(value));
/** A line as a server may write it, and what it adds to its event. */
const line = fc.oneof(
  { weight: 4, arbitrary: fc.record({ field: fc.constant("data"), value: text, space: fc.boolean() }) },
  fc.record({ field: fc.constant("event"), value: text, space: fc.boolean() }),
  fc.record({ field: fc.constantFrom("", "id", "retry", "unknown"), value: text, space: fc.boolean() }),
);
const frame = fc.array(line, { minLength: 1, maxLength: 5 });
const frames = fc.array(frame, { maxLength: 8 });
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
/** Line ends are drawn for each line anew. */
const lineEnds = fc.array(lineEnd, { minLength: 1, maxLength: 12 });

type Frame = typeof frame extends fc.Arbitrary<infer Value> ? Value : never;

function serialise(list: readonly Frame[], ends: readonly string[]): string {
  let lines = 0;
  const end = () => {
    lines += 1;
    return ends[lines % ends.length] ?? "\n";
  };
  const lineText = ({ field, value, space }: Frame[number]) =>
    `${field}:${space || value.startsWith(" ") ? " " : ""}${value}`;
  const frameText = (lines: Frame) => {
    const content = lines.map((one) => lineText(one) + end()).join("");
    const blank = end();
    // CR and LF next to each other are one line end: the blank line after a CR is not LF alone.
    return content + (content.endsWith("\r") && blank === "\n" ? "\r\n" : blank);
  };
  return list.map(frameText).join("");
}

/** What the specification makes of a frame (WHATWG HTML, 9.2.6), written down plainly. */
function expected(lines: Frame): { readonly event: string; readonly data: string | null } {
  const data = lines.filter(({ field }) => field === "data").map(({ value }) => value);
  const event = lines.findLast(({ field }) => field === "event")?.value ?? "";
  return { event: event === "" ? "message" : event, data: data.length === 0 ? null : data.join("\n") };
}

const cuts = fc.array(fc.nat(), { maxLength: 20 });

describe("server-sent events", () => {
  test("P11 any cut of the same bytes gives the same frames, text and all", () => {
    fc.assert(
      fc.property(frames, lineEnds, fc.boolean(), cuts, (list, ends, mark, places) => {
        const bytes = encoder.encode((mark ? "\uFEFF" : "") + serialise(list, ends));
        expect(parse(cutAt(bytes, places))).toEqual(parse([bytes]));
      }),
      { numRuns: RUNS },
    );
  });

  test("P12 what was written is read back: fields of every kind, with and without a space", () => {
    fc.assert(
      fc.property(frames, (list) => {
        expect(said(parse([encoder.encode(serialise(list, ["\n"]))]))).toEqual(list.map(expected));
      }),
      { numRuns: RUNS },
    );
  });

  test("P13 line ends of all three kinds, mixed from line to line, change nothing", () => {
    fc.assert(
      fc.property(frames, lineEnds, cuts, (list, ends, places) => {
        const bytes = encoder.encode(serialise(list, ends));
        expect(said(parse(cutAt(bytes, places)))).toEqual(list.map(expected));
      }),
      { numRuns: RUNS },
    );
  });

  test("P14 arbitrary bytes never throw and never loop, and no more than the cap is kept", () => {
    const CAP = 200;
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .constantFrom("\n", "\r", "\r\n", "\n\n", "data:", "data: x", ":", "event: y\n", "\uFEFF", "é", "😀")
        .map((value) => encoder.encode(value)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const parser = createSseParser(CAP);
        let received = 0;
        let said = 0;
        for (const bytes of pieces) {
          received += bytes.length;
          for (const { raw } of parser.push(bytes)) said += raw.length;
        }
        for (const { raw } of parser.end()) {
          // What is left over is at most the cap and the blank line that it lacked.
          expect(raw.length).toBeLessThanOrEqual(CAP + 2);
          said += raw.length;
        }
        // Nothing is made up: no frame says more than what came, but for that blank line.
        expect(said).toBeLessThanOrEqual(received + 2);
      }),
      { numRuns: RUNS },
    );
  });

  test("P14 an event past the cap ends the reading, in however many pieces it comes", () => {
    for (const size of [1, 100, 5_000]) {
      const parser = createSseParser(1000);
      for (let sent = 0; sent < 5_000; sent += size) parser.push(encoder.encode("x".repeat(size)));
      expect(parser.overflowed).toBe(true);
      expect(parser.push(encoder.encode("data: late\n\n"))).toEqual([]);
      expect(parser.end()).toEqual([]);
    }
  });

  test("F33 a byte order mark, one-byte pieces, CRLF and characters cut in two change nothing", () => {
    const bytes = encoder.encode('\uFEFF: hello\r\n\r\nevent: delta\r\ndata:{"text":"héllo ✓ 😀"}\r\n\r\n');
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    expect(said(parse(pieces))).toEqual([
      { event: "message", data: null },
      { event: "delta", data: '{"text":"héllo ✓ 😀"}' },
    ]);
  });

  test("a passthrough sends what came: the frames' own text says the same again", () => {
    const stream = ': ping\n\ndata: {"a": 1}\n\nevent: x\ndata: y\n\n';
    const raw = (bytes: Uint8Array) => parse([bytes]).map((one) => one.raw);
    expect(raw(encoder.encode(stream)).join("")).toBe(stream);
    fc.assert(
      fc.property(frames, lineEnds, fc.nat(), (list, ends, cut) => {
        const bytes = encoder.encode(serialise(list, ends));
        const begun = bytes.subarray(0, cut % (bytes.length + 1));
        expect(said(parse([encoder.encode(raw(begun).join(""))]))).toEqual(said(parse([begun])));
      }),
      { numRuns: RUNS },
    );
  });

  test("an event without its blank line at the end of the stream is still read", () => {
    expect(said(parse([encoder.encode("data: [DONE]")]))).toEqual([{ event: "message", data: "[DONE]" }]);
    expect(said(parse([encoder.encode("data: a\n\n\n\n\ndata: b\n")]))).toEqual([
      { event: "message", data: "a" },
      { event: "message", data: "b" },
    ]);
  });
});
