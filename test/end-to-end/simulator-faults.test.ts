import { Agent, type IncomingMessage, request as sendRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fault, type ScriptedFault } from "../support/simulator/fault.ts";
import { providerKey } from "../support/simulator/provider-access.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());
beforeEach(() => simulator.reset());

interface Seen {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly pieces: number;
  /** How it ended: whole, or with this error's code. */
  readonly ended: string;
}

const agent = new Agent({ keepAlive: false });

/** Sends one request over a bare socket and keeps what comes, to its end or to its break. */
function ask(body: object, onPiece?: (text: string, leave: () => void) => void): Promise<Seen> {
  return new Promise((resolve) => {
    const request = sendRequest(`${simulator.openAiBaseUrl}/chat/completions`, {
      method: "POST",
      agent,
      headers: { "content-type": "application/json", authorization: `Bearer ${providerKey("openai")}` },
    });
    let status = 0;
    let headers: IncomingMessage["headers"] = {};
    let text = "";
    let pieces = 0;
    const end = (ended: string) => resolve({ status, headers, text, pieces, ended });
    const fail = (error: NodeJS.ErrnoException) => end(error.code ?? error.message);
    request.on("error", fail);
    request.on("response", (response) => {
      status = response.statusCode ?? 0;
      headers = response.headers;
      response.on("data", (piece: Buffer) => {
        text += piece.toString("latin1");
        pieces += 1;
        onPiece?.(text, () => request.destroy());
      });
      response.on("end", () => end("whole"));
      response.on("error", fail);
    });
    request.end(JSON.stringify(body));
  });
}

const whole = { model: "gpt-4o-mini", messages: [{ role: "user", content: "count to 9" }] };
const stream = { ...whole, stream: true, stream_options: { include_usage: true } };

function meets(scripted: ScriptedFault, body: object = stream): Promise<Seen> {
  simulator.next("openai", scripted);
  return ask(body);
}

describe("the simulator's faults", () => {
  test("statuses with the vendor's body and headers, as often as asked", async () => {
    simulator.next("openai", fault.rateLimited(7).times(2));
    for (let call = 0; call < 2; call += 1) {
      const seen = await ask(whole);
      expect(seen).toMatchObject({ status: 429, headers: { "retry-after": "7" } });
      expect(JSON.parse(seen.text)).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    }
    expect(await ask(whole)).toMatchObject({ status: 200 });
  });

  test("a queue by model comes before the provider's", async () => {
    simulator.script.forModel("gpt-4o-mini", fault.status(503));
    simulator.script.always("openai", fault.status(500));
    expect((await ask(whole)).status).toBe(503);
    expect((await ask(whole)).status).toBe(500);
  });

  test.each([
    ["request", { status: 0, ended: "ECONNRESET" }],
    ["headers", { status: 200, text: "", ended: "ECONNRESET" }],
    [3, { status: 200, ended: "ECONNRESET" }],
  ] as const)("reset after %s", async (place, expected) => {
    const seen = await meets(fault.reset(place));
    expect(seen).toMatchObject(expected);
    expect(contents(seen)).toBe(place === 3 ? 3 : 0);
  });

  test("a reset after a hold comes when the client has read what there was", async () => {
    simulator.next("openai", fault.hold(2).and(fault.reset(2)));
    const seen = await ask(stream, (text) => {
      if (contents({ text }) === 2) simulator.release();
    });
    expect(seen.ended).toBe("ECONNRESET");
    expect(contents(seen)).toBe(2);
  });

  test("a whole reply is cut in its middle", async () => {
    expect(await meets(fault.reset(1), whole)).toMatchObject({ status: 200, ended: "ECONNRESET" });
    const truncated = await meets(fault.truncate(1), whole);
    expect(truncated.ended).toBe("whole");
    expect(() => JSON.parse(truncated.text)).toThrow(SyntaxError);
  });

  test("a hold lasts until it is released", async () => {
    simulator.next("openai", fault.hold(2));
    const asked = ask(stream);
    const request = await simulator.log.nth(1);
    await request.held;
    expect(request.state).toBe("open");
    simulator.release();
    expect((await asked).text).toContain("[DONE]");
    await request.closed;
    expect(request.state).toBe("finished");
  });

  test("a hold ends when the client leaves, and is recorded as aborted", async () => {
    simulator.next("openai", fault.hold(2));
    await ask(stream, (_, leave) => leave());
    const request = await simulator.log.nth(1);
    await request.closed;
    expect(request.state).toBe("aborted");
  });

  test("truncation, with and without a finish reason", async () => {
    expect(contents(await meets(fault.truncate(4)))).toBe(4);
    const withoutEnd = await meets(fault.withoutEnd());
    expect(withoutEnd.text).toContain('"finish_reason":"stop"');
    expect(withoutEnd.text).not.toContain("[DONE]");
    expect((await meets(fault.withoutFinish())).text).not.toContain('"finish_reason":"stop"');
  });

  test("slices change the bytes' arrival and the line ends, not the events", async () => {
    const plain = await ask(stream);
    simulator.reset();
    const sliced = await meets(fault.slices(1, "\r\n", true));
    expect(sliced.pieces).toBeGreaterThan(plain.pieces);
    expect(sliced.text.startsWith("\u00ef\u00bb\u00bf")).toBe(true);
    expect(sliced.text.slice(3).replaceAll("\r\n", "\n")).toBe(plain.text);
  });

  test("foreign data, an error event, keep-alives", async () => {
    expect((await meets(fault.garbage(2))).text).toContain('data: {"choices":[{"del\n\n');
    const failed = await meets(fault.errorEvent(2, 503));
    expect(contents(failed)).toBe(2);
    expect(failed.text).toMatch(/data: \{"error":.*\n\n$/);
    expect(contents(await meets(fault.errorEvent(0, 503)))).toBe(0);
    simulator.next("openai", fault.onlyPings(3));
    const pinged = ask(stream);
    await (await simulator.log.nth(simulator.log.all.length + 1)).held;
    simulator.release();
    expect((await pinged).text.startsWith(": keep-alive\n\n".repeat(3))).toBe(true);
  });

  test("usage: none, twice, early, absurd", async () => {
    const usages = (seen: Seen) => seen.text.match(/"usage":\{/g)?.length ?? 0;
    expect(usages(await meets(fault.usage({ kind: "none" })))).toBe(0);
    expect(usages(await meets(fault.usage({ kind: "twice" })))).toBe(2);
    const early = await meets(fault.usage({ kind: "early" }));
    expect(early.text.indexOf('"usage":{')).toBeLessThan(early.text.indexOf('"content":"1"'));
    expect((await meets(fault.usage({ kind: "absurd", value: -5 }))).text).toContain('"prompt_tokens":-5');
  });

  test("a page, a redirect, nothing at all, a bomb", async () => {
    expect(await meets(fault.html())).toMatchObject({ status: 200, headers: { "content-type": "text/html" } });
    expect(await meets(fault.redirect("http://elsewhere.invalid/"))).toMatchObject({
      status: 302,
      headers: { location: "http://elsewhere.invalid/" },
    });
    expect(await meets(fault.empty())).toMatchObject({ status: 200, text: "" });
    const bomb = await meets(fault.gzipBomb(20 * 1024 * 1024));
    expect(bomb.headers["content-encoding"]).toBe("gzip");
    expect(bomb.text.length).toBeLessThan(100_000);
  });

  test("an endless stream stops when its client does", async () => {
    simulator.next("openai", fault.endless());
    await ask(stream, (text, leave) => {
      if (text.length > 1_000_000) leave();
    });
    const request = await simulator.log.nth(1);
    await request.closed;
    expect(request.state).toBe("aborted");
  });

  test("another process steers it over HTTP", async () => {
    const order = (body: object) =>
      fetch(`${simulator.url}/__faults`, { method: "POST", body: JSON.stringify(body) }).then(({ status }) => status);
    expect(await order({ provider: "openai", behaviour: { status: 503 }, times: 2 })).toBe(200);
    expect([(await ask(whole)).status, (await ask(whole)).status, (await ask(whole)).status]).toEqual([503, 503, 200]);
    expect(await order({ provider: "openai", behaviour: { unknown: 1 } })).toBe(400);
  });
});

function contents(seen: Pick<Seen, "text">): number {
  return seen.text.match(/"delta":\{"content":"[^"]/g)?.length ?? 0;
}
