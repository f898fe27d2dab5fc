import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequestId } from "../../api/_http/request-id.ts";
import { answerClientError } from "../../lib/platform/node/client-error.ts";
import { CHAT, expectNoSecrets, MESSAGES, VALID_BODY } from "./expect-refused.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** Milliseconds; what the gateway waits 30 s for. */
const STALL_MS = 300;

let app: TestApp;
let server: Server;
beforeAll(async () => {
  app = await createTestApp();
  const options = { requestTimeout: STALL_MS, headersTimeout: STALL_MS, connectionsCheckingInterval: 50 };
  server = createServer(options, getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  server.on("clientError", (error, socket) => answerClientError(error, socket, () => newRequestId(app.clock.now())));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** Writes bytes to a new connection, and all that comes back until it is closed. */
async function exchange(bytes: string, end = false): Promise<string> {
  const { port } = server.address() as AddressInfo; // listening on TCP
  const socket = connect(port, "127.0.0.1");
  let reply = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    reply += chunk;
  });
  socket.write(bytes);
  if (end) socket.end();
  await once(socket, "close");
  expect(app.upstreamCalls).toEqual([]);
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
});
