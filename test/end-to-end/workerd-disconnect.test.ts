import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { MODELS_OF_ALL_WIRES } from "./sdk-target.ts";

// A worker learns of a client's leaving only through the request's signal, and a Node `fetch` that is aborted does not
// even get that far: the client here is a bare socket.
let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, runtime: "workerd" });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(() => simulator.reset());

/** Asks for a stream and resolves with the open socket as soon as `until` has come through it. */
async function openStream(key: string, model: string, until: string): Promise<Socket> {
  const { hostname, port } = new URL(gateway.url);
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "count to 99" }] });
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {}); // the reset that the test itself causes
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${key}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  let seen = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (piece) => {
      seen += piece.toString();
      if (seen.includes(until)) resolve();
    });
    socket.once("close", () => reject(new Error(`The stream ended with: ${seen}`)));
  });
  return socket;
}

// After a bare FIN a client may still read, so workerd takes it for gone only when it writes again: that provider goes on.
const WAYS_TO_LEAVE = [
  { name: "a reset", leave: (socket: Socket) => socket.resetAndDestroy(), meanwhile: fault.hold(10) },
  { name: "a close", leave: (socket: Socket) => socket.destroy(), meanwhile: fault.endless() },
] as const;

for (const { model, provider } of MODELS_OF_ALL_WIRES) {
  for (const { name, leave, meanwhile } of WAYS_TO_LEAVE) {
    test(`F44 in workerd ${name} by the client ends ${provider}'s stream and is charged once`, async () => {
      const account = await gateway.register("10");
      simulator.next(provider, meanwhile);
      const socket = await openStream(account.key, model, '"content":"1');
      const request = await simulator.log.nth(1);
      await request.held;
      leave(socket);
      await request.closed;
      expect(request.state).toBe("aborted");
      expect(await gateway.checkLedger()).toEqual([]);
      const charges = (await gateway.transactions(account.accountId)).filter(({ requestId }) => requestId !== null);
      expect(charges).toHaveLength(1);
      expect(charges[0]?.amountNanoUsd).toBeGreaterThan(0n);
    });
  }
}
