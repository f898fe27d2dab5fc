import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway } from "../support/start-gateway.ts";
import { ask } from "./ask.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

describe.each(["node", "workerd"] as const)("on %s", (runtime) => {
  test.each([
    ["whose connection is refused", "http://127.0.0.1:9/v1"],
    ["whose name is not found", "http://no-such-host.invalid/v1"],
  ])("F22 a provider %s is passed over within a second", async (_, address) => {
    const environment = { OPENAI_BASE_URL: address };
    const gateway = await startGateway({ simulator, runtime, environment });
    const startedAt = performance.now();
    const question = { client: "openai", model: "openai/gpt-4o-mini", text: "Hello", stream: true } as const;
    const answered = await ask(gateway, question);
    const tookMs = performance.now() - startedAt;
    expect(answered).toMatchObject({ status: 200, text: "You said: Hello", ended: true });
    expect(answered.headers.get("x-gateway-provider")).toBe("openrouter");
    expect(tookMs).toBeLessThan(1_000);
    expect(await gateway.checkLedger()).toEqual([]);
    expect((await gateway.transactions()).filter(({ requestId }) => requestId !== null)).toHaveLength(1);
    await gateway.stop();
  });
});
