import { sql } from "kysely";
import * as z from "zod";
import { sleep } from "../../lib/ports/clock.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Route } from "../_http/route.ts";

/** Whoever asks for the health wants to hear it now, above all while a store hangs. */
const PROBE_TIMEOUT_MS = 400;
/** The route is open to everyone; the stores are asked once a second at most. */
const FRESH_MS = 1_000;

const storeState = z.enum(["connected", "unavailable"]);
const health = z.object({
  status: z.enum(["healthy", "degraded"]),
  timestamp: z.iso.datetime(),
  version: z.string(),
  database: storeState,
  redis: storeState,
});

type StoreState = z.infer<typeof storeState>;
interface Stores {
  readonly database: StoreState;
  readonly redis: StoreState;
}

/** What this app last learnt of its stores. One per app. */
class StoreProbe {
  #readAtMs = Number.NEGATIVE_INFINITY;
  #stores: Promise<Stores> | null = null;

  read(ports: Ports): Promise<Stores> {
    const nowMs = ports.clock.now();
    if (this.#stores === null || nowMs - this.#readAtMs >= FRESH_MS) {
      this.#readAtMs = nowMs;
      this.#stores = probeStores(ports);
    }
    return this.#stores;
  }
}

async function probeStores(ports: Ports): Promise<Stores> {
  const [database, redis] = await Promise.all([
    probe(ports, () => sql`select 1`.execute(ports.database)),
    probe(ports, () => ports.redis.ping()),
  ]);
  return { database, redis };
}

async function probe(ports: Ports, ask: () => Promise<unknown>): Promise<StoreState> {
  const answer = ask().then(
    (): StoreState => "connected",
    (): StoreState => "unavailable",
  );
  ports.background(answer);
  const timer = new AbortController();
  const late = sleep(ports.clock, PROBE_TIMEOUT_MS, timer.signal).then(
    (): StoreState => "unavailable",
    (): StoreState => "unavailable",
  );
  const state = await Promise.race([answer, late]);
  timer.abort();
  return state;
}

/** Always 200: a load balancer must not take the gateway away because a store that it can do without is down. */
export function healthRoutes(): readonly Route[] {
  const stores = new StoreProbe();
  return [
    jsonRoute({
      method: "GET",
      path: "/health",
      policy: "public",
      documentation: {
        tag: "System",
        summary: "Whether the gateway and its stores are well",
        description: "Always 200.",
      },
      reply: health,
      answer: async ({ gateway, ports }) => {
        const { database, redis } = await stores.read(ports);
        const healthy = database === "connected" && redis === "connected";
        return {
          status: healthy ? ("healthy" as const) : ("degraded" as const),
          timestamp: new Date(ports.clock.now()).toISOString(),
          version: gateway.configuration.appVersion,
          database,
          redis,
        };
      },
    }),
  ];
}
