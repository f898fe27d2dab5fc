import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { understandStream, understandWhole } from "../support/read-client.ts";
import { candidateOf, cutAt, FORMATS, replayStream } from "../support/replay-stream.ts";
import {
  type AnsweredWire,
  finishOf,
  type SaidAnswer,
  saidAnswer,
  writeStream,
  writeWhole,
} from "../support/wire-answers.ts";
import { CONTEXT } from "./reply-context.ts";

/** A failure prints its seed: `fc.assert(…, { seed, path })` runs it again. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 1_000);

const PROVIDER_OF: Readonly<Record<AnsweredWire, string>> = {
  openai: "openai",
  anthropic: "anthropic",
  gemini: "google-ai-studio",
};
const WIRES: readonly AnsweredWire[] = ["openai", "anthropic", "gemini"];
const CLIENTS: readonly (keyof typeof FORMATS)[] = ["openai", "anthropic", "responses"];
const PAIRS = WIRES.flatMap((wire) => CLIENTS.map((client) => ({ wire, client })));

const cuts = fc.array(fc.nat(), { maxLength: 20 });
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const bytesOf = (text: string) => new TextEncoder().encode(text);
/** The same stream with this line end, whatever the wire's own is. */
const withLineEnd = (sse: string, end: string) => sse.replaceAll(/\r\n|\r|\n/g, end);

/** Four characters are a token, rounded up over the whole answer (CM-14.1). */
function metered({ texts, thoughts, calls }: SaidAnswer) {
  const said =
    texts.join("").length + calls.reduce((sum, { name, args }) => sum + name.length + JSON.stringify(args).length, 0);
  return { output: Math.ceil(said / 4), reasoning: Math.ceil(thoughts.join("").length / 4) };
}

/** A stream without a word ends like any other; there is nothing to compare it by. */
const says = ({ texts, thoughts, calls }: SaidAnswer) => texts.length + thoughts.length + calls.length > 0;

describe.each(PAIRS)("$wire wire, $client client", ({ wire, client }) => {
  const provider = PROVIDER_OF[wire];
  const format = FORMATS[client];

  test("P15 the metered text is the deltas put together, and the bill the same, whatever the cut", async () => {
    await fc.assert(
      fc.asyncProperty(saidAnswer.filter(says), lineEnd, cuts, async (answer, end, places) => {
        const sse = writeStream(wire, answer);
        const whole = await replayStream(provider, format, [bytesOf(sse)]);
        const inPieces = await replayStream(provider, format, cutAt(bytesOf(withLineEnd(sse, end)), places));
        expect(inPieces.costNanoUsd).toBe(whole.costNanoUsd);
        expect(inPieces.usage).toEqual(whole.usage);
        if (answer.usage === null) expect(inPieces.usage).toMatchObject({ ...metered(answer), source: "estimated" });
        else
          expect(inPieces.usage).toMatchObject({
            output: answer.usage.output,
            reasoning: answer.usage.reasoning,
            source: "provider",
          });
        expect(understandStream(client, withLineEnd(inPieces.sse, "\n"))).toEqual(understandStream(client, whole.sse));
      }),
      { numRuns: RUNS },
    );
  });

  test("P16 a streamed answer keeps its text, thought, calls, finish reason and usage", async () => {
    await fc.assert(
      fc.asyncProperty(saidAnswer.filter(says), async (answer) => {
        const { sse } = await replayStream(provider, format, [bytesOf(writeStream(wire, answer))]);
        expectUnderstood(understandStream(client, sse), answer);
      }),
      { numRuns: RUNS },
    );
  });

  test("P16 so does a whole one", () => {
    fc.assert(
      fc.property(saidAnswer, (answer) => {
        const body = writeWhole(wire, answer);
        const events = candidateOf(provider).wire.decodeReply(body);
        const usage = events.find((event) => event.kind === "usage")?.usage;
        if (usage === undefined) return;
        const text =
          wire === client
            ? format.passReply(JSON.stringify(body), body, usage, CONTEXT)
            : format.encodeReply(events, usage, CONTEXT);
        expectUnderstood(understandWhole(client, text), answer);
      }),
      { numRuns: RUNS },
    );
  });
});

function expectUnderstood(understood: ReturnType<typeof understandWhole>, answer: SaidAnswer): void {
  const { usage } = answer;
  expect({ ...understood, usage: null }).toEqual({
    thought: answer.thoughts.join(""),
    text: answer.texts.join(""),
    calls: answer.calls.map(({ id, name, args }) => ({ id, name, args })),
    finish: finishOf(answer),
    usage: null,
  });
  if (usage === null) return;
  expect(understood.usage).toEqual({
    input: usage.input + usage.cacheRead,
    cacheRead: usage.cacheRead,
    output: usage.output + usage.reasoning,
  });
}
