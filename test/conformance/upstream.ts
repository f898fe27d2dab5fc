import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallUpstream, type UpstreamBody, UpstreamBodyTooLarge } from "../../lib/ports/upstream.ts";
import { type ScriptedConnection, type ScriptedServer, startScriptedServer } from "./scripted-server.ts";

export interface OpenUpstream {
  readonly call: CallUpstream;
  close(): Promise<void>;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const chunk = (text: string) => `${new TextEncoder().encode(text).length.toString(16)}\r\n${text}\r\n`;
const never = () => new AbortController().signal;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** One suite for outgoing calls: every implementation has to pass it. */
export function describeUpstream(name: string, open: () => OpenUpstream): void {
  describe(`the upstream port: ${name}`, () => {
    let server: ScriptedServer;
    let upstream: OpenUpstream;
    // Each test's own: what one leaves of its connections is nobody else's.
    beforeEach(async () => {
      server = await startScriptedServer();
      upstream = open();
    });
    afterEach(async () => {
      await upstream.close();
      await server.close();
    });

    const send = (path = "/v1/x", signal = never()) =>
      upstream.call(
        {
          method: "POST",
          url: server.origin + path,
          headers: { authorization: "Bearer key", "content-type": "application/json" },
          body: '{"model":"ü"}',
        },
        signal,
      );
    /** A call, and the connection that it came in on. */
    const exchange = async (signal = never()): Promise<[ReturnType<typeof send>, ScriptedConnection]> => {
      const reply = send("/v1/x", signal);
      reply.catch(() => {}); // each test looks at it when it is ready to
      const connection = await server.next();
      await connection.request();
      return [reply, connection];
    };
    const opened = async (signal = never()): Promise<[UpstreamBody, ScriptedConnection]> => {
      const [reply, connection] = await exchange(signal);
      connection.write(CHUNKED);
      return [(await reply).body, connection];
    };
    const readAll = async (body: UpstreamBody) => {
      let bytes = 0;
      for await (const piece of body) bytes += piece.byteLength;
      return bytes;
    };

    test("sends method, path, headers and body as they are", async () => {
      const sent = send("/v1/models/a%2Fb:stream?alt=sse&k=%C3%BC");
      const connection = await server.next();
      const request = await connection.request();
      connection.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
      expect(await (await sent).body.text(100)).toBe("ok");
      expect(request).toMatch(/^POST \/v1\/models\/a%2Fb:stream\?alt=sse&k=%C3%BC HTTP\/1\.1\r\n/);
      expect(request).toMatch(/\r\nauthorization: Bearer key\r\n/i);
      expect(request).toMatch(/\r\ncontent-type: application\/json\r\n/i);
      expect(request).toMatch(/\r\ncontent-length: 14\r\n/i);
      expect(request.endsWith('\r\n\r\n{"model":"ü"}')).toBe(true);
    });

    test("sends a body piece by piece as it comes, no faster than it is made", async () => {
      const more = Promise.withResolvers<void>();
      const pieces = async function* () {
        yield new TextEncoder().encode("first");
        await more.promise;
        yield new TextEncoder().encode("second");
      };
      const sent = upstream.call(
        { method: "POST", url: `${server.origin}/v1/x`, headers: { "content-type": "x/y" }, body: pieces() },
        never(),
      );
      const connection = await server.next();
      await until(() => connection.received().includes("first"));
      expect(connection.received()).not.toContain("second");
      expect(connection.received()).toMatch(/\r\ntransfer-encoding: chunked\r\n/i);
      more.resolve();
      await until(() => connection.received().endsWith("6\r\nsecond\r\n0\r\n\r\n"));
      connection.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
      expect(await (await sent).body.text(100)).toBe("ok");
    });

    test("a body that cannot be read to its end ends the call, and the provider gets no whole request", async () => {
      const pieces = async function* () {
        yield new TextEncoder().encode("first");
        throw new Error("the client broke off");
      };
      const sent = upstream.call(
        { method: "POST", url: `${server.origin}/v1/x`, headers: {}, body: pieces() },
        never(),
      );
      await expect(sent).rejects.toThrow();
    });

    test("an answer that comes before the body is over is given", async () => {
      const endless = new Promise<void>(() => {});
      const pieces = async function* () {
        yield new TextEncoder().encode("first");
        await endless;
      };
      const sent = upstream.call(
        { method: "POST", url: `${server.origin}/v1/x`, headers: {}, body: pieces() },
        never(),
      );
      const connection = await server.next();
      await until(() => connection.received().includes("first"));
      connection.write("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");
      const reply = await sent;
      expect(reply.status).toBe(401);
      expect(await reply.body.text(100)).toBe("no");
    });

    test("sends a GET without a body", async () => {
      const sent = upstream.call(
        { method: "GET", url: `${server.origin}/v1/models`, headers: {}, body: null },
        never(),
      );
      const connection = await server.next();
      const request = await connection.request();
      connection.write("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
      const reply = await sent;
      expect(reply.status).toBe(204);
      expect(await reply.body.text(100)).toBe("");
      expect(request).toMatch(/^GET \/v1\/models /);
      expect(request.endsWith("\r\n\r\n")).toBe(true);
    });

    test("gives status, headers by lower-case name and the body whole, characters cut anywhere", async () => {
      const [sent, connection] = await exchange();
      const body = new TextEncoder().encode('{"text":"ü🚀"}');
      connection.write(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nX-Request-ID: req_1\r\nconnection: close\r\n",
      );
      connection.write("transfer-encoding: chunked\r\n\r\n");
      for (const byte of body)
        connection.write(Buffer.concat([Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]));
      connection.write("0\r\n\r\n");
      const reply = await sent;
      expect(reply.status).toBe(429);
      expect(reply.header("retry-after")).toBe("7");
      expect(reply.header("x-request-id")).toBe("req_1");
      expect(reply.header("content-length")).toBeNull();
      expect(await reply.body.text(1000)).toBe('{"text":"ü🚀"}');
    });

    test("a connection is used again", async () => {
      const [first, connection] = await exchange();
      connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      expect(await (await first).body.text(100)).toBe("ok");
      await new Promise((resolve) => setImmediate(resolve)); // an answer's last byte is read before its connection is free
      const again = send("/again");
      expect(await connection.request()).toMatch(/^POST \/again /);
      connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      expect(await (await again).body.text(100)).toBe("ok");
      expect(server.connections()).toBe(1);
    });

    test("F22 rejects where nobody listens, and where the name does not exist", async () => {
      const gone = await startScriptedServer();
      await gone.close();
      for (const url of [gone.origin, "http://provider.invalid"]) {
        const sent = upstream.call({ method: "POST", url: `${url}/v1`, headers: {}, body: "{}" }, never());
        await expect(sent).rejects.toThrow();
      }
    });

    test("F22 rejects when the connection is reset or closed before an answer, or when that is no HTTP", async () => {
      const endings: readonly ((connection: ScriptedConnection) => void)[] = [
        (connection) => connection.reset(),
        (connection) => connection.end(),
        (connection) => {
          connection.write("HTTP/1.1 200 OK\r\ncontent-le");
          connection.end();
        },
        (connection) => connection.write("I am a teapot\r\n\r\n"),
      ];
      for (const ending of endings) {
        const [sent, connection] = await exchange();
        ending(connection);
        await expect(sent).rejects.toThrow();
        connection.reset();
      }
    });

    test("K1 a redirect is given back, never followed", async () => {
      const before = server.connections();
      const [sent, connection] = await exchange();
      connection.write(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${server.origin}/elsewhere\r\n`);
      connection.write("connection: close\r\ncontent-length: 0\r\n\r\n");
      const reply = await sent;
      expect(reply.status).toBe(307);
      expect(reply.header("location")).toBe(`${server.origin}/elsewhere`);
      reply.body.cancel();
      expect(server.connections()).toBe(before + 1);
    });

    test("pieces arrive as they are sent", async () => {
      const [body, connection] = await opened();
      const pieces = body[Symbol.asyncIterator]();
      for (const text of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
        connection.write(chunk(text));
        const piece = await pieces.next();
        expect(new TextDecoder().decode(piece.value)).toBe(text);
      }
      connection.write("0\r\n\r\n");
      expect((await pieces.next()).done).toBe(true);
    });

    test("F29 a body that breaks off rejects its reader after what has arrived", async () => {
      const endings = [(c: ScriptedConnection) => c.reset(), (c: ScriptedConnection) => c.end()];
      for (const ending of endings) {
        const [body, connection] = await opened();
        const pieces = body[Symbol.asyncIterator]();
        connection.write(chunk("data: 1\n\n"));
        expect((await pieces.next()).done).toBe(false);
        ending(connection);
        await expect(pieces.next()).rejects.toThrow();
      }
      const [sent, connection] = await exchange();
      connection.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      connection.end();
      await expect((await sent).body.text(100)).rejects.toThrow();
    });

    test("a body that breaks while nobody reads harms nobody", async () => {
      const [body, connection] = await opened();
      connection.write(chunk("data: 1\n\n"));
      connection.reset();
      await connection.closed;
      await new Promise((resolve) => setImmediate(resolve));
      body.cancel();
    });

    test("aborted before the answer: rejects with the reason, and the connection is closed", async () => {
      const controller = new AbortController();
      const [sent, connection] = await exchange(controller.signal);
      const reason = new Error("the client has left");
      controller.abort(reason);
      await expect(sent).rejects.toBe(reason);
      await connection.closed;
    });

    test("aborted before the call: nothing is sent", async () => {
      const before = server.connections();
      await expect(send("/v1/x", AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
      expect(server.connections()).toBe(before);
    });

    test("F43 aborted in the middle: the reader's next read rejects, and the connection is closed", async () => {
      const controller = new AbortController();
      const [body, connection] = await opened(controller.signal);
      const pieces = body[Symbol.asyncIterator]();
      connection.write(chunk("data: 1\n\n"));
      await pieces.next();
      const next = pieces.next();
      next.catch(() => {});
      controller.abort(new Error("the client has left"));
      await expect(next).rejects.toThrow();
      await connection.closed;
    });

    test("cancelled or left by its reader: the connection is closed; more than once and after the end is no error", async () => {
      const [cancelled, first] = await opened();
      first.write(chunk("data: 1\n\n"));
      cancelled.cancel();
      cancelled.cancel();
      await first.closed;

      const [left, second] = await opened();
      second.write(chunk("data: 1\n\n"));
      for await (const _ of left) break;
      await second.closed;

      const [ended, third] = await opened();
      third.write("0\r\n\r\n");
      expect(await readAll(ended)).toBe(0);
      ended.cancel();
      third.end();
    });

    test("a body larger than allowed is given up, and the connection closed", async () => {
      const [sent, connection] = await exchange();
      connection.write(`HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(2_000)}`);
      await expect((await sent).body.text(1_000)).rejects.toBeInstanceOf(UpstreamBodyTooLarge);
      await connection.closed;
    });

    test("F40 a compressed body is bounded by what it would unfold to", async () => {
      const bomb = gzipSync(Buffer.alloc(20_000_000));
      const [sent, connection] = await exchange();
      connection.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
      connection.write(bomb);
      const text = (await sent).body.text(1_000_000);
      // Either it is never unfolded, or only as far as it may.
      const length = await text.then(
        (whole) => whole.length,
        (error: unknown) => (error instanceof UpstreamBodyTooLarge ? 0 : Number.NaN),
      );
      expect(length).toBeLessThan(1_000_000);
      connection.reset();
    });

    test("headers of megabytes are refused", async () => {
      const [sent, connection] = await exchange();
      connection.write("HTTP/1.1 200 OK\r\n");
      for (let line = 0; line < 2_000; line++) connection.write(`x-${line}: ${"y".repeat(1_000)}\r\n`);
      await expect(sent).rejects.toThrow();
      await connection.closed;
    });

    test("a header that cannot be sent rejects, as an address does that is none", async () => {
      const request = { method: "POST", body: "{}" } as const;
      const split = { authorization: "Bearer a\r\nx-evil: 1" };
      await expect(upstream.call({ ...request, url: server.origin, headers: split }, never())).rejects.toThrow();
      await expect(upstream.call({ ...request, url: "ftp://x.invalid/", headers: {} }, never())).rejects.toThrow();
    });

    test("a hundred calls at once, each its own answer", async () => {
      const calls = Array.from({ length: 100 }, (_, number) => send(`/n/${number}`));
      const serving = Array.from({ length: 100 }, async () => {
        const connection = await server.next();
        const number = /^POST \/n\/(\d+) /.exec(await connection.request())?.[1] ?? "";
        connection.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${number.length}\r\n\r\n${number}`);
      });
      const texts = await Promise.all(calls.map(async (reply) => (await reply).body.text(100)));
      expect(texts).toEqual(Array.from({ length: 100 }, (_, number) => String(number)));
      await Promise.all(serving);
    });
  });
}
