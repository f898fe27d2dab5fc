import type { AddressInfo } from "node:net";
import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nobody listens on at this moment, for a program that must be told one. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // listening on TCP
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
