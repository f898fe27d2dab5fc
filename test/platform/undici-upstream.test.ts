import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createUndiciUpstream } from "../../lib/platform/upstream/undici-upstream.ts";

test("however many origins were called, the next one is reached", async () => {
  const upstream = createUndiciUpstream({ connectTimeoutMs: 1_000 });
  const server = createServer((_, response) => response.end("reached"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await upstream.close();
    server.close();
  });
  const { signal } = new AbortController();
  const call = (url: string) => upstream.call({ method: "GET", url, headers: {}, body: null }, signal);
  // Nobody listens on the lowest ports: each is an origin of its own that answers nothing.
  const dead = Array.from({ length: 120 }, (_, index) => call(`http://127.0.0.2:${index + 1}/`));
  const outcomes = await Promise.allSettled(dead);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toEqual([]);
  // A TCP server's address is an object; only a pipe's is a string.
  const { port } = server.address() as AddressInfo;
  const reply = await call(`http://127.0.0.1:${port}/`);
  expect(await reply.body.text(100)).toBe("reached");
});
