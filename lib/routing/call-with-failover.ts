import type { GatewayError } from "../errors/gateway-error.ts";
import { admission, secondsUntilRetry } from "../health/breaker-state.ts";
import type { BreakerView } from "../health/breakers.ts";
import type { Ports } from "../ports/ports.ts";
import { type AskOptions, type Attempt, type AttemptRecord, askEndpoint } from "./ask-endpoint.ts";
import { type AttemptFailure, breakerOutcome, isOfKey, mayGoElsewhere } from "./attempt-failure.ts";
import type { FailedAttempt } from "./attempt-result.ts";
import { isCallers } from "./caller-priced.ts";
import type { Candidate } from "./candidate.ts";
import { coolDownOf, type Endpoint, endpointsOf } from "./endpoint.ts";
import { type Finish, raceEndpoints } from "./race-endpoints.ts";
import { callerKeyRefused, exhaustedError, rateLimitedError, rejectedError } from "./routing-errors.ts";

export interface FailoverOptions<Reply> extends AskOptions {
  /** Null or absent: one provider at a time. */
  readonly hedge?: Hedge<Reply> | null;
}

/** Staged hedging, once a call: a second provider when the first takes longer than it usually does. */
export interface Hedge<Reply> {
  /** Milliseconds after which a second provider is asked too; null: it is not known how long this one takes. */
  delayMs(candidate: Candidate): number | null;
  /** Lets go of an answer that came too late. */
  discard(reply: Reply): void;
}

type FailoverPorts = Pick<Ports, "clock" | "callUpstream" | "redis" | "log" | "background">;

/**
 * Asks the candidates in order until one answers. Before a provider has said anything the client does not see
 * which one it was (CM-5.1.12); after that there is no other provider.
 * @returns the committed reply, or null when the client has left
 * @throws GatewayError `provider_rejected_request` and `context_length_exceeded` (the provider was right to refuse),
 *   `provider_rate_limited`, `provider_timeout`, `provider_error`, `no_provider_available`
 */
export async function callWithFailover<Reply>(
  ports: FailoverPorts,
  breakers: BreakerView,
  candidates: readonly Candidate[],
  attempt: Attempt<Reply>,
  options: FailoverOptions<Reply>,
): Promise<Reply | null> {
  const nowMs = ports.clock.now();
  // A model's providers are never all left alone: with every breaker open the first is probed before its time.
  const allOpen = candidates.every(({ provider }) => admission(breakers.state(provider.id), nowMs) === "skip");
  let waiting = [...endpointsOf(candidates)];
  const ask = (endpoint: Endpoint, asked: AskOptions) => askEndpoint(ports, breakers.keys, endpoint, attempt, asked);
  let { hedge = null } = options;
  let last: Finish<Reply> | null = null;
  for (let early = allOpen; waiting.length > 0; early = false) {
    const endpoint = waiting.shift();
    if (endpoint === undefined) break;
    if (!(await breakers.admit(ports, endpoint.provider, early))) {
      options.onAttempt(skipped(endpoint));
      continue;
    }
    const delayMs = hedge?.delayMs(endpoint.keys[0]) ?? null;
    const rival = delayMs === null ? null : takeRival(ports, breakers, endpoint, waiting);
    let finishes: readonly Finish<Reply>[];
    if (hedge === null || delayMs === null || rival === null) {
      finishes = [{ endpoint, ...(await ask(endpoint, options)) }];
    } else {
      finishes = await raceEndpoints(ports, ask, endpoint, rival, delayMs, options, hedge.discard);
      // A rival that was not needed is still there to fail over to.
      if (!finishes.some((finish) => finish.endpoint === rival)) waiting.unshift(rival);
      else hedge = null;
    }
    const { modelId } = endpoint.keys[0];
    const ofOtherModels = waiting.filter(({ keys }) => keys[0].modelId !== modelId);
    const verdict = settleRound(ports, breakers, finishes, options, ofOtherModels.length > 0);
    if (verdict.kind === "over") return verdict.reply;
    if (verdict.kind === "next-model") waiting = ofOtherModels;
    last = finishes.at(-1) ?? last;
    if (ports.clock.now() >= options.limits.deadlineMs) break;
  }
  throw lastError(last, retrySeconds(ports, breakers, candidates));
}

/** Another provider of the same model, in good health, to be asked beside `endpoint`; taken out of those that wait. */
function takeRival(
  ports: FailoverPorts,
  breakers: BreakerView,
  endpoint: Endpoint,
  waiting: Endpoint[],
): Endpoint | null {
  const nowMs = ports.clock.now();
  const index = waiting.findIndex(
    ({ provider, keys }) =>
      provider !== endpoint.provider &&
      keys[0].modelId === endpoint.keys[0].modelId &&
      admission(breakers.state(provider), nowMs) === "call",
  );
  return index < 0 ? null : (waiting.splice(index, 1)[0] ?? null);
}

/** `over`: answered, or null when the client has left. `next-model`: no other provider of this one would do better. */
type Verdict<Reply> =
  | { readonly kind: "over"; readonly reply: Reply | null }
  | { readonly kind: "next-provider" }
  | { readonly kind: "next-model" };

/**
 * Tells the breakers what a round came to, and decides what follows.
 * @param mayChangeModel the client named models to fall back to: a prompt too long for this one, or a rate limit, is not
 *   the end then (openrouter.ai/docs/guides/routing/model-fallbacks, read 2026-11-25)
 * @throws GatewayError for a refusal of the request, and for a rate limit that is not to be evaded
 */
function settleRound<Reply>(
  ports: FailoverPorts,
  breakers: BreakerView,
  finishes: readonly Finish<Reply>[],
  options: AskOptions,
  mayChangeModel: boolean,
): Verdict<Reply> {
  for (const finish of finishes) {
    const { endpoint, result } = finish;
    if (result.kind === "answered") report(ports, breakers, endpoint.provider, "success");
    if (result.kind === "failed") reportFailure(ports, breakers, finish, result.failure);
  }
  for (const { result } of finishes) {
    if (result.kind === "answered") return { kind: "over", reply: result.reply };
    if (result.kind === "abandoned") return { kind: "over", reply: null };
  }
  for (const { result } of finishes) {
    if (result.kind !== "failed") continue;
    const error = finalError(result, options);
    if (error === null) continue;
    if (mayChangeModel && error.code !== "provider_rejected_request") return { kind: "next-model" };
    throw error;
  }
  return { kind: "next-provider" };
}

/** What a failure is told as when no other provider of the model is to be asked; null when one is. */
function finalError(result: FailedAttempt, options: AskOptions): GatewayError | null {
  if (result.failure.kind === "rejected") return rejectedError(result.refusal);
  if (mayGoElsewhere(result.failure.kind) || options.failoverOnRateLimit) return null;
  return rateLimitedError(result.retryAfterMs);
}

/** Nobody is left to ask: what the last one came to, null when nobody was asked at all. */
function lastError(last: Finish<unknown> | null, retryAfterSeconds: number): GatewayError {
  const failure = last?.result.kind === "failed" ? last.result.failure : null;
  if (last !== null && failure !== null && isOfCallersKey(last, failure) && failure.kind !== "rate-limited") {
    return callerKeyRefused(last.endpoint.provider, failure);
  }
  return exhaustedError(failure, retryAfterSeconds);
}

/** A caller's own key was refused: that says nothing of the provider, and is nothing to the operator. */
function isOfCallersKey({ candidate }: Finish<unknown>, failure: AttemptFailure): boolean {
  return isCallers(candidate) && isOfKey(failure.kind);
}

function skipped({ provider, keys: [first] }: Endpoint): AttemptRecord {
  return { provider, model: first.modelId, key: null, outcome: "skipped", status: null };
}

function reportFailure(
  ports: FailoverPorts,
  breakers: BreakerView,
  finish: Finish<unknown>,
  failure: AttemptFailure,
): void {
  if (isOfCallersKey(finish, failure)) return;
  // What a caller wrote into a key may be why there was no answer: others' calls must not suffer for it.
  if (isCallers(finish.candidate) && failure.kind === "unreachable") return;
  const { endpoint } = finish;
  const { provider } = endpoint;
  if (failure.kind === "credentials") {
    ports.log.error("provider_refused_our_key", null, { provider });
    if (hasKeyLeft(ports, breakers, endpoint)) return;
  }
  const outcome = breakerOutcome(failure.kind);
  if (outcome !== null) report(ports, breakers, provider, outcome);
}

/** A pool is not out of keys while one of them is merely limited, or was not to be tried. */
function hasKeyLeft(ports: FailoverPorts, breakers: BreakerView, { keys }: Endpoint): boolean {
  const nowMs = ports.clock.now();
  return keys.some((key) => {
    if (key.credential?.pooled !== true) return false;
    const coolDown = coolDownOf(key, breakers.keys, nowMs);
    return coolDown === null || coolDown.reason === "rate-limited";
  });
}

function report(
  ports: FailoverPorts,
  breakers: BreakerView,
  provider: string,
  outcome: "success" | "failure" | "credentials-refused",
): void {
  const shared = breakers.record(ports, provider, outcome);
  if (shared !== null) ports.background(shared);
}

/** When it is worth coming back: the earliest probe of an open breaker, at least a few seconds. */
function retrySeconds(ports: FailoverPorts, breakers: BreakerView, candidates: readonly Candidate[]): number {
  const nowMs = ports.clock.now();
  const waits = candidates.map(({ provider }) => secondsUntilRetry(breakers.state(provider.id), nowMs));
  return Math.max(5, Math.min(...waits));
}
