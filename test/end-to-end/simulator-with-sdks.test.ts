import { afterAll, beforeAll } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { providerKey } from "../support/simulator/provider-access.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { describeAnthropicSdk } from "./anthropic-sdk-suite.ts";
import { describeOpenAiSdk } from "./openai-sdk-suite.ts";
import { ANTHROPIC_MODEL, OPENAI_MODEL, type SdkTarget } from "./sdk-target.ts";

// The vendors' own clients against the bare simulator: what passes here is what a vendor would answer.
let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

function bare(provider: string, baseUrl: string): SdkTarget {
  return {
    baseUrl,
    key: providerKey(provider),
    simulator,
    forbidden: () => {
      simulator.next(provider, fault.status(403));
      return { path: null };
    },
    seesAborts: true,
  };
}

describeOpenAiSdk("the simulator itself", { ...OPENAI_MODEL, model: OPENAI_MODEL.nativeModel }, () =>
  bare("openai", simulator.openAiBaseUrl),
);
describeAnthropicSdk("the simulator itself", { ...ANTHROPIC_MODEL, model: ANTHROPIC_MODEL.nativeModel }, () =>
  bare("anthropic", simulator.anthropicBaseUrl),
);
