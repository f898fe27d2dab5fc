import { describe, expect, test } from "vitest";
import { fault, type ScriptedFault } from "../support/simulator/fault.ts";
import { VENDOR_SECRET } from "../support/simulator/vendor-errors.ts";
import { type Answered, ask, open, type Question, readAnswer } from "./ask.ts";
import { FAULTY, until, useFaultHarness, WAYS } from "./fault-harness.ts";

// design/faults.md, rows F28 to F38, F44 and F45: what a provider does once its answer has begun.
const harness = useFaultHarness();
const WHOLE_ANSWER = Array.from({ length: 30 }, (_, index) => index + 1).join(" ");
const STREAMS = FAULTY.flatMap((served) => WAYS.filter(({ stream }) => stream).map((way) => ({ ...served, ...way })));
const CASES = FAULTY.flatMap((served) =>
  WAYS.map((way) => ({ ...served, ...way, kind: way.stream ? "stream" : "whole" })),
);

type Case = (typeof STREAMS)[number] | (typeof CASES)[number];

function question(asked: Case, extra: Partial<Question> = {}): Question {
  return { ...asked, text: "count to 30", account: harness().account, ...extra };
}

async function meet(asked: Case, scripted: ScriptedFault, extra: Partial<Question> = {}): Promise<Answered> {
  const { gateway, simulator } = harness();
  simulator.next(asked.provider, scripted);
  return await ask(gateway, question(asked, extra));
}

/** The answer broke off: what had come is there, then an error of the client's protocol, and nobody else was asked. */
async function expectBrokenOff(asked: Case, answered: Answered, code: string, type: string): Promise<void> {
  const { simulator, charged } = harness();
  expect(answered.status).toBe(200);
  expect(answered.error).toBe(asked.client === "openai" ? code : type);
  expect(answered.text).not.toBe("");
  expect(WHOLE_ANSWER.startsWith(answered.text)).toBe(true);
  // OpenAI's stream ends with its marker all the same; Anthropic's ends with the error.
  expect(answered.ended).toBe(asked.client === "openai");
  if (asked.client === "openai") expect(answered.finish).toBe("error");
  expect(answered.raw).not.toContain(VENDOR_SECRET);
  expect(simulator.log.all).toHaveLength(1);
  // The published outcome: an answer that the provider broke off is free, within the day's bound.
  expect(await charged()).toEqual({ requests: 1, nanoUsd: 0n });
}

describe.each(STREAMS)("$client client, $model", (asked) => {
  test("F28 silence after ten tokens", async () => {
    const { gateway, simulator, clock } = harness();
    simulator.next(asked.provider, fault.hold(5));
    const response = await open(gateway, question(asked));
    const reading = readAnswer(response, asked.client);
    await (await simulator.log.nth(1)).held;
    await until(async () => {
      await clock.advance(5_000);
      return simulator.log.last.state !== "open";
    });
    await expectBrokenOff(asked, await reading, "provider_timeout", "timeout_error");
  });

  test("F29 the connection ends after ten tokens", async () => {
    await expectBrokenOff(asked, await meet(asked, fault.reset(5)), "provider_error", "api_error");
  });

  test("F29 the connection is reset after ten tokens", async () => {
    const { gateway, simulator } = harness();
    simulator.next(asked.provider, fault.hold(5).and(fault.reset(5)));
    const response = await open(gateway, question(asked));
    const answered = await readAnswer(response, asked.client, (raw) => {
      // What was sent has arrived: now the reset can overtake nothing.
      if (raw.includes("5")) simulator.release();
    });
    await expectBrokenOff(asked, answered, "provider_error", "api_error");
  });

  test("F30 the stream ends without a finish", async () => {
    await expectBrokenOff(asked, await meet(asked, fault.truncate(5)), "stream_truncated", "api_error");
  });

  test("F30 only the end marker is missing: the answer is whole", async () => {
    const answered = await meet(asked, fault.withoutEnd());
    expect(answered).toMatchObject({ text: WHOLE_ANSWER, error: null, ended: true });
    expect((await harness().charged()).nanoUsd).toBeGreaterThan(0n);
  });

  test("F23 the provider reports an error after ten tokens", async () => {
    await expectBrokenOff(asked, await meet(asked, fault.errorEvent(5, 529)), "provider_error", "api_error");
  });

  test("F32 one event is not JSON", async () => {
    const answered = await meet(asked, fault.garbage(5));
    expect(answered.status).toBe(200);
    if (answered.error === null) expect(answered).toMatchObject({ text: WHOLE_ANSWER, ended: true });
    else expect(WHOLE_ANSWER.startsWith(answered.text)).toBe(true);
    expect((await harness().charged()).requests).toBe(1);
  });

  test.each([
    ["single bytes", 1, "\n", false],
    ["CRLF", 3, "\r\n", false],
    ["CR", 2, "\r", false],
    ["a byte order mark", 5, "\n", true],
  ] as const)("F33 %s change nothing", async (_, bytes, lineEnding, byteOrderMark) => {
    const text = "Grüße 🚢 ñandú 漢字";
    const answered = await meet(asked, fault.slices(bytes, lineEnding, byteOrderMark), { text });
    expect(answered).toMatchObject({ text: `You said: ${text}`, error: null, ended: true });
  });

  test("F34 a line of 50 MB is not read to its end", async () => {
    const { simulator } = harness();
    const before = process.memoryUsage().rss;
    const answered = await meet(asked, fault.hugeLine(50 * 1024 * 1024));
    expect(answered.error).not.toBeNull();
    await simulator.log.last.closed;
    expect(simulator.log.last.state).toBe("aborted");
    expect(simulator.log.last.bytesSent).toBeLessThan(20 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  test("F35 an endless answer stops where the money does", async () => {
    const { gateway, simulator } = harness();
    const credit = asked.provider === "openai" ? 10_000_000n : 200_000_000n;
    const account = await gateway.register(asked.provider === "openai" ? "0.01" : "0.2");
    const answered = await meet(asked, fault.endless().and(fault.says("abcdef ghi")), { account });
    expect(answered.error).toBeNull();
    expect(answered.finish).toBe(asked.client === "openai" ? "length" : "max_tokens");
    expect(answered.ended).toBe(true);
    await simulator.log.last.closed;
    expect(simulator.log.last.state).toBe("aborted");
    await gateway.settled();
    const balance = await gateway.balance(account.accountId);
    expect(balance).toBeLessThan(credit / 2n);
    // At most a twentieth of a hold beyond it, and a hold was never more than the balance.
    expect(balance).toBeGreaterThanOrEqual(-credit / 20n);
  });

  test("F44 a client that leaves after ten tokens pays for what it got", async () => {
    const { gateway, simulator, charged } = harness();
    simulator.next(asked.provider, fault.hold(10));
    const leaving = new AbortController();
    const response = await open(gateway, question(asked, { signal: leaving.signal }));
    const reader = response.body?.getReader();
    await reader?.read();
    await (await simulator.log.nth(1)).held;
    leaving.abort();
    await simulator.log.last.closed;
    expect(simulator.log.last.state).toBe("aborted");
    const { requests, nanoUsd } = await charged();
    expect(requests).toBe(1);
    expect(nanoUsd).toBeGreaterThan(0n);
  });

  test("F45 a client that does not read holds the provider back, and is left in the end", async () => {
    const { gateway, simulator, clock, charged } = harness();
    simulator.next(asked.provider, fault.endless());
    const response = await open(gateway, question(asked));
    await until(async () => {
      await clock.advance(60_000);
      return simulator.log.last.state !== "open";
    });
    expect(simulator.log.last.bytesSent).toBeLessThan(32 * 1024 * 1024);
    await response.body?.cancel();
    expect((await charged()).requests).toBe(1);
  });
});

describe.each(CASES)("$client client, $model, $kind", (asked) => {
  test.each([
    ["negative", -5],
    ["huge", 1e18],
    ["a string", "many"],
    ["a fraction", 0.5],
  ])("F36 usage that is %s is not believed", async (_, value) => {
    const { gateway, charged } = harness();
    const sane = await measure(asked);
    const answered = await meet(asked, fault.usage({ kind: "absurd", value }));
    expect(answered).toMatchObject({ text: WHOLE_ANSWER, error: null });
    const { requests, nanoUsd } = await charged();
    expect(requests).toBe(2);
    expectNear(nanoUsd - sane, sane);
    expect(gateway.logLines.some((line) => line.includes("usage_not_believed"))).toBe(true);
  });

  test("F37 CM-14.2 without usage the text is metered, for the bill and in the answer", async () => {
    const sane = await measure(asked);
    const answered = await meet(asked, fault.usage({ kind: "none" }));
    expect(answered.text).toBe(WHOLE_ANSWER);
    const output = answered.usage?.[asked.client === "openai" ? "completion_tokens" : "output_tokens"];
    expect(output).toBeGreaterThan(5);
    expectNear((await harness().charged()).nanoUsd - sane, sane);
  });
});

describe.each(STREAMS)("$client client, $model, stream", (asked) => {
  test.each(["twice", "early"] as const)("F38 usage that comes %s counts once", async (kind) => {
    const sane = await measure(asked);
    const answered = await meet(asked, fault.usage({ kind }));
    expect(answered).toMatchObject({ text: WHOLE_ANSWER, error: null, ended: true });
    expect((await harness().charged()).nanoUsd).toBe(sane * 2n);
  });
});

/** What the same request costs when its provider reports the truth, nano-dollars. */
async function measure(asked: Case): Promise<bigint> {
  const { gateway, charged } = harness();
  await ask(gateway, question(asked));
  return (await charged()).nanoUsd;
}

/** Metered text and reported tokens differ: within a factor of three they are about the same answer. */
function expectNear(amount: bigint, sane: bigint): void {
  expect(amount).toBeGreaterThan(sane / 3n);
  expect(amount).toBeLessThan(sane * 3n);
}
