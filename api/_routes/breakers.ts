import * as z from "zod";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { type BreakerState, secondsUntilRetry } from "../../lib/health/breaker-state.ts";
import { refreshBreakers } from "../../lib/health/breakers.ts";
import type { Gateway } from "../../lib/inference/gateway.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Exchange, Route } from "../_http/route.ts";

const breaker = z.object({
  provider: z.string(),
  state: z.enum(["closed", "open", "half-open"]),
  consecutive_failures: z.int().nullable().describe("Known while the breaker is closed"),
  opened_at: z.string().nullable(),
  retry_in_seconds: z.int(),
  keys: z
    .array(
      z.object({
        id: z.string().describe("Its place in the provider's variable, from 1; never the key"),
        state: z.enum(["in-use", "cooling-down"]),
        reason: z.enum(["credentials", "forbidden", "payment", "rate-limited"]).nullable(),
        retry_in_seconds: z.int(),
      }),
    )
    .describe("Where the provider's variable holds several keys: which of them are left alone for a while, and why"),
});
const breakers = z.object({ data: z.array(breaker) });

/** Every provider that takes part, with what all instances know of it. */
async function readBreakers({ gateway, ports }: Exchange): Promise<z.infer<typeof breakers>> {
  await refreshBreakers(ports, gateway.breakers).catch(() => {
    // Redis is away: this instance's own view is what decides here, so it is what is shown.
  });
  const nowMs = ports.clock.now();
  return { data: [...gateway.providers.keys()].map((id) => render(gateway, id, nowMs)) };
}

function render(gateway: Gateway, provider: string, nowMs: number): z.infer<typeof breaker> {
  const state: BreakerState = gateway.breakers.state(provider);
  return {
    provider,
    state: state.kind,
    consecutive_failures: state.kind === "closed" ? state.consecutiveFailures : null,
    opened_at: state.kind === "closed" ? null : new Date(state.openedAtMs).toISOString(),
    retry_in_seconds: secondsUntilRetry(state, nowMs),
    keys: pooledKeys(gateway, provider).map((id) => {
      const coolDown = gateway.breakers.keys.state(provider, id, nowMs);
      const retryInSeconds = coolDown === null ? 0 : Math.ceil((coolDown.untilMs - nowMs) / 1000);
      const shown = coolDown === null ? ("in-use" as const) : ("cooling-down" as const);
      return { id, state: shown, reason: coolDown?.reason ?? null, retry_in_seconds: retryInSeconds };
    }),
  };
}

/** The ids of a provider's keys where it has several. */
function pooledKeys(gateway: Gateway, provider: string): readonly string[] {
  const credentials = gateway.providers.get(provider)?.credentials ?? [];
  return credentials.flatMap(({ id, pooled }) => (pooled === true ? [id] : []));
}

/** @throws GatewayError `shared_state_unavailable`: here they are closed, elsewhere nobody has heard of it */
async function reset({ gateway, ports }: Exchange, providers: readonly string[]): Promise<void> {
  try {
    await Promise.all(
      providers.map((provider) => gateway.breakers.reset(ports, provider, pooledKeys(gateway, provider))),
    );
  } catch (cause) {
    throw new GatewayError(
      "shared_state_unavailable",
      "The breakers are closed in this instance only: Redis does not answer. Try again shortly.",
      { retryAfterSeconds: 5, cause },
    );
  }
}

const list = jsonRoute({
  method: "GET",
  path: "/circuit-breakers",
  policy: "admin",
  documentation: { tag: "Operator", summary: "The circuit breaker of each provider, and its keys" },
  reply: breakers,
  answer: readBreakers,
});

const resetOne = jsonRoute({
  method: "POST",
  path: "/circuit-breakers/{provider}/reset",
  policy: "admin",
  documentation: {
    tag: "Operator",
    summary: "Closes a provider's breaker and takes its keys back into use",
    examplePath: "/circuit-breakers/openai/reset",
  },
  reply: breaker,
  answer: async (call) => {
    const { gateway, ports, parameter } = call;
    const provider = parameter("provider");
    if (!gateway.providers.has(provider)) throw new GatewayError("not_found", "There is no such provider here.");
    await reset(call, [provider]);
    return render(gateway, provider, ports.clock.now());
  },
});

const resetAll = jsonRoute({
  method: "POST",
  path: "/circuit-breakers/reset-all",
  policy: "admin",
  documentation: { tag: "Operator", summary: "Closes every breaker" },
  reply: breakers,
  answer: async (call) => {
    await reset(call, [...call.gateway.providers.keys()]);
    return readBreakers(call);
  },
});

export const BREAKER_ROUTES: readonly Route[] = [list, resetAll, resetOne];
