import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../support/start-gateway.ts";
import type { StoreKind } from "../support/test-stores.ts";
import { describeAiSdk } from "./ai-sdk-suite.ts";
import { describeAnthropicSdk } from "./anthropic-sdk-suite.ts";
import { describeGoogleSdk } from "./google-sdk-suite.ts";
import { describeLangChain } from "./langchain-suite.ts";
import { describeOpenAiSdk } from "./openai-sdk-suite.ts";
import { describeResponsesSdk } from "./responses-sdk-suite.ts";
import { MODELS_OF_ALL_WIRES, type SdkModel, type SdkTarget } from "./sdk-target.ts";

type Runtime = NonNullable<GatewayOptions["runtime"]>;
/** A target for clients whose base URL ends with this path. */
type TargetOf = (path: string) => SdkTarget;

/** Both official clients against models of all three wires, through a gateway of this runtime. */
export function describeSdksThroughGateway(runtime: Runtime, stores: StoreKind = "embedded"): void {
  describeThroughGateway(runtime, stores, (served, target) => {
    describeOpenAiSdk(served.model, served, () => target("/v1"));
    describeResponsesSdk(served.model, served, () => target("/v1"));
    describeAnthropicSdk(served.model, served, () => target(""));
  });
}

/** Google's own client, against the same models. */
export function describeGoogleSdkThroughGateway(runtime: Runtime): void {
  describeThroughGateway(runtime, "embedded", (served, target) =>
    describeGoogleSdk(served.model, served, () => target("")),
  );
}

/** The frameworks that are built on them or beside them, against the same models. */
export function describeFrameworksThroughGateway(runtime: Runtime): void {
  describeThroughGateway(runtime, "embedded", (served, target) => {
    describeAiSdk(served, () => target(""));
    describeLangChain(served, () => target(""));
  });
}

function describeThroughGateway(
  runtime: Runtime,
  stores: StoreKind,
  describeModel: (served: SdkModel, target: TargetOf) => void,
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

    const target: TargetOf = (path) => ({
      baseUrl: `${gateway.url}${path}`,
      key: gateway.key,
      simulator,
      forbidden: () => ({ path: `${gateway.url}/auth/register` }),
      seesAborts: runtime === "node",
    });
    for (const served of MODELS_OF_ALL_WIRES) describeModel(served, target);
  });
}
