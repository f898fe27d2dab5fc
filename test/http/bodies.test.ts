import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHAT, expectRefused, expectUncharged, MESSAGES, VALID_BODY } from "./expect-refused.ts";
import { createTestApp, get, post, type TestApp } from "./test-app.ts";

const MAX_BODY_BYTES = 4_000_000;

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp({ maxBodyBytes: MAX_BODY_BYTES });
});
afterAll(() => expectUncharged(app));

/** A POST whose body arrives piece by piece, without a length. */
function chunked(
  path: string,
  body: ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Request {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${app.key}`, ...headers },
    body,
    duplex: "half",
  } satisfies RequestInit & { duplex: "half" };
  return new Request(`http://gateway.test${path}`, init);
}

describe.each([CHAT, MESSAGES])("bodies on %s", (path) => {
  const send = (body: unknown, headers: Readonly<Record<string, string | null>> = {}) =>
    post(path, body, { authorization: `Bearer ${app.key}`, ...headers });

  test("B21 an unknown path", async () => {
    await expectRefused(app, post(`${path}/more`, VALID_BODY, { authorization: `Bearer ${app.key}` }), "unknown_route");
    await expectRefused(app, get(`${path}x`), "unknown_route");
  });

  test("B22 paths that merely look like a route", async () => {
    const odd = [path.replace("/v1/", "/v1//"), path.replace("/v1", "/V1"), `${path}/`, `/${path}`, path.toUpperCase()];
    if (path === CHAT) odd.push("/v1/chat%2fcompletions", "/v1/chat%2Fcompletions");
    for (const one of odd) {
      const response = await app.fetch(post(one, VALID_BODY, { authorization: `Bearer ${app.key}` }));
      expect([one, response.status]).toEqual([one, 404]);
      expect(await response.text()).toContain("no such route");
    }
    expect(app.upstreamCalls).toEqual([]);
  });

  test("B23 another method is told which ones there are", async () => {
    for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const request = new Request(`http://gateway.test${path}`, { method });
      const { headers } = await expectRefused(app, request, "method_not_allowed");
      expect(headers.get("allow")).toBe("POST");
    }
  });

  test("B24 B25 another content type, or none", async () => {
    await expectRefused(app, send(new TextEncoder().encode("{}"), { "content-type": null }), "unsupported_media_type");
    for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/jsonp", "json", ";"]) {
      await expectRefused(app, send(VALID_BODY, { "content-type": type }), "unsupported_media_type");
    }
  });

  test("B26 another charset", async () => {
    for (const type of ["application/json; charset=utf-16", 'application/json;a=b; Charset="UTF-16LE"']) {
      await expectRefused(app, send(VALID_BODY, { "content-type": type }), "unsupported_charset");
    }
    const fine = { ...VALID_BODY, messages: [] };
    for (const type of ["application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"']) {
      await expectRefused(app, send(fine, { "content-type": type }), "too_few_items");
    }
  });

  test("B27 a compressed body, a bomb among them, is not unpacked", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000)));
    for (const encoding of ["gzip", "GZIP", "br", "zstd", "identity, gzip"]) {
      await expectRefused(app, send(bomb, { "content-encoding": encoding }), "unsupported_encoding");
    }
    await expectRefused(
      app,
      send({ ...VALID_BODY, messages: [] }, { "content-encoding": "identity" }),
      "too_few_items",
    );
  });

  test("B28 an empty body", async () => {
    await expectRefused(app, send(""), "empty_body");
    await expectRefused(app, send(null), "empty_body");
  });

  test("B29 broken JSON tells where", async () => {
    await expectRefused(app, send("{"), "invalid_json");
    const { message } = await expectRefused(app, send('{"model": nope}'), "invalid_json");
    expect(message).toMatch(/position 1\d/);
    await expectRefused(app, send('{"temperature": NaN}'), "invalid_json");
  });

  test("B30 JSON that is no object", async () => {
    for (const body of ["[]", '"x"', "null", "1", "true"]) {
      const { message } = await expectRefused(app, send(body), "invalid_json");
      expect(message).toContain("object");
    }
  });

  test("B31 bytes that are not UTF-8", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(VALID_BODY));
    for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]) {
      const body = new Uint8Array([...bytes.slice(0, -4), ...bad, ...bytes.slice(-4)]);
      await expectRefused(app, send(body), "invalid_encoding");
    }
  });

  test("B32 JSON nested 10,000 deep", async () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const deep = `${open.repeat(10_000)}1${close.repeat(10_000)}`;
      const { message } = await expectRefused(app, send(`{"messages":${deep}}`), "json_too_deep");
      expect(message).toContain("64");
    }
  });

  test("B34 names that reach a prototype", async () => {
    for (const name of ["__proto__", "constructor", "prototype", "\\u005f_proto__"]) {
      await expectRefused(app, send(`{"metadata":{"${name}":{"polluted":true}}}`), "forbidden_key");
    }
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("B35 one byte too many, with a length", async () => {
    const { message } = await expectRefused(app, send("x".repeat(MAX_BODY_BYTES + 1)), "body_too_large");
    expect(message).toContain(String(MAX_BODY_BYTES));
    const stated = send("{}", { "content-length": String(MAX_BODY_BYTES + 1) });
    await expectRefused(app, stated, "body_too_large");
    expect(stated.bodyUsed).toBe(false);
  });

  test("B36 the same without a length: reading stops", async () => {
    let produced = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        produced += 1_000_000;
        controller.enqueue(new Uint8Array(1_000_000).fill(0x20));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    await expectRefused(app, chunked(path, endless), "body_too_large");
    expect(cancelled).toBe(true);
    expect(produced).toBeLessThan(MAX_BODY_BYTES + 3_000_000);
  });

  test("B37 a body that is not as long as its Content-Length", async () => {
    const body = JSON.stringify(VALID_BODY);
    await expectRefused(app, send(body, { "content-length": String(body.length + 10) }), "invalid_request");
    await expectRefused(app, send(body, { "content-length": "ten" }), "invalid_request");
    const breaking = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"model":')),
      pull: (controller) => controller.error(new Error("connection reset")),
    });
    await expectRefused(app, chunked(path, breaking), "invalid_request");
  });

  test("B39 a body that stalls for 30 s", async () => {
    const stalling = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"model":')),
    });
    const refused = expectRefused(app, chunked(path, stalling), "request_timeout");
    await app.clock.advance(29_999);
    await app.clock.advance(1);
    const { headers } = await refused;
    expect(headers.get("x-should-retry")).toBeNull(); // both vendors' clients retry a 408 by themselves
  });

  test("a body of many chunks is read like one in a piece", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...VALID_BODY, messages: [] }));
    const slices = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    await expectRefused(app, chunked(path, slices), "too_few_items");
  });
});
