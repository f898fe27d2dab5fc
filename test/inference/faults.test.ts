import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
let clock: FakeClock;

beforeAll(async () => {
  simulator = await startSimulator();
  clock = createFakeClock();
  gateway = await startGateway({
    simulator,
    clock,
    providers: ["openai", "anthropic", "google-ai-studio", "openrouter"],
  });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

const body = (more: object = {}) => ({
  model: "openai/gpt-4o-mini",
  max_tokens: 200,
  messages: [{ role: "user", content: "Say hello." }],
  ...more,
});
/** An answer long enough to break in its middle. */
const long = fault.says("All is quiet on the quay tonight. ".repeat(10));
const chat = (more: object = {}) => gateway.post("/v1/chat/completions", body(more));
const stream = (more: object = {}) => chat({ stream: true, stream_options: { include_usage: true }, ...more });
const settledBalance = async () => {
  await gateway.settled();
  return gateway.balance();
};
/** The chunks of a chat stream, `[DONE]` left out. */
const chunksOf = (text: string) =>
  text.split("\n\n").flatMap((frame) => (frame.startsWith("data: {") ? [JSON.parse(frame.slice(6))] : []));
const textOf = (chunks: readonly { choices: readonly { delta?: { content?: string } }[] }[]) =>
  chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("");

async function advanceUntil<Result>(done: Promise<Result>, stepMs: number): Promise<Result> {
  let pending = true;
  const watched = done.finally(() => {
    pending = false;
  });
  while (pending) {
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return watched;
}

describe("before the first word another provider answers", () => {
  test.each([
    ["F22 a connection that breaks before a reply", () => fault.reset("request")],
    ["F22 a connection that breaks after the headers", () => fault.reset("headers")],
    ["F25 a key that is refused", () => fault.status(403)],
    ["F31 an HTML page with 200", () => fault.html()],
    ["F39 a redirect, which is not followed", () => fault.redirect("http://169.254.169.254/latest")],
    ["F40 a body that is a bomb", () => fault.gzipBomb(200_000_000)],
    ["an empty body", () => fault.empty()],
  ])("%s", async (_, make) => {
    for (const more of [{}, { stream: true }]) {
      simulator.next("openai", make());
      const before = await settledBalance();
      const reply = await chat(more);
      expect(reply.status).toBe(200);
      await reply.text();
      expect(simulator.log.count("openrouter")).toBe(1);
      expect(await settledBalance()).toBeLessThan(before);
      await gateway.resetBreakers();
      simulator.reset();
    }
  });

  test("F25 the body of a provider that refuses our key is not shown, and the operator is told", async () => {
    for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.status(401));
    const reply = await chat();
    expect(reply.status).toBe(502);
    expect(await reply.text()).not.toMatch(/sk-|Incorrect API key|invalid_api_key/);
    expect(gateway.logLines.some((line) => line.includes("provider_refused_our_key"))).toBe(true);
  });

  test("F27 silence after the headers, then another provider; keep-alives do not count as words", async () => {
    simulator.next("openai", fault.onlyPings(3));
    const reply = await advanceUntil(stream(), 5_000);
    const text = await advanceUntil(reply.text(), 5_000);
    expect(simulator.log.count("openrouter")).toBe(1);
    expect(text).toContain("[DONE]");
  });

  test("CM-6.5.2 F27 a provider that times out costs nothing", async () => {
    const before = await settledBalance();
    for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.hold("headers"));
    const reply = await advanceUntil(stream(), 5_000);
    const text = await advanceUntil(reply.text(), 5_000);
    expect(text).toContain("provider_timeout");
    expect(await settledBalance()).toBe(before);
  });

  test("F41 with every provider down the call is refused for nothing", async () => {
    const before = await settledBalance();
    for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.reset("request"));
    const reply = await chat();
    expect(reply.status).toBe(503);
    expect((await reply.json()).error.code).toBe("no_provider_available");
    expect(await settledBalance()).toBe(before);
  });

  test("an error inside a 200 stream before any content goes to another provider", async () => {
    simulator.next("anthropic", fault.errorEvent(0, 529));
    const reply = await stream({ model: "anthropic/claude-sonnet-4.5" });
    expect(textOf(chunksOf(await reply.text()))).not.toBe("");
    expect(simulator.log.count("openrouter")).toBe(1);
  });
});

describe("after it, an error is part of the stream and the broken answer is free", () => {
  test.each([
    ["F29 the connection breaks", () => fault.reset(5), "provider_error"],
    ["F30 the stream ends without its end", () => fault.truncate(5), "stream_truncated"],
    ["an error event", () => fault.errorEvent(5, 500), "provider_error"],
    ["F34 a single line of 50 MB", () => fault.hugeLine(50_000_000), "provider_error"],
  ])("%s", async (_, make, code) => {
    const before = await settledBalance();
    simulator.next("openai", make().and(long));
    const reply = await stream();
    expect(reply.status).toBe(200);
    const text = await reply.text();
    const [last, alone] = chunksOf(text).slice(-2);
    expect(last.error.code).toBe(code);
    expect(last.choices[0].finish_reason).toBe("error");
    expect(alone).toEqual({ error: last.error });
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(simulator.log.count("openrouter")).toBe(0);
    expect(await settledBalance()).toBe(before);
  });

  test("F28 silence in the middle", async () => {
    simulator.next("openai", fault.hold(5).and(long));
    const reply = await stream();
    const text = await advanceUntil(reply.text(), 5_000);
    expect(chunksOf(text).at(-1).error.code).toBe("provider_timeout");
  });

  test("an Anthropic client gets its own error event", async () => {
    simulator.next("anthropic", fault.reset(5).and(long));
    const reply = await gateway.post("/v1/messages", {
      ...body({ model: "anthropic/claude-sonnet-4.5" }),
      stream: true,
    });
    const text = await reply.text();
    expect(text).toMatch(/event: error\ndata: \{"type":"error","error":\{"type":"api_error"/);
  });
});

describe("what a provider says oddly is understood", () => {
  test("F32 one broken event does not end a stream", async () => {
    simulator.next("openai", fault.garbage(3));
    const chunks = chunksOf((await (await stream()).text()).replace(/data: \{"choices":\[\{"del\n\n/, ""));
    expect(chunks.at(-1).usage.total_tokens).toBeGreaterThan(0);
  });

  test.each([
    ["one byte at a time", fault.slices(1)],
    ["CRLF and a byte order mark", fault.slices(7, "\r\n", true)],
    ["carriage returns alone", fault.slices(5, "\r")],
  ])("F33 R18 %s: the same answer and the same bill", async (_, slices) => {
    const models = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"];
    for (const model of models) {
      const provider =
        { "openai/gpt-4o-mini": "openai", "anthropic/claude-sonnet-4.5": "anthropic" }[model] ?? "google-ai-studio";
      const plain = chunksOf(await (await stream({ model })).text());
      simulator.next(provider, slices);
      const sliced = (await (await stream({ model })).text()).replaceAll("\r\n", "\n").replaceAll("\r", "\n");
      expect(textOf(chunksOf(sliced))).toBe(textOf(plain));
      expect(chunksOf(sliced).at(-1).usage).toEqual(plain.at(-1).usage);
    }
  });

  test("F35 an endless stream is stopped when the balance does not cover more, cleanly and charged within the hold", async () => {
    const poor = await gateway.register("0.002");
    simulator.next("openai", fault.endless());
    const reply = await gateway.post("/v1/chat/completions", body({ stream: true, max_tokens: 1_000 }), {
      authorization: `Bearer ${poor.key}`,
    });
    const text = await reply.text();
    expect(chunksOf(text).findLast(({ choices }) => choices.length > 0).choices[0].finish_reason).toBe("length");
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    await gateway.settled();
    const left = await gateway.balance(poor.accountId);
    expect(left).toBeGreaterThanOrEqual(-100_000n); // a twentieth of the hold
    expect(left).toBeLessThan(1_500_000n);
  });
});

describe("usage", () => {
  const usageOf = async (reply: Response) => chunksOf(await reply.text()).findLast(({ usage }) => usage != null)?.usage;

  test("CM-14.3 what a provider reports is what is charged and told", async () => {
    const reply = await chat();
    const { usage } = await reply.json();
    await gateway.settled();
    const [charge] = await gateway.transactions();
    expect(charge?.detail).toMatchObject({ usage: { source: "provider", output: usage.completion_tokens } });
  });

  test.each([
    ["whole", false],
    ["streamed", true],
  ])("CM-14.2 F37 without any, the estimate is charged and told: %s", async (_, streamed) => {
    simulator.next("openai", fault.usage({ kind: "none" }).and(fault.says("x".repeat(400))));
    const reply = await (streamed ? stream() : chat());
    const usage = streamed ? await usageOf(reply) : (await reply.json()).usage;
    expect(usage.completion_tokens).toBe(100);
    await gateway.settled();
    const [charge] = await gateway.transactions();
    expect(charge?.detail).toMatchObject({ usage: { source: "estimated", output: 100 } });
    expect(Number(charge?.amountNanoUsd) / 1e9).toBeCloseTo(usage.cost, 9);
  });

  test("F36 K18 absurd figures are not believed: the metered text is charged, and the operator is told", async () => {
    for (const value of [-5, 1e18, "many"]) {
      simulator.next("openai", fault.usage({ kind: "absurd", value }));
      await (await stream()).text();
      await gateway.settled();
      const [charge] = await gateway.transactions();
      expect(charge?.detail).toMatchObject({ usage: { source: "estimated" } });
      expect(charge?.amountNanoUsd).toBeLessThan(1_000_000n);
    }
    expect(gateway.logLines.some((line) => line.includes("usage_not_believed"))).toBe(true);
  });
});

describe("a client that leaves", () => {
  /** Sends a streamed call over a socket of its own and cuts it when `seen` shows in the reply. */
  const leaveAfter = (seen: string | null) =>
    new Promise<void>((resolve, reject) => {
      const { port } = new URL(gateway.url);
      const text = JSON.stringify(body({ stream: true }));
      const socket = connect(Number(port), "127.0.0.1", () => {
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.key}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
        );
        if (seen === null)
          void simulator.log
            .nth(1)
            .then((request) => request.held)
            .then(() => socket.resetAndDestroy());
      });
      socket.on("error", reject);
      socket.on("close", () => resolve());
      let received = "";
      socket.on("data", (bytes) => {
        received += bytes.toString();
        if (seen !== null && received.includes(seen)) socket.resetAndDestroy();
      });
    });

  test("F43 before the first byte: the provider is left at once and nothing is charged", async () => {
    const before = await settledBalance();
    simulator.next("openai", fault.hold("request"));
    await leaveAfter(null);
    const request = await simulator.log.nth(1);
    await request.closed;
    expect(request.state).toBe("aborted");
    expect(await settledBalance()).toBe(before);
  });

  test("F44 R7 after some tokens: the provider is left, and what was delivered is charged", async () => {
    const before = await settledBalance();
    simulator.next("openai", fault.hold(10).and(long));
    await leaveAfter('"content":');
    const request = await simulator.log.nth(1);
    await request.closed;
    expect(request.state).toBe("aborted");
    const charged = before - (await settledBalance());
    expect(charged).toBeGreaterThan(0n);
    const [charge] = await gateway.transactions();
    expect(charge?.detail).toMatchObject({ outcome: "client-gone" });
  });
});
