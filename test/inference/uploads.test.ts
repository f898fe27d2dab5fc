import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { checkLedger } from "../../lib/billing/ledger-store.ts";
import type { UpstreamReply, UpstreamRequest } from "../../lib/ports/upstream.ts";
import { createTestApp, type TestApp } from "../http/test-app.ts";

const KEY = { apiKeys: ["provider-key-0123456789"], baseUrl: null, variables: {} };
const MEBIBYTE = 1024 * 1024;
const BOUNDARY = "----client";
const UTF8 = new TextEncoder();

/** A provider under the test's hand: what it is sent, and what it says. */
type Provider = (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamReply>;

let app: TestApp;
let provider: Provider;
let asked: string[];
let fetch: (request: Request) => Promise<Response>;
beforeEach(async () => {
  app = await createTestApp({ providers: { openai: KEY, together: KEY, deepinfra: KEY } });
  asked = [];
  const callUpstream: Provider = (request, signal) => {
    asked.push(new URL(request.url).host);
    return provider(request, signal);
  };
  const hono = createApp(app.gateway, { ...app.ports, callUpstream });
  fetch = async (request) => hono.fetch(request);
});
afterEach(async () => {
  await app.settle();
  expect(await checkLedger(app.ports.database)).toEqual([]);
  const { held } = await app.ports.database.selectFrom("credit_account").select("held").executeTakeFirstOrThrow();
  expect(held).toBe("0");
});

const purchased = async () => {
  await app.settle();
  const row = await app.ports.database.selectFrom("credit_account").select("purchased").executeTakeFirstOrThrow();
  return BigInt(row.purchased);
};

/** A form that the test sends piece by piece. */
class SlowForm {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly request: Request;

  constructor() {
    let taken: ReadableStreamDefaultController<Uint8Array> | null = null;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        taken = controller;
      },
    });
    if (taken === null) throw new Error("A stream's start runs at once.");
    this.#controller = taken;
    const headers = {
      authorization: `Bearer ${app.key}`,
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
    };
    const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
    this.request = new Request("http://gateway.test/v1/audio/transcriptions", init);
  }

  field(name: string, value: string): this {
    return this.say(`\r\n--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}`);
  }

  file(): this {
    const head = 'content-disposition: form-data; name="file"; filename="a.mp3"\r\ncontent-type: audio/mpeg';
    return this.say(`\r\n--${BOUNDARY}\r\n${head}\r\n\r\n`);
  }

  say(bytes: string | Uint8Array): this {
    this.#controller.enqueue(typeof bytes === "string" ? UTF8.encode(bytes) : bytes);
    return this;
  }

  end(): this {
    this.say(`\r\n--${BOUNDARY}--\r\n`);
    this.#controller.close();
    return this;
  }

  breakOff(): void {
    this.#controller.error(new Error("the connection broke"));
  }
}

async function readAll(request: UpstreamRequest, onPiece: (text: string) => void = () => {}): Promise<FormData> {
  const { body } = request;
  if (body === null || typeof body === "string") throw new Error("No stream was sent.");
  const pieces: Uint8Array[] = [];
  for await (const piece of body) {
    pieces.push(piece);
    onPiece(new TextDecoder().decode(piece));
  }
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  return await new Response(Buffer.concat(pieces), { headers }).formData();
}

function replyOf(status: number, text: string, headers: Readonly<Record<string, string>> = {}): UpstreamReply {
  return {
    status,
    header: (name) => ({ "content-type": "application/json", ...headers })[name] ?? null,
    body: {
      text: async () => text,
      cancel: () => {},
      async *[Symbol.asyncIterator]() {
        yield UTF8.encode(text);
      },
    },
  };
}

const HEARD = JSON.stringify({ text: "heard", usage: { type: "duration", seconds: 60 } });

/** Reads to the end, then answers. */
const hears: Provider = async (request) => {
  await readAll(request);
  return replyOf(200, HEARD);
};

describe("uploads", () => {
  test("what has arrived is passed on before the rest has, and the model's name is the provider's", async () => {
    const first = Promise.withResolvers<void>();
    const form = new SlowForm().field("model", "openai/whisper-1").file().say("the beginning");
    let sent: FormData | null = null;
    provider = async (request) => {
      sent = await readAll(request, (text) => {
        if (text.includes("the beginning")) first.resolve();
      });
      return replyOf(200, HEARD);
    };
    const answering = fetch(form.request);
    await first.promise;
    form.say(" and the end").field("language", "de");
    form.end();
    const response = await answering;
    expect(await response.json()).toMatchObject({ text: "heard" });
    const got = sent as FormData | null;
    expect([got?.get("model"), got?.get("language")]).toEqual(["whisper-1", "de"]);
    const file = got?.get("file");
    expect(file instanceof File ? [file.name, file.type, await file.text()] : null).toEqual([
      "a.mp3",
      "audio/mpeg",
      "the beginning and the end",
    ]);
    expect(await purchased()).toBe(5_000_000_000n - 6_000_000n);
  });

  test("a model that comes after the file is waited for, and a second one is replaced too", async () => {
    let sent: FormData | null = null;
    provider = async (request) => {
      sent = await readAll(request);
      return replyOf(200, HEARD);
    };
    const form = new SlowForm().file().say("sound").field("model", "whisper-1").field("model", "gpt-4o");
    expect((await fetch(form.end().request)).status).toBe(200);
    expect((sent as FormData | null)?.getAll("model")).toEqual(["whisper-1", "whisper-1"]);
  });

  test.each(["api_base", "api_key", "extra_headers", "extra_headers[x-a]", "base_url", "organization"])(
    "B78 %s after the file is refused, and never reaches a provider",
    async (name) => {
      for (const model of ["whisper-1", "openai/whisper-large-v3"]) {
        asked = [];
        const first = Promise.withResolvers<void>();
        let sent = "";
        provider = async (request) => {
          await readAll(request, (text) => {
            sent += text;
            if (text.includes("sound")) first.resolve();
          });
          return replyOf(200, HEARD);
        };
        const form = new SlowForm().field("model", model).file().say("sound");
        const answering = fetch(form.request);
        await first.promise;
        form.field(name, "CANARY").end();
        const response = await answering;
        expect(response.status).toBe(400);
        expect(await response.json()).toMatchObject({ error: { code: "forbidden_field", param: name.split("[")[0] } });
        expect(sent).not.toMatch(/CANARY|api_|extra_|base_url|organization/);
        expect(asked).toHaveLength(1);
      }
      expect(await purchased()).toBe(5_000_000_000n);
    },
  );

  test("B78 a file is no way around it", async () => {
    const form = new SlowForm().say(
      `\r\n--${BOUNDARY}\r\ncontent-disposition: form-data; name="api_key"; filename="a"\r\n\r\nCANARY`,
    );
    const response = await fetch(form.field("model", "whisper-1").file().say("sound").end().request);
    expect(await response.json()).toMatchObject({ error: { code: "forbidden_field", param: "api_key" } });
    expect(asked).toEqual([]);
  });

  test("B83 what grows past 25 MB while it is passed on is refused then, and nothing stays held", async () => {
    const form = new SlowForm().field("model", "whisper-1").file();
    provider = hears;
    const answering = fetch(form.request);
    for (let mebibyte = 0; mebibyte < 26; mebibyte++) form.say(new Uint8Array(MEBIBYTE));
    const response = await answering;
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: "body_too_large" } });
    expect(asked).toHaveLength(1);
    expect(await purchased()).toBe(5_000_000_000n);
  });

  test("a form that breaks off is its client's fault: no provider is blamed, nobody else is asked", async () => {
    for (const model of ["whisper-1", "openai/whisper-large-v3"]) {
      asked = [];
      const form = new SlowForm().field("model", model).file().say("the beginning");
      provider = async (request) => {
        form.breakOff();
        return hears(request, new AbortController().signal);
      };
      const response = await fetch(form.request);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: "invalid_request" } });
      expect(asked).toHaveLength(1);
    }
    expect(app.gateway.breakers.state("openai")).toMatchObject({ kind: "closed", consecutiveFailures: 0 });
    expect(await purchased()).toBe(5_000_000_000n);
  });

  test("a provider that fails in the middle of an upload is replaced, and the next gets all of it", async () => {
    const form = new SlowForm().field("model", "openai/whisper-large-v3").file().say("the beginning");
    let sent: FormData | null = null;
    provider = async (request) => {
      if (asked.length === 1) {
        const { body } = request;
        if (body === null || typeof body === "string") throw new Error("No stream was sent.");
        const iterator = body[Symbol.asyncIterator]();
        await iterator.next();
        // It still waits for more when it answers, as a connection does that is sent to and read from at once.
        void iterator.next();
        return replyOf(503, "{}");
      }
      form.say(" and the end").end();
      sent = await readAll(request);
      return replyOf(200, HEARD);
    };
    expect((await fetch(form.request)).status).toBe(200);
    expect(asked).toHaveLength(2);
    const file = (sent as FormData | null)?.get("file");
    expect(file instanceof File ? await file.text() : null).toBe("the beginning and the end");
  });

  test("to the one provider there is an upload is sent once: its 429 is the client's to wait for", async () => {
    for (const headers of [{ "retry-after": "7" }, { "retry-after": "0" }, {}]) {
      asked = [];
      provider = async (request) => {
        await readAll(request);
        return replyOf(429, "{}", headers);
      };
      const response = await fetch(new SlowForm().field("model", "whisper-1").file().say("sound").end().request);
      expect(response.status).toBe(429);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(asked).toHaveLength(1);
    }
    expect(await purchased()).toBe(5_000_000_000n);
  });

  test("a duration that the hold did not foresee is charged all the same, an absurd one is not", async () => {
    const ask = async (seconds: number) => {
      provider = async (request) => {
        await readAll(request);
        return replyOf(200, JSON.stringify({ text: "heard", usage: { type: "duration", seconds } }));
      };
      const before = await purchased();
      const form = new SlowForm().field("model", "whisper-1").file().say(new Uint8Array(MEBIBYTE)).end();
      expect((await fetch(form.request)).status).toBe(200);
      return before - (await purchased());
    };
    expect(await ask(600)).toBe(60_000_000n); // ten minutes where the size speaks of one
    expect(await ask(1e9)).toBe(6_291_500n); // 1,048,576 bytes at a megabyte a minute, to the millisecond
    expect(await ask(-5)).toBe(6_291_500n);
  });
});
