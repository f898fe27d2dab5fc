import { describe, expect, test } from "vitest";
import { fault, type ScriptedFault } from "../support/simulator/fault.ts";
import { VENDOR_SECRET } from "../support/simulator/vendor-errors.ts";
import { type Answered, ask, open, type Question, readAnswer } from "./ask.ts";
import { FALLBACK, FAULTY, until, useFaultHarness, WAYS } from "./fault-harness.ts";

// design/faults.md, rows F22 to F27, F31, F39 to F43: what a provider does before its first word.
const harness = useFaultHarness();
const CASES = FAULTY.flatMap((served) =>
  WAYS.map((way) => ({ ...served, ...way, kind: way.stream ? "stream" : "whole" })),
);
const STREAMS = CASES.filter(({ stream }) => stream);

type Case = (typeof CASES)[number];

function question(asked: Case, extra: Partial<Question> = {}): Question {
  return { ...asked, text: "Hello", account: harness().account, ...extra };
}

async function expectFailover(asked: Case, scripted: ScriptedFault): Promise<Answered> {
  const { gateway, simulator, charged } = harness();
  simulator.next(asked.provider, scripted);
  const answered = await ask(gateway, question(asked));
  expect(answered).toMatchObject({ status: 200, text: "You said: Hello", error: null, ended: true });
  expect(answered.headers.get("x-gateway-provider")).toBe(FALLBACK);
  expect(simulator.log.all.map(({ provider }) => provider)).toEqual([asked.provider, FALLBACK]);
  expect(answered.raw).not.toContain(VENDOR_SECRET);
  expect((await charged()).requests).toBe(1);
  expect((await charged()).nanoUsd).toBeGreaterThan(0n);
  return answered;
}

describe.each(CASES)("$client client, $model, $kind", (asked) => {
  test.each([500, 502, 503, 529])("F23 a %i goes to the next provider", async (status) => {
    await expectFailover(asked, fault.status(status));
  });

  test.each([401, 402, 403, 404])("F25 a %i about our key or account goes to the next provider", async (status) => {
    await expectFailover(asked, fault.status(status));
  });

  test("F22 a connection that breaks before any byte goes to the next provider", async () => {
    await expectFailover(asked, fault.reset("request"));
  });

  test("F29 a connection that breaks after the headers goes to the next provider", async () => {
    await expectFailover(asked, fault.reset("headers"));
  });

  test("F31 an HTML page with 200 goes to the next provider", async () => {
    await expectFailover(asked, fault.html());
  });

  test("F39 a redirect is not followed", async () => {
    await expectFailover(asked, fault.redirect(`${harness().simulator.baseUrl("groq")}/chat/completions`));
  });

  test("F40 a body that is a gzip bomb is not unpacked", async () => {
    await expectFailover(asked, fault.gzipBomb(100 * 1024 * 1024));
  });

  test("F31 an empty answer goes to the next provider", async () => {
    await expectFailover(asked, fault.empty());
  });

  test("F24 a 429 is waited out at the same provider", async () => {
    const { gateway, simulator, clock, charged } = harness();
    simulator.next(asked.provider, fault.rateLimited(7));
    const answering = ask(gateway, question(asked));
    await (await simulator.log.nth(1)).closed;
    await until(async () => {
      await clock.advance(1_000);
      return simulator.log.all.length > 1;
    });
    const answered = await answering;
    expect(answered).toMatchObject({ status: 200, text: "You said: Hello" });
    expect(simulator.log.all.map(({ provider }) => provider)).toEqual([asked.provider, asked.provider]);
    expect((await charged()).requests).toBe(1);
  });

  test("F24 a 429 for longer than is waited is the client's, with Retry-After", async () => {
    const { gateway, simulator, charged } = harness();
    simulator.next(asked.provider, fault.rateLimited(3600));
    const answered = await ask(gateway, question(asked));
    expect(answered.status).toBe(429);
    expect(answered.error).toBe(asked.client === "openai" ? "provider_rate_limited" : "rate_limit_error");
    expect(Number(answered.headers.get("retry-after"))).toBe(3600);
    expect(simulator.log.all).toHaveLength(1);
    expect(answered.raw).not.toContain(VENDOR_SECRET);
    expect((await charged()).nanoUsd).toBe(0n);
  });

  test("F24 failover on a 429 where the request opts in", async () => {
    const { gateway, simulator } = harness();
    simulator.next(asked.provider, fault.rateLimited(3600));
    const answered = await ask(gateway, question(asked, { extra: { provider: { failover_on_rate_limit: true } } }));
    expect(answered).toMatchObject({ status: 200, text: "You said: Hello" });
    expect(answered.headers.get("x-gateway-provider")).toBe(FALLBACK);
  });

  test("F26 a 400 is the client's at once and costs nothing", async () => {
    const { gateway, simulator, charged } = harness();
    simulator.next(asked.provider, fault.status(400));
    const answered = await ask(gateway, question(asked));
    expect(answered.status).toBe(400);
    expect(answered.error).toBe(asked.client === "openai" ? "provider_rejected_request" : "invalid_request_error");
    expect(simulator.log.all).toHaveLength(1);
    expect((await charged()).nanoUsd).toBe(0n);
  });

  test("F41 with every provider down the answer is a 503 that costs nothing", async () => {
    const { gateway, simulator, charged } = harness();
    simulator.script.always(asked.provider, fault.status(503));
    simulator.script.always(FALLBACK, fault.status(503));
    const answered = await ask(gateway, question(asked));
    expect(answered.status).toBe(503);
    expect(answered.error).toBe(asked.client === "openai" ? "no_provider_available" : "overloaded_error");
    expect(Number(answered.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(simulator.log.all).toHaveLength(2);
    expect((await charged()).nanoUsd).toBe(0n);
  });

  test("F43 a client that leaves before the first byte takes its provider call along and pays nothing", async () => {
    const { gateway, simulator, charged } = harness();
    simulator.next(asked.provider, fault.hold("request"));
    const leaving = new AbortController();
    const answering = open(gateway, question(asked, { signal: leaving.signal }));
    const request = await simulator.log.nth(1);
    await request.held;
    leaving.abort();
    await expect(answering).rejects.toThrow();
    await request.closed;
    expect(request.state).toBe("aborted");
    expect(simulator.log.all).toHaveLength(1);
    expect((await charged()).nanoUsd).toBe(0n);
  });
});

describe.each(STREAMS)("$client client, $model, stream", (asked) => {
  test("F27 silence after the headers: keep-alives for the client, then the next provider", async () => {
    const { gateway, simulator, clock, charged } = harness();
    simulator.next(asked.provider, fault.onlyPings(3));
    const answering = open(gateway, question(asked));
    await (await simulator.log.nth(1)).held;
    await clock.advance(10_000);
    const response = await answering;
    const reading = readAnswer(response, asked.client);
    await until(async () => {
      await clock.advance(1_000);
      return simulator.log.all.length > 1;
    });
    const answered = await reading;
    expect(answered.raw).toContain(": keep-alive\n\n");
    expect(answered).toMatchObject({ status: 200, text: "You said: Hello", error: null, ended: true });
    expect((await charged()).requests).toBe(1);
  });

  test("F23 an error event before the first word goes to the next provider", async () => {
    await expectFailover(asked, fault.errorEvent(0, 529));
  });

  test("F30 a stream that ends before its first word goes to the next provider", async () => {
    await expectFailover(asked, fault.truncate("headers"));
  });
});

describe("F42 breaker", () => {
  const asked: Case = { ...FAULTY[0], client: "openai", stream: false, kind: "whole" } as Case;

  test("F42 five failures open it; after 300 s one probe closes it", async () => {
    const { gateway, simulator, clock } = harness();
    simulator.next(asked.provider, fault.status(503).times(5));
    for (let call = 0; call < 5; call += 1) await ask(gateway, question(asked));
    expect(simulator.log.count(asked.provider)).toBe(5);
    await ask(gateway, question(asked));
    expect(simulator.log.count(asked.provider)).toBe(5);
    await clock.advance(299_000);
    await ask(gateway, question(asked));
    expect(simulator.log.count(asked.provider)).toBe(5);
    await clock.advance(2_000);
    const answered = await ask(gateway, question(asked));
    expect(answered.headers.get("x-gateway-provider")).toBe(asked.provider);
    expect(simulator.log.count(asked.provider)).toBe(6);
  });

  test("F42 the last provider is never ejected", async () => {
    const { gateway, simulator } = harness();
    simulator.next(asked.provider, fault.status(503).times(5));
    simulator.next(FALLBACK, fault.status(503).times(5));
    for (let call = 0; call < 5; call += 1) expect((await ask(gateway, question(asked))).status).toBe(503);
    expect(await ask(gateway, question(asked))).toMatchObject({ status: 200, text: "You said: Hello" });
  });
});
