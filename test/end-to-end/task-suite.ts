import OpenAI, { APIError, toFile } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { PICTURE, RECORDED_PIECE, vectorOf } from "../support/simulator/tasks.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../support/start-gateway.ts";
import type { StoreKind } from "../support/test-stores.ts";
import { collect } from "./collect.ts";

const PROVIDERS = ["openai", "google-ai-studio", "groq", "together", "deepinfra"];

function sizeOf(file: FormDataEntryValue | null | undefined): number {
  return file instanceof File ? file.size : -1;
}

/** What the official client must be able to do besides chat, through a gateway of this runtime. */
export function describeTasksThroughGateway(
  runtime: NonNullable<GatewayOptions["runtime"]>,
  stores: StoreKind = "embedded",
): void {
  describe(`tasks through the gateway on ${runtime}`, () => {
    let simulator: Simulator;
    let gateway: TestGateway;
    let client: OpenAI;

    beforeAll(async () => {
      simulator = await startSimulator();
      gateway = await startGateway({ simulator, runtime, stores, providers: PROVIDERS });
      client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    });
    afterAll(async () => {
      await gateway.stop();
      await simulator.close();
    });
    afterEach(async () => {
      simulator.reset();
      await gateway.resetBreakers();
      expect(await gateway.checkLedger()).toEqual([]);
    });

    /** What a call took off the balance, nano-dollars. */
    const chargeOf = async (call: () => Promise<unknown>): Promise<bigint> => {
      await gateway.settled();
      const before = await gateway.balance();
      await call();
      await gateway.settled();
      return before - (await gateway.balance());
    };
    const recording = (bytes: number, name = "speech.mp3") => toFile(new Uint8Array(bytes).fill(7), name);

    test("embeddings, in base64 as the client asks unasked, and as numbers", async () => {
      for (const encoding_format of [undefined, "float", "base64"] as const) {
        const reply = await client.embeddings.create({
          model: "openai/text-embedding-3-small",
          input: ["one", "zwei"],
          dimensions: 5,
          ...(encoding_format === undefined ? {} : { encoding_format }),
        });
        const expected = ["one", "zwei"].map((text) => vectorOf(text, 5));
        const got = reply.data.map(({ embedding }) =>
          typeof embedding === "string"
            ? [...new Float32Array(Uint8Array.from(Buffer.from(embedding, "base64")).buffer)]
            : embedding,
        );
        expect(got).toEqual(expected);
        expect(reply.usage.prompt_tokens).toBe(2);
        expect(simulator.log.last.body).toMatchObject({ model: "text-embedding-3-small", dimensions: 5 });
      }
    });

    test("embeddings from a server that knows no base64, and from Gemini, come as the client asks all the same", async () => {
      for (const model of ["baai/bge-m3", "google/gemini-embedding-001"]) {
        const unasked = await client.embeddings.create({ model, input: "text" });
        const numbers = await client.embeddings.create({ model, input: "text", encoding_format: "float" });
        for (const reply of [unasked, numbers]) expect(reply.data[0]?.embedding).toEqual(vectorOf("text", 8));
      }
    });

    test("CM-14.3 embeddings are charged by the tokens that the provider counted, CM-14.2 else by the estimate", async () => {
      const model = "openai/text-embedding-3-large"; // 130 nano-dollars a token
      const ask = () => client.embeddings.create({ model, input: "0123456789".repeat(40) });
      expect(await chargeOf(ask)).toBe(67n * 130n);
      simulator.next("openai", fault.usage({ kind: "none" }));
      expect(await chargeOf(ask)).toBe(100n * 130n);
      simulator.next("openai", fault.usage({ kind: "absurd", value: 1e15 }));
      expect(await chargeOf(ask)).toBe(100n * 130n);
    });

    test("tokens in place of text reach a provider that takes them", async () => {
      const reply = await client.embeddings.create({ model: "openai/text-embedding-3-small", input: [[1, 2], [3]] });
      expect(reply.data).toHaveLength(2);
      expect(simulator.log.last.body["input"]).toEqual([[1, 2], [3]]);
    });

    test("moderations cost nothing and need no model's name", async () => {
      const charge = await chargeOf(async () => {
        const reply = await client.moderations.create({ input: ["hello", "I will kill you"] });
        expect(reply.results.map(({ flagged }) => flagged)).toEqual([false, true]);
        expect(simulator.log.last.body["model"]).toBe("omni-moderation-latest");
      });
      expect(charge).toBe(0n);
    });

    test("rerank", async () => {
      const charge = await chargeOf(async () => {
        const documents = ["Rome is old", "Paris is the capital of France", "Capital letters"];
        const query = "capital of France";
        const response = await gateway.post("/v1/rerank", {
          model: "salesforce/llama-rank-v1",
          query,
          documents,
          top_n: 2,
        });
        expect(response.status).toBe(200);
        const reply: unknown = await response.json();
        expect(reply).toMatchObject({ results: [{ index: 1, relevance_score: 1 }, { index: 2 }] });
      });
      expect(charge).toBeGreaterThan(0n);
    });

    test("CM-15.1 images are made and charged: by size and quality where they are priced so", async () => {
      const model = "stabilityai/sd3.5-large"; // 0.035 USD an image
      const reply = await client.images.generate({ model, prompt: "a ship", n: 2 });
      expect(reply.data?.map(({ b64_json }) => b64_json)).toEqual([PICTURE, PICTURE]);
      const price = 35_000_000n;
      const ask = (size: "256x256" | "1024x1024" | "1792x1024", quality: "standard" | "hd") => () =>
        client.images.generate({ model, prompt: "a ship", size, quality });
      expect(await chargeOf(ask("1024x1024", "standard"))).toBe(price);
      expect(await chargeOf(ask("256x256", "standard"))).toBe(price / 2n);
      expect(await chargeOf(ask("1792x1024", "hd"))).toBe(price * 3n);
    });

    test("CM-15.1 images are charged by their tokens where the model counts those", async () => {
      const charge = await chargeOf(async () => {
        const { usage } = await client.images.generate({ model: "openai/gpt-image-1", prompt: "a ship", n: 2 });
        expect(usage).toMatchObject({ output_tokens: 544, cost: 0.02201 });
      });
      expect(charge).toBe(50n * 5_000n + 544n * 40_000n);
    });

    test("partial images are passed on as they come, and charged at their end", async () => {
      const charge = await chargeOf(async () => {
        const stream = await client.images.generate({
          model: "openai/gpt-image-1",
          prompt: "a ship",
          stream: true,
          partial_images: 2,
        });
        const types = (await collect(stream)).map(({ type }) => type);
        expect(types).toEqual([
          "image_generation.partial_image",
          "image_generation.partial_image",
          "image_generation.completed",
        ]);
      });
      expect(charge).toBe(50n * 5_000n + 272n * 40_000n);
    });

    test("images by Imagen come in OpenAI's shape", async () => {
      const charge = await chargeOf(async () => {
        const reply = await client.images.generate({
          model: "google/imagen-4.0-generate-001",
          prompt: "a ship",
          n: 2,
          size: "1792x1024",
        });
        expect(reply.data).toEqual([{ b64_json: PICTURE }, { b64_json: PICTURE }]);
        expect(simulator.log.last.body).toEqual({
          instances: [{ prompt: "a ship" }],
          parameters: { sampleCount: 2, aspectRatio: "16:9" },
        });
      });
      expect(charge).toBe(40_000_000n * 3n);
    });

    test("an edit sends its images on, names and bytes as they were", async () => {
      const charge = await chargeOf(async () => {
        const image = [await toFile(Buffer.from("first"), 'a "1".png', { type: "image/png" })];
        image.push(await toFile(Buffer.from("second"), "b.png", { type: "image/png" }));
        const reply = await client.images.edit({ model: "openai/gpt-image-1", image, prompt: "more sail", n: 1 });
        expect(reply.data?.[0]?.b64_json).toBe(PICTURE);
      });
      const form = simulator.log.last.form;
      expect(form?.get("model")).toBe("gpt-image-1");
      const files = form?.getAll("image[]") as File[];
      expect(files.map(({ name, type }) => [name, type])).toEqual([
        ['a "1".png', "image/png"],
        ["b.png", "image/png"],
      ]);
      expect(await Promise.all(files.map((file) => file.text()))).toEqual(["first", "second"]);
      expect(charge).toBe(10n * 5_000n + 40n * 10_000n + 272n * 40_000n);
    });

    test("CM-15.3 a transcription has its text, and is charged by the duration that is reported", async () => {
      const charge = await chargeOf(async () => {
        const file = await recording(480_000);
        const reply = await client.audio.transcriptions.create({ file, model: "openai/whisper-1", language: "en" });
        expect(reply.text).toBe("Heard 480000 bytes.");
        const form = simulator.log.last.form;
        expect([form?.get("model"), form?.get("language")]).toEqual(["whisper-1", "en"]);
      });
      expect(charge).toBe(3_000_000n); // 30 s of 0.006 USD a minute
    });

    test("a transcription as text, subtitles and verbose JSON", async () => {
      const ask = async (response_format: "text" | "srt" | "vtt" | "verbose_json"): Promise<unknown> =>
        client.audio.transcriptions.create({ file: await recording(32_000), model: "whisper-1", response_format });
      expect(await ask("text")).toBe("Heard 32000 bytes.\n");
      expect(await ask("srt")).toContain("-->");
      expect(await ask("vtt")).toMatch(/^WEBVTT/);
      expect(await ask("verbose_json")).toMatchObject({ text: "Heard 32000 bytes.", duration: 2, segments: [] });
    });

    test("CM-14.2 a transcription whose duration is not reported is charged by the file's size", async () => {
      const create = async () =>
        client.audio.transcriptions.create({
          file: await recording(1_500_000),
          model: "whisper-1",
          response_format: "text",
        });
      expect(await chargeOf(create)).toBe(9_000_000n); // a minute and a half
    });

    test("a transcription is streamed, and charged by the tokens at its end", async () => {
      const charge = await chargeOf(async () => {
        const stream = await client.audio.transcriptions.create({
          file: await recording(16_000),
          model: "openai/gpt-4o-mini-transcribe",
          stream: true,
        });
        const events = await collect(stream);
        const said = events.flatMap((event) => (event.type === "transcript.text.delta" ? [event.delta] : []));
        expect(said.join("")).toBe("Heard 16000 bytes.");
        expect(events.at(-1)?.type).toBe("transcript.text.done");
      });
      expect(charge).toBe(10n * 3_000n + 6n * 5_000n);
    });

    test("a translation", async () => {
      const file = await recording(16_000, "rede.wav");
      const reply = await client.audio.translations.create({ file, model: "openai/whisper-1" });
      expect(reply.text).toBe("Heard 16000 bytes.");
    });

    test("speech comes byte for byte, and is charged by its characters", async () => {
      const charge = await chargeOf(async () => {
        const input = "one two three";
        const response = await client.audio.speech.create({ model: "openai/tts-1", voice: "alloy", input });
        expect(response.headers.get("content-type")).toBe("audio/mpeg");
        const bytes = Buffer.from(await response.arrayBuffer());
        expect(bytes).toEqual(Buffer.concat([RECORDED_PIECE, RECORDED_PIECE, RECORDED_PIECE]));
      });
      expect(charge).toBe(13n * 15_000n);
    });

    test("speech in events is charged by its tokens", async () => {
      const charge = await chargeOf(async () => {
        const response = await client.audio.speech.create({
          model: "openai/gpt-4o-mini-tts",
          voice: "alloy",
          input: "one two",
          stream_format: "sse",
        });
        expect(await response.text()).toContain("speech.audio.done");
      });
      expect(charge).toBe(4n * 600n + 50n * 12_000n);
    });

    test("a call that its model is not for names the endpoint that it is for", async () => {
      const messages = [{ role: "user" as const, content: "hi" }];
      const wrong: readonly (readonly [() => Promise<unknown>, string])[] = [
        [() => client.chat.completions.create({ model: "text-embedding-3-small", messages }), "/v1/embeddings"],
        [() => client.embeddings.create({ model: "gpt-4o-mini", input: "x" }), "/v1/chat/completions"],
        [() => client.images.generate({ model: "whisper-1", prompt: "x" }), "/v1/audio/transcriptions"],
      ];
      for (const [call, endpoint] of wrong) {
        const error = await call().catch((thrown: unknown) => thrown);
        if (!(error instanceof APIError)) throw new Error("It was not refused.");
        expect([error.status, error.code]).toEqual([400, "wrong_endpoint"]);
        expect(error.message).toContain(endpoint);
      }
      expect(simulator.log.all).toEqual([]);
    });

    test("CM-10.3.2 headers: who answered, what it cost, what is left of the minute", async () => {
      const { response } = await client.embeddings
        .create({ model: "openai/text-embedding-3-small", input: "x" })
        .withResponse();
      for (const name of ["x-request-id", "x-generation-id", "x-ratelimit-remaining", "server-timing"]) {
        expect(response.headers.get(name)).toBeTruthy();
      }
      expect(response.headers.get("x-gateway-provider")).toBe("openai");
      expect(response.headers.get("x-gateway-cost")).toBe("0.00000002");
    });

    test("a provider that fails is replaced, and the next one gets the same upload", async () => {
      const model = "openai/whisper-large-v3";
      simulator.next("together", fault.status(503));
      const reply = await client.audio.transcriptions.create({ model, file: await recording(100_000) });
      expect(reply.text).toBe("Heard 100000 bytes.");
      const asked = simulator.log.all.map(({ provider }) => provider);
      expect(asked).toHaveLength(2);
      expect(asked[0]).toBe("together");
      const sent = simulator.log.all.map(({ form }) => sizeOf(form?.get("file")));
      expect(sent).toEqual([100_000, 100_000]);
    });
  });
}
