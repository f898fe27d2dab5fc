import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a Unix socket's address may be long, less one for its end (unix(7): 108 on Linux, 104 on macOS). */
const MAX_ADDRESS_BYTES = 103;

export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/**
 * Claims a folder for this process: two that write the same embedded database would lose each other's data without a word.
 * The claim is a listening socket, which the system takes away with the process however that ends; a file with a process
 * id would outlive a `kill -9`, and ids are used again. Where sockets cannot be made nothing is claimed.
 * @returns gives the folder up
 * @throws DirectoryInUse when another process has it
 */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  const address = addressOf(path);
  const server = (await listen(address)) ?? (await takeOver(address, path));
  return async () => {
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
}

function addressOf(path: string): string {
  const own = join(path, "lock");
  if (Buffer.byteLength(own) <= MAX_ADDRESS_BYTES) return own;
  const hash = createHash("sha256").update(realpathSync(path)).digest("hex").slice(0, 24);
  return join(tmpdir(), `gangway-${hash}`);
}

/** Null when the address is taken, by somebody or by what somebody left. */
async function listen(address: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy()).unref();
  try {
    server.listen(address);
    await once(server, "listening");
  } catch (error) {
    if (Reflect.get(Object(error), "code") === "EADDRINUSE") return null;
  }
  return server;
}

async function takeOver(address: string, path: string): Promise<Server> {
  const inUse = new DirectoryInUse(
    `Another process keeps its data in ${path}. Stop it, or name another folder in GANGWAY_DATA_DIR.`,
  );
  if (await answers(address)) throw inUse;
  rmSync(address, { force: true });
  const server = await listen(address);
  if (server === null) throw inUse;
  return server;
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
