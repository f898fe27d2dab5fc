import { createSharedSettler } from "../lib/billing/shared-settler.ts";
import { createGateway, type Gateway } from "../lib/inference/gateway.ts";
import { parseSettings, type Settings } from "../lib/platform/configuration.ts";
import { createEdgePorts } from "../lib/platform/edge/edge-ports.ts";
import type { Environment } from "../lib/platform/environment.ts";
import { withDemoUpstream } from "../lib/platform/upstream/demo-upstream.ts";
import { APP_VERSION } from "../lib/platform/version.ts";
import type { Ports } from "../lib/ports/ports.ts";
import { demo } from "../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../lib/providers/provider-list.ts";
import { createApp } from "./_app.ts";

/** Charges within 20 ms of each other are written together; who waited 2 s for another request writes its own. */
const SETTLING = { maxBatch: 128, maxDelayMs: 20, patienceMs: 2_000 };

export interface EdgeApp {
  readonly app: ReturnType<typeof createApp>;
  readonly gateway: Gateway;
  readonly ports: Ports;
  readonly settings: Settings;
}

/** What the entries at the edge share: the configuration read, the ports built, the app on them. */
export function createEdgeApp(environment: Environment): EdgeApp {
  // The demo takes part only where it is asked for by its address, as `npm run dev:worker` does for a newcomer.
  const demonstrates = environment["GANGWAY_BASE_URL"] === demo.baseUrl;
  const declared = PROVIDERS.filter(({ id }) => demonstrates || id !== demo.id);
  const settings = parseSettings(environment, "edge", declared, APP_VERSION);
  const edgePorts = createEdgePorts(settings);
  const ports = demonstrates
    ? { ...edgePorts, callUpstream: withDemoUpstream(edgePorts.callUpstream, demo.baseUrl) }
    : edgePorts;
  const gateway = createGateway(settings.configuration, createSharedSettler(SETTLING));
  return { app: createApp(gateway, ports), gateway, ports, settings };
}
