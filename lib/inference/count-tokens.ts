import { assertNotSuspended } from "../accounts/identity.ts";
import { rateLimitHeaders } from "../limits/take-rate-limit.ts";
import type { Ports } from "../ports/ports.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import type { JsonObject } from "../protocol/json.ts";
import { countAtProvider } from "../routing/count-at-provider.ts";
import { admitCall } from "./admit-call.ts";
import { authenticate } from "./authenticate.ts";
import type { Gateway } from "./gateway.ts";
import type { InferenceCall } from "./inference-call.ts";
import { resolveModel } from "./resolve-model.ts";

export interface CountedTokens {
  readonly inputTokens: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** How a format's clients ask for a count. */
export interface CountFormat {
  readonly name: ClientFormatName;
  /** @throws GatewayError with the row of bad input that applies */
  parse(body: JsonObject): { readonly model: string; readonly estimatedInputTokens: number };
}

/**
 * The input tokens of a prompt: as a provider of the model that speaks the client's format counts them, or else our estimate.
 * Takes one request of the key's minute; costs and holds nothing.
 * @throws GatewayError whatever refuses the call
 */
export async function countTokens(
  gateway: Gateway,
  ports: Ports,
  call: Omit<InferenceCall, "format" | "idempotency">,
  format: CountFormat,
): Promise<CountedTokens> {
  const identity = await authenticate(gateway, ports, call.credential, call.body["model"]);
  assertNotSuspended(identity);
  const { model: name, estimatedInputTokens } = format.parse(call.body);
  const { model } = await resolveModel(gateway, ports, name);
  const { limit, degraded } = await admitCall(gateway, ports, {
    requestId: call.requestId,
    accountId: identity.accountId,
    keyId: identity.keyId,
    requestsPerMinute: identity.requestsPerMinute,
    amountNanoUsd: 0n,
    outputPerMillion: 0n,
  });
  const providers = await gateway.callerKeys.providersFor(gateway, ports, identity);
  const { clock, callUpstream, log } = ports;
  const countPorts = { clock, callUpstream, log, accessTokens: gateway.accessTokens };
  const asked = { ...call, format: format.name };
  const counted = await countAtProvider(countPorts, gateway.breakers, providers, model, asked, call.signal);
  return {
    inputTokens: counted?.inputTokens ?? estimatedInputTokens,
    headers: {
      ...(counted === null ? {} : { "x-gateway-provider": counted.provider }),
      ...rateLimitHeaders(limit, ports.clock.now()),
      ...(degraded.length === 0 ? {} : { "x-degraded": degraded.join(",") }),
    },
  };
}
