import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * What becomes of the bytes of a connection. `pass`: nothing. `swallow`: they vanish in both directions, and nobody is told.
 * `lose-replies`: the server gets everything, its client nothing. `refuse`: connections break. A number: everything that
 * the server sends comes that many milliseconds later.
 */
export type ProxyFault = "pass" | "swallow" | "lose-replies" | "refuse" | number;

export interface FaultyProxy {
  readonly port: number;
  /** For every connection from now on, those that are open included. */
  setFault(fault: ProxyFault): void;
  /** Connections that are made before `wakeMs` have passed are let through only then, as by a server that was asleep. */
  sleepFor(wakeMs: number): void;
  /** From now on new connections pass; those that are open stay as they are, as behind a firewall that forgot them. */
  healForNewConnections(): void;
  close(): Promise<void>;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  fault: ProxyFault;
  /** Until when what the server sent is under way: bytes keep their order, however late they are. */
  busyUntilMs: number;
}

/** Stands between a client and a server on this machine and does to their bytes what a network may. */
export async function startFaultyProxy(target: { readonly host: string; readonly port: number }): Promise<FaultyProxy> {
  const lines = new Set<Line>();
  let fault: ProxyFault = "pass";
  let awakeAtMs = 0;

  const cut = (line: Line) => {
    lines.delete(line);
    line.client.destroy();
    line.server.destroy();
  };
  const proxy = createServer((client) => {
    if (fault === "refuse") {
      client.resetAndDestroy();
      return;
    }
    const line: Line = { client, server: connect(target.port, target.host), fault, busyUntilMs: 0 };
    lines.add(line);
    const asleepMs = awakeAtMs - performance.now();
    if (asleepMs > 0) {
      client.pause();
      setTimeout(() => client.resume(), asleepMs);
    }
    client.on("data", (bytes) => {
      if (line.fault !== "swallow") line.server.write(bytes);
    });
    line.server.on("data", (bytes) => {
      const lateMs = line.fault === "pass" ? 0 : line.fault;
      if (typeof lateMs !== "number") return;
      const nowMs = performance.now();
      line.busyUntilMs = Math.max(line.busyUntilMs, nowMs + lateMs);
      if (line.busyUntilMs <= nowMs) client.write(bytes);
      else setTimeout(() => client.write(bytes), line.busyUntilMs - nowMs);
    });
    const end = () => {
      // A swallowed end is not heard of either.
      if (line.fault !== "swallow") cut(line);
    };
    for (const socket of [client, line.server]) socket.on("error", end).on("close", end);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = proxy.address() as AddressInfo; // listening on TCP

  return {
    port,
    setFault(next) {
      fault = next;
      for (const line of lines) {
        line.fault = next;
        if (next !== "refuse") continue;
        line.client.resetAndDestroy();
        cut(line);
      }
    },
    sleepFor(wakeMs) {
      awakeAtMs = performance.now() + wakeMs;
    },
    healForNewConnections() {
      fault = "pass";
    },
    async close() {
      for (const line of lines) cut(line);
      proxy.close();
      await once(proxy, "close");
    },
  };
}

/** `url` with the proxy's place in it. */
export function through(proxy: FaultyProxy, url: string): string {
  const changed = new URL(url);
  changed.hostname = "127.0.0.1";
  changed.port = String(proxy.port);
  return changed.href;
}

/** Where a URL's server listens. */
export function serverOf(url: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === "" ? defaultPort : Number(port) };
}
