import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { createKey } from "../../lib/accounts/create-key.ts";
import { checkLedger } from "../../lib/billing/ledger-store.ts";
import type { ErrorCode } from "../../lib/errors/error-catalog.ts";
import { expectRefused } from "./expect-refused.ts";
import { createTestApp, post, type TestApp } from "./test-app.ts";

const EMBEDDINGS = "/v1/embeddings";
const IMAGES = "/v1/images/generations";
const EDITS = "/v1/images/edits";
const TRANSCRIPTIONS = "/v1/audio/transcriptions";
const SPEECH = "/v1/audio/speech";
const MEBIBYTE = 1024 * 1024;

let app: TestApp;
let poorKey: string;
beforeAll(async () => {
  app = await createTestApp();
  await insertAccount(app.ports.database, { id: "acct_poor", name: "P", email: null });
  const wish = {
    accountId: "acct_poor",
    name: "p",
    environment: "dev",
    requestsPerMinute: 250,
    expiresAt: null,
  } as const;
  poorKey = (await createKey(app.ports, app.gateway.hasher, wish)).apiKey;
});
afterAll(async () => {
  const rows = await app.ports.database
    .selectFrom("credit_account")
    .select(["purchased", "held"])
    .orderBy("purchased")
    .execute();
  expect(rows).toEqual(["0", "5000000000"].map((purchased) => ({ purchased, held: "0" })));
  expect(await checkLedger(app.ports.database)).toEqual([]);
});

const send = (path: string, body: unknown) => post(path, body, { authorization: `Bearer ${app.key}` });

/** A form's POST, without a length. */
async function sendForm(
  path: string,
  form: FormData | ReadableStream<Uint8Array>,
  contentType: string | null = null,
): Promise<Request> {
  const headers = new Headers({ authorization: `Bearer ${app.key}` });
  // A request of the runtime's own form would go on sending after it was refused.
  const encoded = form instanceof FormData ? new Response(form) : null;
  headers.set("content-type", contentType ?? encoded?.headers.get("content-type") ?? "");
  const body = encoded === null ? form : inPieces(new Uint8Array(await encoded.arrayBuffer()));
  const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
  return new Request(`http://gateway.test${path}`, init);
}

const PIECE = 64 * 1024;

function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.byteLength) return controller.close();
      controller.enqueue(bytes.subarray(at, at + PIECE));
      at += PIECE;
    },
  });
}

function formOf(fields: Readonly<Record<string, string | Blob>>, filename = "speech.mp3"): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") form.set(name, value);
    else form.set(name, value, filename);
  }
  return form;
}

const EMBED = { model: "openai/text-embedding-3-small", input: "x" };
const IMAGE = { model: "openai/gpt-image-1", prompt: "x" };
const SPEAK = { model: "openai/tts-1", input: "x", voice: "alloy" };

describe("JSON bodies", () => {
  test.each<[string, object, ErrorCode, string | null]>([
    [EMBEDDINGS, { model: EMBED.model }, "missing_field", "input"],
    [EMBEDDINGS, { input: "x" }, "missing_field", "model"],
    [EMBEDDINGS, { ...EMBED, input: [] }, "too_few_items", "input"],
    [EMBEDDINGS, { ...EMBED, input: "" }, "empty_string", "input"],
    [EMBEDDINGS, { ...EMBED, input: ["a", ""] }, "empty_string", "input[1]"],
    [EMBEDDINGS, { ...EMBED, input: Array.from({ length: 2049 }, () => "a") }, "too_many_items", "input"],
    [EMBEDDINGS, { ...EMBED, input: [[1], []] }, "too_few_items", "input[1]"],
    [EMBEDDINGS, { ...EMBED, input: { text: "x" } }, "invalid_type", "input"],
    [EMBEDDINGS, { ...EMBED, dimensions: 0 }, "out_of_range", "dimensions"],
    [EMBEDDINGS, { ...EMBED, encoding_format: "hex" }, "invalid_enum", "encoding_format"],
    [EMBEDDINGS, { ...EMBED, input: "x".repeat(40_000) }, "context_length_exceeded", "input"],
    [EMBEDDINGS, { ...EMBED, api_base: "https://x" }, "forbidden_field", "api_base"],
    [EMBEDDINGS, { ...EMBED, model: "openai/none-such" }, "model_not_found", "model"],
    [EMBEDDINGS, { ...EMBED, model: "openai/gpt-4o" }, "wrong_endpoint", "model"],
    [EMBEDDINGS, { ...EMBED, model: "mistralai/mistral-embed" }, "no_provider_available", null],
    ["/v1/moderations", {}, "missing_field", "input"],
    [
      "/v1/moderations",
      { input: [{ type: "image_url", image_url: { url: "http://169.254.169.254/" } }] },
      "url_not_allowed",
      "input[0].image_url.url",
    ],
    ["/v1/rerank", { model: "x/y", documents: ["a"] }, "missing_field", "query"],
    ["/v1/rerank", { model: "x/y", query: "a", documents: [] }, "too_few_items", "documents"],
    [IMAGES, { model: IMAGE.model }, "missing_field", "prompt"],
    [IMAGES, { ...IMAGE, n: 0 }, "out_of_range", "n"],
    [IMAGES, { ...IMAGE, n: 11 }, "out_of_range", "n"],
    [IMAGES, { ...IMAGE, size: "huge" }, "invalid_value", "size"],
    [IMAGES, { ...IMAGE, response_format: "png" }, "invalid_enum", "response_format"],
    [SPEECH, { ...SPEAK, input: "" }, "invalid_type", "input"],
    [SPEECH, { ...SPEAK, speed: 9 }, "out_of_range", "speed"],
    [SPEECH, { ...SPEAK, input: "x".repeat(50_001) }, "string_too_long", "input"],
    ["/v1/chat/completions", { model: "tts-1", messages: [{ role: "user", content: "x" }] }, "wrong_endpoint", "model"],
  ])("B85 and its kin: %s %j", async (path, body, code, param) => {
    expect((await expectRefused(app, send(path, body), code)).param).toBe(param);
  });

  test.each(["127.0.0.1", "2130706433", "[::1]", "metadata", "x.internal", "a.b:22", "u@a.example", "１２７.0.0.1"])(
    "B79 B80 no URL of %s reaches a provider",
    async (host) => {
      const input = [{ type: "image_url", image_url: { url: `https://${host}/a.png` } }];
      await expectRefused(app, send("/v1/moderations", { input }), "url_not_allowed");
    },
  );

  test("a model without a price is not served", async () => {
    await sql`update model_offer set price_version = null where model_id = 'openai/tts-1-hd'`.execute(
      app.ports.database,
    );
    await expectRefused(app, send(SPEECH, { ...SPEAK, model: "openai/tts-1-hd" }), "model_pricing_missing");
  });
});

describe("without credit: 402, and no provider is called", () => {
  const poor = (request: Request) => {
    request.headers.set("authorization", `Bearer ${poorKey}`);
    return request;
  };

  test("CM-15.2 images, embeddings, speech", async () => {
    for (const [path, body] of [
      [IMAGES, IMAGE],
      [EMBEDDINGS, EMBED],
      [SPEECH, SPEAK],
    ] as const) {
      await expectRefused(app, poor(send(path, body)), "insufficient_credits");
    }
  });

  test("CM-15.2 recordings and edits", async () => {
    const file = new Blob([new Uint8Array(1000)]);
    await expectRefused(
      app,
      poor(await sendForm(TRANSCRIPTIONS, formOf({ model: "whisper-1", file }))),
      "insufficient_credits",
    );
    const edit = formOf({ ...IMAGE, image: file }, "a.png");
    await expectRefused(app, poor(await sendForm(EDITS, edit)), "insufficient_credits");
  });

  test("an image needs 1.1 times its price to be there", async () => {
    // 6,240 tokens at 40 USD a million, a prompt of one token, and a tenth on top.
    const { message } = await expectRefused(app, poor(send(IMAGES, IMAGE)), "insufficient_credits");
    expect(message).toContain("$0.2745655");
  });
});

describe("forms", () => {
  const file = new Blob([new Uint8Array(100)]);

  test.each<[string, Readonly<Record<string, string | Blob>>, ErrorCode, string]>([
    [TRANSCRIPTIONS, { file }, "missing_field", "model"],
    [TRANSCRIPTIONS, { model: "whisper-1" }, "missing_field", "file"],
    [TRANSCRIPTIONS, { model: "whisper-1", temperature: "hot", file }, "invalid_type", "temperature"],
    [TRANSCRIPTIONS, { model: "whisper-1", base_url: "https://x", file }, "forbidden_field", "base_url"],
    [TRANSCRIPTIONS, { model: "gpt-4o", file }, "wrong_endpoint", "model"],
    [TRANSCRIPTIONS, { file, model: "none" }, "model_not_found", "model"],
    [EDITS, { model: "openai/gpt-image-1", image: file }, "missing_field", "prompt"],
    [EDITS, { ...IMAGE }, "missing_field", "image"],
    [EDITS, { ...IMAGE, n: "12", image: file }, "out_of_range", "n"],
  ])("%s %j", async (path, fields, code, param) => {
    expect((await expectRefused(app, await sendForm(path, formOf(fields)), code)).param).toBe(param);
  });

  test("a file that is no recording", async () => {
    const form = formOf({ model: "whisper-1", file }, "notes.txt");
    expect((await expectRefused(app, await sendForm(TRANSCRIPTIONS, form), "invalid_value")).param).toBe("file");
  });

  test("B24 B27 another content type, or an encoding", async () => {
    await expectRefused(app, send(TRANSCRIPTIONS, { model: "whisper-1" }), "unsupported_media_type");
    const request = await sendForm(TRANSCRIPTIONS, formOf({ model: "whisper-1", file }));
    request.headers.set("content-encoding", "gzip");
    await expectRefused(app, request, "unsupported_encoding");
  });

  const stream = (text: string) => new Blob([text]).stream();
  test("B84 no boundary, no end, broken heads, a thousand parts", async () => {
    const type = "multipart/form-data; boundary=b";
    const part = '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n';
    const broken = ["", "nothing of a form", part, part.replace("; name", "; nome"), part.repeat(1000)];
    await expectRefused(app, await sendForm(TRANSCRIPTIONS, stream(part), "multipart/form-data"), "invalid_multipart");
    for (const text of broken) {
      await expectRefused(app, await sendForm(TRANSCRIPTIONS, stream(text), type), "invalid_multipart");
    }
  });

  test("B83 a recording of 26 MB, with a Content-Length or without, and images of more than 50 MB", async () => {
    const large = new Blob([new Uint8Array(26 * MEBIBYTE)]);
    const stated = await sendForm(TRANSCRIPTIONS, formOf({ file: large, model: "whisper-1" }));
    stated.headers.set("content-length", String(26 * MEBIBYTE));
    await expectRefused(app, stated, "body_too_large");
    await expectRefused(
      app,
      await sendForm(TRANSCRIPTIONS, formOf({ file: large, model: "whisper-1" })),
      "body_too_large",
    );
    const edit = formOf({ ...IMAGE, image: new Blob([new Uint8Array(51 * MEBIBYTE)]) }, "a.png");
    await expectRefused(app, await sendForm(EDITS, edit), "body_too_large");
  });

  test("B39 a form that stalls", async () => {
    const stalled = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("--b\r\n"));
      },
    });
    const refused = expectRefused(
      app,
      await sendForm(TRANSCRIPTIONS, stalled, "multipart/form-data; boundary=b"),
      "request_timeout",
    );
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    app.clock.advance(30_000);
    await refused;
  });

  test("who is not known is told so before anything of an upload is read", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1000));
        },
      },
      { highWaterMark: 0 },
    );
    const request = await sendForm(TRANSCRIPTIONS, body, "multipart/form-data; boundary=b");
    request.headers.set("authorization", `Bearer ${app.key.slice(0, -1)}x`);
    await expectRefused(app, request, "invalid_api_key");
    expect(pulled).toBe(0);
  });
});
