import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { fault, ScriptedFault } from "../support/simulator/fault.ts";
import { askBySdk, openAiClient, readUntilError, type SdkAnswer, type SdkQuestion } from "./ask-by-sdk.ts";
import { FALLBACK, FAULTY, until, useFaultHarness, WAYS } from "./fault-harness.ts";

// Bugs of streams and of failover that users of other gateways reported (test/trap-rows.test.ts lists them), as the
// official clients see them. Those that need no client are in test/inference/traps.test.ts and test/routing.
const FIRST_TOKEN_MS = 20_000;
const harness = useFaultHarness({ FIRST_TOKEN_TIMEOUT_MS: String(FIRST_TOKEN_MS), KEEP_ALIVE_MS: "5000" });
const CASES = FAULTY.flatMap((served) =>
  WAYS.map((way) => ({ ...served, ...way, kind: way.stream ? "streamed" : "whole" })),
);
const STREAMS = CASES.filter(({ stream }) => stream);
const PERSONA = "Tu es un pirate. Réponds en français.";

const ask = (asked: Omit<SdkQuestion, "text" | "account">, text = "Hello") =>
  askBySdk(harness().gateway, { ...asked, text, account: harness().account });
const providersAsked = () => harness().simulator.log.all.map(({ provider }) => provider);

async function expectMadeGood(answering: Promise<SdkAnswer>, provider: string): Promise<void> {
  expect(await answering).toEqual({ text: "You said: Hello", calls: [] });
  expect(providersAsked()).toEqual([provider, FALLBACK]);
  expect((await harness().charged()).requests).toBe(1);
}

describe.each(CASES)("$client client, $model, $kind", (asked) => {
  test("trap 1: an overload told after a 200 is not seen; another provider answers", async () => {
    const { simulator } = harness();
    const early = asked.stream ? fault.errorEvent(0, 529).and(new ScriptedFault({ pings: 3 })) : fault.status(529);
    simulator.next(asked.provider, early);
    await expectMadeGood(ask(asked), asked.provider);
  });

  test("trap 4: whoever answers has the caller's own system prompt and nothing besides", async () => {
    const { simulator } = harness();
    simulator.next(asked.provider, fault.status(503));
    await ask({ ...asked, system: PERSONA });
    expect(simulator.log.last.provider).toBe(FALLBACK);
    const { body, wire } = simulator.log.last;
    const hello = { role: "user", content: "Hello" };
    // It is asked in the format that its client speaks, where it knows that.
    if (wire === "anthropic") expect(body).toMatchObject({ system: PERSONA, messages: [hello] });
    else expect(body["messages"]).toMatchObject([{ role: "system", content: PERSONA }, hello]);
  });

  test("trap 6: a rate limit is a RateLimitError, or another provider's answer for who asked for that", async () => {
    const { simulator } = harness();
    simulator.script.always(asked.provider, fault.rateLimited(3_600));
    const Expected = asked.client === "openai" ? OpenAI.RateLimitError : Anthropic.RateLimitError;
    await expect(ask(asked)).rejects.toBeInstanceOf(Expected);
    expect(providersAsked()).toEqual([asked.provider]);
    const extra = { provider: { failover_on_rate_limit: true } };
    expect((await ask({ ...asked, extra })).text).toBe("You said: Hello");
    expect(providersAsked()).toEqual([asked.provider, asked.provider, FALLBACK]);
  });

  test("trap 7: 200 with `Network connection lost` is no answer", async () => {
    harness().simulator.next(asked.provider, fault.page(200, "text/plain", "Network connection lost"));
    await expectMadeGood(ask(asked), asked.provider);
  });

  test("trap C1.a: a connection that fails when it is made is retried elsewhere, before the client hears of it", async () => {
    harness().simulator.next(asked.provider, fault.reset("request"));
    await expectMadeGood(ask(asked), asked.provider);
  });

  test("trap C1.e: a good status is not yet an answer", async () => {
    harness().simulator.next(asked.provider, fault.reset("headers"));
    await expectMadeGood(ask(asked), asked.provider);
  });
});

describe.each(STREAMS)("$client client, $model, a stream that has begun", (asked) => {
  test("traps 3, 5 and 8: its error is thrown to the client, and nobody else goes on with it", async () => {
    const { simulator, gateway } = harness();
    const spoken = "All is quiet on the quay tonight.";
    simulator.next(asked.provider, fault.errorEvent(2, 503).and(fault.says(spoken)));
    const { text, error } = await readUntilError(gateway, { ...asked, text: "Hello" });
    expect(error).toBeInstanceOf(asked.client === "openai" ? OpenAI.APIError : Anthropic.APIError);
    expect(String(error)).toContain("provider");
    expect(text).not.toBe("");
    expect(spoken.startsWith(text)).toBe(true);
    expect(providersAsked()).toEqual([asked.provider]);
    expect(simulator.log.last.text).not.toContain("quiet");
  });

  test("trap 8: a stream that breaks off is thrown, never a silent stop", async () => {
    const { simulator, gateway } = harness();
    simulator.next(asked.provider, fault.withoutFinish());
    const { text, error } = await readUntilError(gateway, { ...asked, text: "Hello" });
    expect(text).toBe("You said: Hello");
    expect(error).toBeInstanceOf(asked.client === "openai" ? OpenAI.APIError : Anthropic.APIError);
  });

  test.each([
    [1, "\n", false],
    [1, "\r\n", true],
    [3, "\r", false],
  ] as const)("trap C1.c: in slices of %i, lines ended by %j, byte order mark: %s", async (bytes, ending, mark) => {
    harness().simulator.next(asked.provider, fault.slices(bytes, ending, mark));
    expect((await ask(asked, "Grüße 🚢")).text).toBe("You said: Grüße 🚢");
  });

  test("trap 2: the first word has its own deadline, which fires when it is due", async () => {
    const { simulator, clock } = harness();
    simulator.next(asked.provider, fault.hold("headers"));
    const answering = ask(asked);
    await (await simulator.log.nth(1)).held;
    const startedMs = clock.now();
    await until(async () => {
      await clock.advance(1_000);
      return simulator.log.all.length > 1;
    });
    expect(clock.now() - startedMs).toBeLessThanOrEqual(FIRST_TOKEN_MS + 2_000);
    await expectMadeGood(answering, asked.provider);
  });

  test("trap C1.d: keep-alives are no words, and do not put the deadline off", async () => {
    const { simulator, clock } = harness();
    simulator.next(asked.provider, fault.onlyPings(5));
    const answering = ask(asked);
    await (await simulator.log.nth(1)).held;
    await until(async () => {
      await clock.advance(1_000);
      return simulator.log.all.length > 1;
    });
    await expectMadeGood(answering, asked.provider);
  });

  test("trap C1.f: a client that waits is kept alive, and one that got nothing pays nothing", async () => {
    const { simulator, gateway, clock, account, charged } = harness();
    for (const provider of [asked.provider, FALLBACK]) simulator.script.always(provider, fault.hold("headers"));
    const answering = askBySdk(gateway, { ...asked, text: "Hello", account });
    const settled = answering.then(
      () => "answered",
      (error: unknown) => error,
    );
    await (await simulator.log.nth(1)).held;
    let outcome: unknown = null;
    void settled.then((how) => (outcome = how));
    await until(async () => {
      await clock.advance(5_000);
      return outcome !== null;
    });
    expect(outcome).toBeInstanceOf(asked.client === "openai" ? OpenAI.APIError : Anthropic.APIError);
    expect((await charged()).nanoUsd).toBe(0n);
  });
});

test("trap C1.b: a signature of 300 kB in one event reaches the official client whole", async () => {
  const { simulator, gateway } = harness();
  const signature = "A".repeat(300_000);
  const parts = [{ functionCall: { id: "1", name: "f", args: {} }, thoughtSignature: signature }];
  const candidates = [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }];
  simulator.next(
    "google-ai-studio",
    fault.page(200, "text/event-stream", `data: ${JSON.stringify({ candidates })}\r\n\r\n`),
  );
  const stream = openAiClient(gateway).chat.completions.stream({
    model: "google/gemini-2.5-flash",
    messages: [{ role: "user", content: "Hello" }],
  });
  const [call] = (await stream.finalChatCompletion()).choices[0]?.message.tool_calls ?? [];
  expect(call).toMatchObject({ extra_content: { google: { thought_signature: signature } } });
});
