import { connect, type Socket } from "node:net";

/**
 * A closed-loop HTTP/1.1 load generator on raw sockets: it must cost less than what it measures. Run as its own
 * process: `node test/benchmark/load-generator.ts '<LoadPlan as JSON>'`; prints a LoadReport as JSON.
 */
export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the first byte of the reply's body. */
  readonly firstChunkP50Ms: number;
  readonly bodyBytes: number;
}

interface Exchange {
  buffered: Buffer;
  startedAt: number;
  firstChunkAt: number;
  status: number;
  /** Null until the head is read; -1 for a chunked body. */
  contentLength: number | null;
  bodyBytes: number;
  tail: string;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = "0\r\n\r\n";

/** Feeds bytes to an exchange; true when its reply is complete. */
function advance(exchange: Exchange, bytes: Buffer): boolean {
  let body = bytes;
  if (exchange.contentLength === null) {
    exchange.buffered = exchange.buffered.length === 0 ? bytes : Buffer.concat([exchange.buffered, bytes]);
    const headEnd = exchange.buffered.indexOf(HEAD_END);
    if (headEnd < 0) return false;
    const head = exchange.buffered.toString("latin1", 0, headEnd).toLowerCase();
    exchange.status = Number(head.slice(9, 12));
    const length = /content-length: (\d+)/.exec(head)?.[1];
    exchange.contentLength = length === undefined ? -1 : Number(length);
    body = exchange.buffered.subarray(headEnd + 4);
  }
  if (body.length > 0 && exchange.firstChunkAt === 0) exchange.firstChunkAt = performance.now();
  exchange.bodyBytes += body.length;
  if (exchange.contentLength >= 0) return exchange.bodyBytes >= exchange.contentLength;
  exchange.tail = (exchange.tail + body.toString("latin1", Math.max(0, body.length - 5))).slice(-5);
  return exchange.tail === LAST_CHUNK;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function generateLoad(plan: LoadPlan): Promise<LoadReport> {
  const headers = {
    ...plan.headers,
    host: `${plan.host}:${plan.port}`,
    "content-length": Buffer.byteLength(plan.body),
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`POST ${plan.path} HTTP/1.1\r\n${head.join("")}\r\n${plan.body}`);
  const latencies: number[] = [];
  const firstChunks: number[] = [];
  let failures = 0;
  let bodyBytes = 0;
  const startedAt = performance.now();
  const endAt = startedAt + plan.durationMs;

  function drive(socket: Socket, finish: () => void): void {
    let exchange: Exchange;
    const send = () => {
      const empty = Buffer.alloc(0);
      exchange = {
        buffered: empty,
        startedAt: performance.now(),
        firstChunkAt: 0,
        status: 0,
        contentLength: null,
        bodyBytes: 0,
        tail: "",
      };
      socket.write(request);
    };
    socket.on("data", (bytes: Buffer) => {
      if (!advance(exchange, bytes)) return;
      const now = performance.now();
      if (exchange.status === 200) {
        latencies.push(now - exchange.startedAt);
        firstChunks.push(exchange.firstChunkAt - exchange.startedAt);
        bodyBytes += exchange.bodyBytes;
      } else failures += 1;
      if (now < endAt) send();
      else {
        socket.destroy();
        finish();
      }
    });
    socket.on("error", () => {
      failures += 1;
      finish();
    });
    send();
  }

  await Promise.all(
    Array.from(
      { length: plan.connections },
      () =>
        new Promise<void>((resolve) => {
          const socket = connect({ host: plan.host, port: plan.port, noDelay: true }, () => drive(socket, resolve));
          socket.once("error", () => resolve());
        }),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  firstChunks.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    failures,
    seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    firstChunkP50Ms: percentile(firstChunks, 0.5),
    bodyBytes,
  };
}

const [, script, planJson] = process.argv;
if (script?.endsWith("load-generator.ts") === true && planJson !== undefined) {
  // The plan was written by run.ts of this folder, from a LoadPlan.
  process.stdout.write(JSON.stringify(await generateLoad(JSON.parse(planJson) as LoadPlan)));
}
