import { type Model, vendorOf } from "../catalog/model.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { admission } from "../health/breaker-state.ts";
import type { BreakerView } from "../health/breakers.ts";
import type { Ports } from "../ports/ports.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import { isJsonObject } from "../protocol/json.ts";
import type { AuthorizationPorts } from "../providers/authorize.ts";
import { type ConfiguredProvider, endpointFor } from "../providers/configured-providers.ts";
import { chainPosition, mayServe } from "../providers/failover-chain.ts";
import type { CountInput } from "../providers/wire-format.ts";
import { failureOfStatus } from "./attempt-failure.ts";
import { authorized, type Candidate } from "./candidate.ts";
import { rejectedError } from "./routing-errors.ts";

/** Clients count before they ask, often: what takes longer is worth less than our estimate. */
const TIMEOUT_MS = 2_000;
const MAX_REPLY_BYTES = 64 * 1024;

type CountPorts = AuthorizationPorts & Pick<Ports, "log">;

export interface ProviderCount {
  readonly provider: string;
  readonly inputTokens: number;
}

/**
 * The prompt's tokens as a provider of the model counts them, or null when none can, or does within two seconds.
 * @throws GatewayError `provider_rejected_request` when the provider found the request itself wrong
 */
export async function countAtProvider(
  ports: CountPorts,
  breakers: BreakerView,
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  call: CountInput["call"] & { readonly format: ClientFormatName },
  clientSignal: AbortSignal | null,
): Promise<ProviderCount | null> {
  const counter = counterOf(providers, model, call.format, breakers, ports.clock.now());
  if (counter === null) return null;
  const provider = counter.provider.id;
  // A provider that is being tried again is tried by a real call, not by a count.
  if (admission(breakers.state(provider), ports.clock.now()) !== "call") return null;
  const inputTokens = await ask(ports, counter, call, clientSignal);
  return inputTokens === null ? null : { provider, inputTokens };
}

type Counter = Pick<Candidate, "provider" | "wire" | "baseUrl" | "credential" | "nativeModel">;

/** The model's first provider that counts: its vendor's own before others. */
function counterOf(
  providers: ReadonlyMap<string, ConfiguredProvider>,
  model: Model,
  format: ClientFormatName,
  breakers: BreakerView,
  nowMs: number,
): Counter | null {
  const vendor = vendorOf(model.id);
  const counters = model.offers.flatMap(({ provider: id, nativeModel }): Counter[] => {
    const provider = providers.get(id);
    if (provider === undefined || !mayServe(id, vendor, model.openWeights)) return [];
    const { declaration, credentials } = provider;
    const { wire, baseUrl } = endpointFor(provider, format, nativeModel);
    const credential = credentials.find(({ id: key }) => breakers.keys.state(id, key, nowMs) === null) ?? null;
    if (credential === null && credentials.length > 0) return []; // every key is left alone for a while
    // Who speaks a vendor's format besides his own answers its messages; that he counts is nowhere said.
    const counts = wire.passesThrough === format && declaration.alsoSpeaks?.[wire.name] === undefined;
    if (wire.countTokens === null || !counts) return [];
    return [{ provider: declaration, wire, baseUrl, credential, nativeModel }];
  });
  const position = ({ provider }: Counter) => chainPosition(provider.id, vendor);
  return counters.toSorted((a, b) => position(a) - position(b))[0] ?? null;
}

async function ask(
  ports: CountPorts,
  counter: Counter,
  call: CountInput["call"],
  clientSignal: AbortSignal | null,
): Promise<number | null> {
  const { wire } = counter;
  if (wire.countTokens === null) return null;
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = ports.clock.schedule(TIMEOUT_MS, abort);
  clientSignal?.addEventListener("abort", abort, { once: true });
  try {
    const encoded = wire.countTokens.encode({ ...counter, call });
    const request = await authorized(encoded, counter, ports, controller.signal);
    const upstream = await ports.callUpstream(request, controller.signal);
    const text = await upstream.body.text(MAX_REPLY_BYTES);
    if (upstream.status === 200) {
      const body: unknown = JSON.parse(text);
      return isJsonObject(body) ? wire.countTokens.decodeReply(body) : null;
    }
    const told = wire.decodeFailure(upstream.status, text);
    const { kind } = failureOfStatus(told.meantStatus ?? upstream.status);
    if (kind === "rejected") throw rejectedError(told);
    if (kind === "credentials" && counter.credential?.ofCaller !== true)
      ports.log.error("provider_refused_our_key", null, { provider: counter.provider.id });
    return null;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    return null; // too late, out of reach or unreadable: our estimate answers
  } finally {
    cancelTimer();
    clientSignal?.removeEventListener("abort", abort);
  }
}
