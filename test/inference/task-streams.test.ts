import OpenAI, { toFile } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;
let client: OpenAI;
let before: bigint;
beforeAll(async () => {
  simulator = await startSimulator();
  const environment = { IDLE_TIMEOUT_MS: "400", REQUEST_TIMEOUT_MS: "3000" };
  gateway = await startGateway({ simulator, providers: ["openai", "together", "deepinfra"], environment });
  client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
beforeEach(async () => {
  await gateway.settled();
  before = await gateway.balance();
});
afterEach(async () => {
  simulator.reset();
  await gateway.resetBreakers();
  expect(await gateway.checkLedger()).toEqual([]);
});

const charged = async () => {
  await gateway.settled();
  return before - (await gateway.balance());
};

const speak = (input: string, more: object = {}) =>
  gateway.post("/v1/audio/speech", { model: "openai/tts-1", voice: "alloy", input, ...more });
const transcribe = async () =>
  client.audio.transcriptions.create({
    model: "openai/gpt-4o-mini-transcribe",
    file: await toFile(new Uint8Array(16_000), "a.mp3"),
    stream: true,
  });

describe("a task's stream that does not end well", () => {
  test("F29 a recording that breaks off is broken for its client too, and costs nothing", async () => {
    simulator.next("openai", fault.reset(2));
    const response = await speak("one two three four");
    expect(response.status).toBe(200);
    await response.arrayBuffer().catch(() => {});
    expect(await charged()).toBe(0n);
  });

  test("F27 a recording that stalls is given up", async () => {
    simulator.next("openai", fault.hold(2));
    const response = await speak("one two three four");
    await response.arrayBuffer().catch(() => {});
    expect(await charged()).toBe(0n);
  });

  test("F44 a client that leaves a recording pays for it, and its provider is left", async () => {
    simulator.next("openai", fault.hold(2));
    const response = await speak("one two three four");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await simulator.log.last.closed;
    expect(simulator.log.last.state).toBe("aborted");
    expect(await charged()).toBe(18n * 15_000n);
  });

  test("F29 a transcript without its end is an error in the stream, and costs nothing", async () => {
    simulator.next("openai", fault.withoutEnd());
    const texts: string[] = [];
    const reading = (async () => {
      for await (const event of await transcribe()) texts.push(event.type);
    })();
    await expect(reading).rejects.toThrow("broke off");
    expect(texts.length).toBeGreaterThan(0);
    expect(await charged()).toBe(0n);
  });

  test("an error of the provider in its stream is told in our words", async () => {
    simulator.next("openai", fault.errorEvent(1, 500));
    const reading = (async () => {
      for await (const _ of await transcribe());
    })();
    await expect(reading).rejects.toThrow("The provider reported an error while answering.");
    expect(await charged()).toBe(0n);
  });

  test("cut into single bytes it is the same stream, and the same bill", async () => {
    simulator.next("openai", fault.slices(1, "\r\n"));
    const said: string[] = [];
    for await (const event of await transcribe()) if (event.type === "transcript.text.delta") said.push(event.delta);
    expect(said.join("")).toBe("Heard 16000 bytes.");
    expect(await charged()).toBe(10n * 3_000n + 6n * 5_000n);
  });
});

describe("a last event without the blank line after it", () => {
  const done = { type: "transcript.text.done", text: "heard" };
  const usage = { input_tokens: 20, input_token_details: { text_tokens: 0, audio_tokens: 20 }, output_tokens: 6 };
  const told = `data: ${JSON.stringify({ ...done, usage })}`;

  test.each(["", "\n"])("counts and is passed on (%j)", async (end) => {
    simulator.next("openai", fault.page(200, "text/event-stream", `${told}${end}`));
    const events: string[] = [];
    for await (const event of await transcribe()) events.push(event.type);
    expect(events).toEqual(["transcript.text.done"]);
    expect(await charged()).toBe(20n * 3_000n + 6n * 5_000n);
  });

  test("that is cut short, or is an error, is a failure", async () => {
    for (const [text, message] of [
      [told.slice(0, -4), "broke off"],
      ['data: {"type":"error"}', "reported an error"],
    ] as const) {
      simulator.next("openai", fault.page(200, "text/event-stream", text));
      const reading = (async () => {
        for await (const _ of await transcribe());
      })();
      await expect(reading).rejects.toThrow(message);
    }
    expect(await charged()).toBe(0n);
  });
});

describe("streamed images", () => {
  const IMAGE = { model: "openai/gpt-image-1", prompt: "a ship", quality: "low", size: "1024x1024", stream: true };
  const draw = async (n: number) => (await gateway.post("/v1/images/generations", { ...IMAGE, n })).text();

  test("of several whose tokens are not told each is charged, and what was sent once", async () => {
    simulator.next("openai", fault.usage({ kind: "none" }));
    await draw(1);
    const one = await charged();
    before = await gateway.balance();
    simulator.next("openai", fault.usage({ kind: "none" }));
    expect((await draw(3)).match(/event: image_generation.completed/g)).toHaveLength(3);
    expect((await charged()) - one).toBe(2n * 272n * 40_000n);
  });

  test("F29 a stream that ends before the last of them broke off", async () => {
    const data = JSON.stringify({ type: "image_generation.completed", b64_json: "cGljdHVyZQ==" });
    const event = `event: image_generation.completed\ndata: ${data}\n\n`;
    simulator.next("openai", fault.page(200, "text/event-stream", event));
    const text = await draw(2);
    expect(text.match(/event: image_generation.completed/g)).toHaveLength(1);
    expect(text).toContain("stream_truncated");
    expect(await charged()).toBe(0n);
  });
});

describe("an image's quality that nobody knows", () => {
  test.each(["constructor", "toString", "__proto__"])(
    "%s is the provider's to judge, and counts as none",
    async (quality) => {
      const draw = (more: object) =>
        gateway.post("/v1/images/generations", { model: "flux-schnell", prompt: "a ship", n: 2, ...more });
      expect((await draw({ quality })).status).toBe(200);
      expect(await charged()).toBe(2n * 3_000_000n);
      const counted = await gateway.post("/v1/images/generations", {
        model: "openai/gpt-image-1",
        prompt: "x",
        quality,
      });
      expect(counted.status).toBe(200);
    },
  );
});

describe("a provider of a task that fails before its answer", () => {
  const embed = () => gateway.post("/v1/embeddings", { model: "baai/bge-m3", input: "x" });

  test.each([
    ["F23 a 500", fault.status(500), 502, "provider_error"],
    ["F24 no connection", fault.reset("request"), 503, "no_provider_available"],
    ["F31 a page", fault.html(), 502, "provider_error"],
    ["F31 nothing", fault.empty(), 502, "provider_error"],
    [
      "a JSON that is no answer",
      fault.page(200, "application/json", '{"object":"list","data":[]}'),
      502,
      "provider_error",
    ],
    ["a refusal", fault.status(400), 400, "provider_rejected_request"],
    ["a broken answer", fault.truncate(1), 502, "provider_error"],
  ])("%s", async (_, scripted, status, code) => {
    simulator.next("deepinfra", scripted);
    const response = await embed();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
    expect(await charged()).toBe(0n);
  });

  test("CM-5.1.3 another one answers in its place, unseen", async () => {
    simulator.next("together", fault.status(503));
    const response = await gateway.post("/v1/images/generations", { model: "flux-schnell", prompt: "a ship" });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-gateway-provider")).toBe("deepinfra");
    expect(simulator.log.all.map(({ provider }) => provider)).toEqual(["together", "deepinfra"]);
    expect(await charged()).toBe(3_000_000n);
  });

  test("F27 one that never answers is given up at the request's time", async () => {
    simulator.next("deepinfra", fault.hold("request"));
    const response = await embed();
    expect(response.status).toBe(504);
    expect(await charged()).toBe(0n);
  });
});
