import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { createHttpServer } from "../../api/_node/http-server.ts";
import { CHAT, expectNoSecrets, MESSAGES, VALID_BODY } from "./expect-refused.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** Milliseconds; what the gateway waits 30 s for. */
const STALL_MS = 300;

let app: TestApp;
let server: Server;
beforeAll(async () => {
  app = await createTestApp();
  server = createHttpServer(createApp(app.gateway, app.ports).fetch, {
    arrivalMs: STALL_MS,
    uploadMs: STALL_MS,
    idleMs: 60_000,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Writes bytes to a new connection, and gives all that comes back until it is closed. */
async function send(bytes: string, end = false): Promise<string> {
  const { port } = server.address() as AddressInfo; // listening on TCP
  const socket = connect(port, "127.0.0.1");
  let reply = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    reply += chunk;
  });
  socket.write(bytes);
  if (end) socket.end();
  await once(socket, "close");
  return reply;
}

/** The same for what is refused: no provider is called, and nothing secret said. */
async function exchange(bytes: string, end = false): Promise<string> {
  const before = app.upstreamCalls.length;
  const reply = await send(bytes, end);
  expect(app.upstreamCalls).toHaveLength(before);
  expectNoSecrets(app, reply);
  return reply;
}

describe.each([CHAT, MESSAGES])("%s on a raw connection", (path) => {
  const body = JSON.stringify(VALID_BODY);
  const head = (...headers: readonly string[]) =>
    [
      `POST ${path} HTTP/1.1`,
      "host: gateway.test",
      `authorization: Bearer ${app.key}`,
      "content-type: application/json",
      ...headers,
      "",
      "",
    ].join("\r\n");

  test("B11 a header that comes twice is seen as two", async () => {
    const length = `content-length: ${body.length}`;
    const reply = await exchange(head("authorization: Bearer other", "connection: close", length) + body);
    expect(reply).toMatch(/^HTTP\/1.1 400 /);
    expect(reply).toContain("authorization was sent more than once");
  });

  test("B37 a body shorter than its Content-Length", async () => {
    const reply = await exchange(head(`content-length: ${body.length + 10}`) + body, true);
    expect(reply).toMatch(/^HTTP\/1.1 400 /);
    expect(reply).toContain("invalid_request");
    expect(reply.toLowerCase()).toContain("connection: close");
  });

  test("B38 Content-Length and Transfer-Encoding, or two lengths: the connection is closed", async () => {
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const both = await exchange(head(`content-length: ${body.length}`, "transfer-encoding: chunked") + chunk);
    const two = await exchange(head("content-length: 5", `content-length: ${body.length}`) + body);
    for (const reply of [both, two]) {
      expect(reply).toMatch(/^HTTP\/1.1 400 /);
      expect(reply).toContain('"code":"invalid_request"');
      expect(reply).toContain("x-request-id: req_");
      expect(reply.match(/HTTP\/1.1/g)).toHaveLength(1);
    }
  });

  test("B39 a body that stalls", async () => {
    const reply = await exchange(head(`content-length: ${body.length}`) + body.slice(0, 10));
    expect(reply).toMatch(/^HTTP\/1.1 408 /);
    expect(reply).toContain('"code":"request_timeout"');
  });

  test("B35 a body too large is refused by its length, before it is sent", async () => {
    const reply = await exchange(head("content-length: 5000000", "connection: close"));
    expect(reply).toMatch(/^HTTP\/1.1 413 /);
    expect(reply).toContain("4000000");
  });

  test.each([
    ["a header of 64 kB", [`x-large: ${"x".repeat(65_536)}`]],
    ["a megabyte of headers", Array.from({ length: 128 }, (_, number) => `x-large-${number}: ${"x".repeat(8_192)}`)],
    ["200 headers", Array.from({ length: 200 }, (_, number) => `x-${number}: 1`)],
    ["one header 200 times", Array.from({ length: 200 }, () => "x-same: 1")],
  ])("B97 %s", async (_, headers) => {
    const reply = await exchange(head(...headers, "connection: close", `content-length: ${body.length}`) + body);
    expect(reply).toMatch(/^HTTP\/1.1 431 /);
    expect(reply).toMatch(/"code":"headers_too_large"|"message":"More than 100 headers/);
    expect(reply).toMatch(/"request_id":"req_[0-9a-f]{32}"/);
    expect(reply).toMatch(/\r\nx-request-id: req_/);
    expect(reply.match(/HTTP\/1.1/g)).toHaveLength(1);
  });

  test("B97 the answer reaches a client that reads only once it has sent everything", async () => {
    const { port } = server.address() as AddressInfo; // listening on TCP
    const socket = connect(port, "127.0.0.1").pause();
    socket.write(`${head(`x-large: ${"x".repeat(40_000)}`)}`);
    // Long enough for the server to be done with it, and to have closed the connection on what comes now.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let times = 0; times < 3; times++) await new Promise((resolve) => socket.write("x".repeat(8_192), resolve));
    let reply = "";
    socket.setEncoding("utf8").on("data", (text) => {
      reply += text;
    });
    socket.resume();
    await once(socket, "close");
    expect(reply).toContain('"code":"headers_too_large"');
  });

  test("B98 a URL of 20 kB", async () => {
    for (const target of [`${path}?x=${"x".repeat(20_000)}`, `/${"x".repeat(20_000)}`]) {
      const long = head("connection: close", `content-length: ${body.length}`).replace(path, target);
      const reply = await exchange(long + body);
      expect(reply).toMatch(/^HTTP\/1.1 414 /);
      expect(reply).toContain("The URL is longer than 8192 characters.");
      expect(reply).toMatch(/"request_id":"req_[0-9a-f]{32}"/);
    }
  });

  test("ninety headers and a URL of eight thousand characters are served", async () => {
    const headers = Array.from({ length: 90 }, (_, number) => `x-${number}: 1`);
    const target = `${path}?x=${"x".repeat(8_000)}`;
    const whole = head(...headers, "connection: close", `content-length: ${body.length}`).replace(path, target) + body;
    expect(await send(whole)).toMatch(/^HTTP\/1.1 200 /);
  });
});
