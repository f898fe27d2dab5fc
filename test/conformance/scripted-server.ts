import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** One connection of a client, on which the test says every byte. */
export interface ScriptedConnection {
  /** Everything that has arrived so far. */
  received(): string;
  /** Waits until as many requests have arrived whole (those with a body, by its Content-Length). */
  request(): Promise<string>;
  write(text: string | Uint8Array): void;
  end(): void;
  reset(): void;
  /** Resolves when the client has closed or reset it. */
  readonly closed: Promise<void>;
}

export interface ScriptedServer {
  readonly origin: string;
  /** How many connections there have been on which something was said: some clients open one ahead of its use. */
  connections(): number;
  /** The next of them that nobody has taken yet. */
  next(): Promise<ScriptedConnection>;
  close(): Promise<void>;
}

/** A server below HTTP: it can answer in ways that no HTTP server would let it. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const arrived: ScriptedConnection[] = [];
  const waiting: ((connection: ScriptedConnection) => void)[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const connection = scripted(socket);
    socket.once("data", () => {
      connections += 1;
      const waiter = waiting.shift();
      if (waiter === undefined) arrived.push(connection);
      else waiter(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // listening on TCP
  return {
    origin: `http://127.0.0.1:${port}`,
    connections: () => connections,
    next: () => {
      const connection = arrived.shift();
      return connection === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(connection);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function scripted(socket: Socket): ScriptedConnection {
  let received = "";
  let taken = 0;
  // A client that resets is what some tests are about.
  socket.on("error", () => {});
  socket.setEncoding("utf8").on("data", (text) => {
    received += text;
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    received: () => received,
    async request() {
      for (;;) {
        const request = wholeRequest(received.slice(taken));
        if (request !== null) {
          taken += request.length;
          return request;
        }
        await once(socket, "data");
      }
    },
    write: (text) => void socket.write(text),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    closed,
  };
}

function wholeRequest(text: string): string | null {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return null;
  const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  const bytes = new TextEncoder().encode(text.slice(head + 4));
  return bytes.length < length ? null : text;
}
