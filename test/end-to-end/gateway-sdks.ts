import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../support/start-gateway.ts";
import type { StoreKind } from "../support/test-stores.ts";
import { describeAnthropicSdk } from "./anthropic-sdk-suite.ts";
import { describeOpenAiSdk } from "./openai-sdk-suite.ts";
import { describeResponsesSdk } from "./responses-sdk-suite.ts";
import { MODELS_OF_ALL_WIRES, type SdkTarget } from "./sdk-target.ts";

/** Both official clients against models of all three wires, through a gateway of this runtime. */
export function describeSdksThroughGateway(
  runtime: NonNullable<GatewayOptions["runtime"]>,
  stores: StoreKind = "embedded",
): void {
  describe(`through the gateway on ${runtime}`, () => {
    let simulator: Simulator;
    let gateway: TestGateway;

    beforeAll(async () => {
      simulator = await startSimulator();
      // One provider a model: what these suites look at is the client's side, not failover.
      const providers = MODELS_OF_ALL_WIRES.map(({ provider }) => provider);
      gateway = await startGateway({ simulator, runtime, stores, providers });
    });
    afterAll(async () => {
      await gateway.stop();
      await simulator.close();
    });
    afterEach(async () => {
      simulator.reset();
      await gateway.resetBreakers();
      expect(await gateway.checkLedger()).toEqual([]);
    });

    const target = (path: string): SdkTarget => ({
      baseUrl: `${gateway.url}${path}`,
      key: gateway.key,
      simulator,
      forbidden: () => ({ path: `${gateway.url}/auth/register` }),
      seesAborts: runtime === "node",
    });
    for (const served of MODELS_OF_ALL_WIRES) {
      describeOpenAiSdk(served.model, served, () => target("/v1"));
      describeResponsesSdk(served.model, served, () => target("/v1"));
      describeAnthropicSdk(served.model, served, () => target(""));
    }
  });
}
