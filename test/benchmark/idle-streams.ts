import { connect, type Socket } from "node:net";
import { residentMegabytes } from "./processes.ts";
import type { BenchmarkTarget } from "./targets.ts";

/** Opens `count` streams of one event each 100 ms and measures what they add to the target's memory. */
export async function measureIdleStreams(
  target: BenchmarkTarget,
  count: number,
): Promise<{ readonly idleMegabytes: number; readonly streamingMegabytes: number }> {
  const idleMegabytes = residentMegabytes(target.processIds);
  const body = JSON.stringify({
    model: "openai/gpt-4o-mini",
    stream: true,
    max_tokens: 1000,
    messages: [{ role: "user", content: "slow" }],
  });
  const headers = Object.entries({ "content-type": "application/json", ...target.headers });
  const request =
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\ncontent-length: ${body.length}\r\n` +
    `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
  const sockets: Socket[] = [];
  await Promise.all(Array.from({ length: count }, () => openStream(target.port, request, sockets)));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const streamingMegabytes = residentMegabytes(target.processIds);
  for (const socket of sockets) socket.destroy();
  return { idleMegabytes, streamingMegabytes };
}

/** Resolves with the stream's first bytes. */
function openStream(port: number, request: string, sockets: Socket[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(request));
    sockets.push(socket);
    socket.once("data", () => resolve());
    socket.once("error", reject);
  });
}
