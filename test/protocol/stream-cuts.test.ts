import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSseParser } from "../../lib/protocol/sse/sse-parser.ts";
import { type RecordedStream, recordedStreams, simulatedStreams } from "../support/recorded-streams.ts";
import { cutAt, FORMATS, replayStream } from "../support/replay-stream.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";

// The promise: the same stream bytes, however they are cut and whatever ends their lines, give the same answer and the same
// bill. Each stream goes through the code of a real call: attempt, relay, encoder or passthrough, meter.

type Client = keyof typeof FORMATS;
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);
/** Cuts in two that go through a whole call, for each line end; with more runs they are at every byte. */
const REPLAYS = Math.ceil(RUNS / 8);
/** Much to do on a machine that has much else to do. */
const LONG_MS = 180_000;
const CLIENTS: readonly Client[] = ["openai", "anthropic", "responses"];
const LINE_ENDS = ["\n", "\r\n", "\r"];
/** What keeps a connection open: a comment, an empty one, one with characters of several bytes, one that looks like data. */
const COMMENTS = [": keep-alive", ":", ": ☂ 👋🏽", ':data: {"choices":[]}', "retry: 3000", "id: 7", "unknown"];

/** Recorded errors. */
const FAILING: ReadonlySet<string> = new Set(["responses/openai-error.sse"]);
/** An id of our own making, for a call that its provider gave none: another one each time. */
const OUR_CALL_ID = /call_[0-9a-f]{24}/g;

function remember(ids: Map<string, string>, id: string): string {
  const number = `call_${ids.size + 1}`;
  ids.set(id, number);
  return number;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const linesOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split(/\r\n|\r|\n/);
const withLineEnd = (bytes: Uint8Array, end: string) => bytesOf(linesOf(bytes).join(end));

/** What the client is told, event by event; comments and line ends are nobody's. */
interface Heard {
  readonly events: readonly (readonly [string, string])[];
  readonly usage: object;
  readonly costNanoUsd: bigint;
}

async function hear(
  { provider, askedIn }: RecordedStream,
  client: Client,
  pieces: readonly Uint8Array[],
): Promise<Heard> {
  const replayed = await replayStream(provider, FORMATS[client], pieces, askedIn).catch((error: unknown) =>
    String(error),
  );
  // A stream that fails before its first word goes to another provider: that, too, must not depend on the cut.
  if (typeof replayed === "string") return { events: [["failed", replayed]], usage: {}, costNanoUsd: 0n };
  const { sse, usage, costNanoUsd } = replayed;
  const parser = createSseParser();
  const frames = [...parser.push(bytesOf(sse)), ...parser.end()];
  const ids = new Map<string, string>();
  const numbered = (text: string) => text.replace(OUR_CALL_ID, (id) => ids.get(id) ?? remember(ids, id));
  const events = frames.flatMap(({ event, data }) => (data === null ? [] : [[event, numbered(data)] as const]));
  return { events, usage, costNanoUsd };
}

/** The stream with comments and other fields between its lines, each line with an end of its own. */
function dressed(bytes: Uint8Array, choices: readonly number[]): Uint8Array {
  const choice = (index: number) => choices[index % choices.length] ?? 0;
  const lines = linesOf(bytes);
  let text = choice(0) % 2 === 0 ? "\uFEFF" : "";
  for (const [index, line] of lines.entries()) {
    const end = LINE_ENDS[choice(index) % 3] ?? "\n";
    // A CR and the LF of an empty line's own would be one line end.
    const closing = end === "\r" && lines[index + 1] === "" ? "\r\n" : end;
    const comment = COMMENTS[choice(index + 1) % 20];
    if (comment !== undefined) text += comment + (end === "\r" ? "\r\n" : end);
    text += index === lines.length - 1 ? line : line + closing;
  }
  return bytesOf(text);
}

function expectSame(heard: Heard, whole: Heard, how: string): void {
  // Compared as text first: a difference among a thousand cuts is then told by its place.
  if (JSON.stringify(heard.events) !== JSON.stringify(whole.events))
    expect([how, heard.events]).toEqual([how, whole.events]);
  expect([how, heard.costNanoUsd, heard.usage]).toEqual([how, whole.costNanoUsd, whole.usage]);
}

/** The parser sees bytes, everything behind it sees frames: cut in two at each byte, whatever ends the lines. */
function expectFramesAtEveryCut({ bytes }: RecordedStream): void {
  for (const end of LINE_ENDS) {
    const variant = withLineEnd(bytes, end);
    const framesOf = (pieces: readonly Uint8Array[]) => {
      const parser = createSseParser();
      return JSON.stringify([...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()]);
    };
    const whole = framesOf([variant]);
    for (let place = 1; place < variant.length; place++) {
      if (framesOf(cutAt(variant, [place])) !== whole)
        expect([place, framesOf(cutAt(variant, [place]))]).toEqual([place, whole]);
    }
  }
}

async function expectSameHoweverCut(stream: RecordedStream, client: Client, replays = REPLAYS): Promise<void> {
  const { name, bytes } = stream;
  const whole = await hear(stream, client, [bytes]);
  if (!FAILING.has(name)) expect(whole.events.length).toBeGreaterThan(2);
  for (const [offset, end] of LINE_ENDS.entries()) {
    const variant = withLineEnd(bytes, end);
    const singly = await hear(
      stream,
      client,
      [...variant].map((byte) => Uint8Array.of(byte)),
    );
    expectSame(singly, whole, `byte by byte, lines ended by ${JSON.stringify(end)}`);
    for (let place = 1 + offset; place < variant.length; place += Math.max(1, Math.ceil(variant.length / replays))) {
      expectSame(await hear(stream, client, cutAt(variant, [place])), whole, `cut at ${place}, ${JSON.stringify(end)}`);
    }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.array(fc.nat(), { minLength: 1 }),
      async (cuts, choices) => {
        expectSame(await hear(stream, client, cutAt(dressed(bytes, choices), cuts)), whole, "dressed");
      },
    ),
    { numRuns: Math.ceil(RUNS / 20) },
  );
}

const recorded = recordedStreams();

test("there is a recorded stream of every wire", () => {
  expect(recorded.length).toBeGreaterThanOrEqual(20);
  expect(new Set(recorded.map(({ provider }) => provider)).size).toBeGreaterThanOrEqual(10);
});

test.each(recorded)(
  "P11 $name has the same frames, cut at any byte and with any line end",
  expectFramesAtEveryCut,
  LONG_MS,
);

describe.each(CLIENTS)("%s client", (client) => {
  test.each(recorded)(
    "P11 F33 $name is the same answer and the same bill, however it is cut and dressed",
    async (stream) => {
      await expectSameHoweverCut(stream, client);
    },
  );
});

describe("what the simulator writes", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(async () => {
    await simulator.close();
  });

  test.each([
    "openai",
    "anthropic",
    "google-ai-studio",
    "openrouter",
    "groq",
    "deepseek",
    "mistral",
    "xai",
    "cohere",
    "azure-openai",
  ])(
    "P11 F33 as %s is the same answer and the same bill, however it is cut and dressed",
    async (provider) => {
      for (const stream of await simulatedStreams(simulator, [provider])) {
        for (const client of CLIENTS) await expectSameHoweverCut(stream, client, REPLAYS / 8);
      }
    },
    LONG_MS,
  );
});
