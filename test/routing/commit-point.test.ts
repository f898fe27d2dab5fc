import { describe, expect, test } from "vitest";
import { type StreamEnd, StreamRelay, translatingWriter } from "../../lib/inference/stream-relay.ts";
import { UsageMeter } from "../../lib/inference/usage-meter.ts";
import type { UpstreamReply } from "../../lib/ports/upstream.ts";
import { AccessTokens } from "../../lib/providers/access-tokens.ts";
import { attempt, type ProviderReply } from "../../lib/routing/attempt.ts";
import type { AttemptResult } from "../../lib/routing/attempt-result.ts";
import { CONTEXT } from "../protocol/reply-context.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { callOf, candidateOf, FORMATS } from "../support/replay-stream.ts";

const FIRST_TOKEN_MS = 30_000;
const IDLE_MS = 20_000;

/** A provider that says what it is told to, when it is told to, and whose stream an abort breaks. */
function scriptedProvider() {
  const said: (string | "end")[] = [];
  let wake = () => {};
  const reply = (signal: AbortSignal): UpstreamReply => ({
    status: 200,
    header: (name) => (name === "content-type" ? "text/event-stream" : null),
    body: {
      text: () => Promise.reject(new Error("A stream is not read as text.")),
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        signal.addEventListener("abort", () => wake());
        for (;;) {
          const next = said.shift();
          if (signal.aborted) throw signal.reason;
          if (next === "end") return;
          if (next !== undefined) yield new TextEncoder().encode(next);
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    },
  });
  return {
    callUpstream: async (_: unknown, signal: AbortSignal) => reply(signal),
    says: (...texts: (string | "end")[]) => {
      said.push(...texts);
      wake();
    },
  };
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const delta = (content: object) => event({ id: "c", choices: [{ index: 0, delta: content, finish_reason: null }] });
const ROLE = delta({ role: "assistant", content: "" });
const WORD = delta({ content: "word" });
const COMMENT = ": OPENROUTER PROCESSING\n\n";
const FAILED = event({ error: { message: "overloaded", code: 503 } });

function begin(clock: FakeClock, provider = scriptedProvider()) {
  const call = callOf(FORMATS.openai, { model: "m", messages: [{ role: "user", content: "hi" }], stream: true });
  const limits = { firstTokenMs: FIRST_TOKEN_MS, idleMs: IDLE_MS, deadlineMs: clock.now() + 600_000 };
  let outcome: AttemptResult<ProviderReply> | null = null;
  const ports = { clock, callUpstream: provider.callUpstream, accessTokens: new AccessTokens() };
  const done = attempt(ports, candidateOf("openai"), call, limits, null).then((result) => {
    outcome = result;
  });
  return { provider, done, outcome: () => outcome };
}

/** The relay of a committed attempt, read to its end. */
function relay(result: AttemptResult<ProviderReply> | null) {
  if (result?.kind !== "answered" || result.reply.kind !== "stream") throw new Error("Nothing is committed.");
  let end: StreamEnd | null = null;
  const stream = new StreamRelay({
    reply: result.reply,
    writer: translatingWriter(FORMATS.openai.createStreamEncoder(CONTEXT)),
    meter: new UsageMeter({ estimatedInputTokens: 1, contextLength: 1_000, maxOutputTokens: 1_000, choices: 1 }),
    ceiling: null,
    requestId: "req_1",
    onEnd: (how) => {
      end = how;
    },
  });
  const read = async () => {
    let text = "";
    for (let bytes = await stream.next(); bytes !== null; bytes = await stream.next())
      text += new TextDecoder().decode(bytes);
    return text;
  };
  return { read, end: () => end };
}

const failed = (kind: string) => ({ kind: "failed", failure: { kind } });

describe("before the first word", () => {
  test("trap 2: the timer for it fires when it is due, not when a late word comes", async () => {
    const clock = createFakeClock();
    const { outcome } = begin(clock);
    await clock.advance(FIRST_TOKEN_MS - 1);
    expect(outcome()).toBeNull();
    await clock.advance(1);
    expect(outcome()).toMatchObject(failed("timeout"));
  });

  test("traps, extras: comments, pings and role-only chunks do not put the timer off", async () => {
    const clock = createFakeClock();
    const { provider, outcome } = begin(clock);
    for (let second = 0; second < 29; second++) {
      provider.says(COMMENT, ROLE);
      await clock.advance(1_000);
      expect(outcome()).toBeNull();
    }
    await clock.advance(1_000);
    expect(outcome()).toMatchObject(failed("timeout"));
  });

  test.each([
    ["an error", [FAILED], "overloaded"],
    ["an error after a role and comments", [COMMENT, ROLE, COMMENT, FAILED], "overloaded"],
    ["an end without a word", [ROLE, "end"], "garbage"],
    ["no event at all", ["Network connection lost", "end"], "garbage"],
  ])("trap 1: %s is a failure that another provider may make good", async (_, texts, kind) => {
    const { provider, done, outcome } = begin(createFakeClock());
    provider.says(...texts);
    await done;
    expect(outcome()).toMatchObject(failed(kind));
  });

  test("hundreds of comments are not taken for an answer, nor kept", async () => {
    const { provider, done, outcome } = begin(createFakeClock());
    provider.says(...Array.from({ length: 300 }, () => COMMENT), FAILED);
    await done;
    expect(outcome()).toMatchObject(failed("overloaded"));
  });

  test("what is held back is bounded, in events and in characters", async () => {
    for (const [count, chunk] of [
      [64, ROLE],
      [3, delta({ role: "a".repeat(100_000) })],
    ] as const) {
      const { provider, done, outcome } = begin(createFakeClock());
      provider.says(...Array.from({ length: count }, () => chunk));
      await done;
      expect(outcome()).toMatchObject({ kind: "answered", reply: { kind: "stream" } });
    }
  });

  test.each([
    ["a text", delta({ content: "a" })],
    ["a thought", delta({ reasoning: "a" })],
    ["a refusal", delta({ refusal: "a" })],
    ["a call", delta({ tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "" } }] })],
    ["sound", delta({ audio: { data: "aGk=" } })],
    ["an end of an answer of nothing", event({ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })],
  ])("%s is a word", async (_, chunk) => {
    const { provider, done, outcome } = begin(createFakeClock());
    provider.says(COMMENT, ROLE, chunk);
    await done;
    expect(outcome()).toMatchObject({ kind: "answered", reply: { kind: "stream" } });
  });
});

describe("after it", () => {
  test("an error in the same piece as the first word is told in the stream", async () => {
    const { provider, done, outcome } = begin(createFakeClock());
    provider.says(WORD + FAILED);
    await done;
    const { read, end } = relay(outcome());
    expect(await read()).toMatch(/"content":"word".*"finish_reason":"error".*\[DONE\]/s);
    expect(end()).toMatchObject({ kind: "failed", error: { code: "provider_error" } });
  });

  test("a stream that ends without its end is an error, never a silent stop", async () => {
    const { provider, done, outcome } = begin(createFakeClock());
    provider.says(WORD, "end");
    await done;
    const { read, end } = relay(outcome());
    expect(await read()).toContain("stream_truncated");
    expect(end()).toMatchObject({ kind: "failed", error: { code: "stream_truncated" } });
  });

  test("traps, extras: words put the idle timer off, comments and role-only chunks do not", async () => {
    const clock = createFakeClock();
    const { provider, outcome } = begin(clock);
    provider.says(WORD);
    await clock.advance(0);
    const { read, end } = relay(outcome());
    const reading = read();
    for (let turn = 0; turn < 3; turn++) {
      await clock.advance(IDLE_MS - 1_000);
      provider.says(WORD);
    }
    expect(end()).toBeNull();
    for (let second = 0; second < IDLE_MS / 1_000 + 1; second++) {
      provider.says(COMMENT, ROLE);
      await clock.advance(1_000);
    }
    expect(await reading).toContain("provider_timeout");
    expect(end()).toMatchObject({ kind: "failed", error: { code: "provider_timeout" } });
  });
});
