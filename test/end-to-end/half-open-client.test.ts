import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

/** Instead of ten minutes. */
const REQUEST_TIMEOUT_MS = 800;

let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  const environment = { REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS), KEEP_ALIVE_MS: "200" };
  gateway = await startGateway({ simulator, environment });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});
afterEach(async () => {
  simulator.reset();
  expect(await gateway.checkLedger()).toEqual([]);
});

/** Asks, and is gone: nothing is read any more, and nobody closes the connection. What a dead machine leaves behind. */
async function askAndVanish(path: string, body: object): Promise<Socket> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname).pause();
  await once(socket, "connect");
  const text = JSON.stringify(body);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${gateway.key}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

const question = {
  model: "openai/gpt-4o-mini",
  max_tokens: 4_000,
  messages: [{ role: "user", content: "count to 30" }],
};

test.each(["/v1/chat/completions", "/v1/messages"])(
  "F46 %s: a client that vanished in its stream is left when its time is up, and charged for what it got",
  async (path) => {
    const before = (await gateway.transactions()).length;
    const connections = await gateway.connections();
    simulator.next("openai", fault.endless());
    const socket = await askAndVanish(path, { ...question, stream: true });
    const request = await simulator.log.nth(1);
    await request.closed;
    expect(request.state).toBe("aborted");
    expect(request.bytesSent).toBeLessThan(32 * 1024 * 1024); // held back by what nobody read
    await expect.poll(gateway.connections, { timeout: 10_000 }).toBe(connections);
    socket.destroy();
    await gateway.settled();
    const [charge, ...others] = await gateway.transactions();
    expect(others).toHaveLength(before);
    expect(charge?.amountNanoUsd).toBeGreaterThan(0n);
  },
);

test("F46 one that vanished while its provider says nothing is left as well, and pays nothing", async () => {
  const before = await gateway.balance();
  simulator.script.always("openai", fault.hold("headers"));
  simulator.script.always("openrouter", fault.hold("headers"));
  const socket = await askAndVanish("/v1/chat/completions", { ...question, stream: true });
  await (await simulator.log.nth(1)).closed;
  socket.destroy();
  await gateway.settled();
  expect(await gateway.balance()).toBe(before);
});
