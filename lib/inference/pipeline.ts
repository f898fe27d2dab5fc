import { assertNotSuspended, type Identity } from "../accounts/identity.ts";
import type { OnceKey } from "../billing/reserve-once.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { rateLimitHeaders } from "../limits/take-rate-limit.ts";
import type { ClientStream } from "../ports/client-stream.ts";
import { firstOf } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { ParsedCall, ReplyContext } from "../protocol/client-format.ts";
import { attempt, type ProviderReply } from "../routing/attempt.ts";
import { callWithFailover } from "../routing/call-with-failover.ts";
import type { Candidate } from "../routing/candidate.ts";
import { ROUTING_HEADER } from "../routing/routing-report.ts";
import { StageTimings } from "../telemetry/stage-timings.ts";
import { type Admission, admitCall } from "./admit-call.ts";
import { answerOnce } from "./answer-once.ts";
import { authenticate } from "./authenticate.ts";
import { CallSettlement } from "./call-settlement.ts";
import { patientStream, streamOf } from "./client-stream.ts";
import type { Gateway } from "./gateway.ts";
import { hedgeFor, measured } from "./hedge-call.ts";
import { onceKeyOf } from "./idempotency-key.ts";
import type { InferenceCall, InferenceReply } from "./inference-call.ts";
import { modelNamesIn, planRoute, type RoutePlan, withFirstModel } from "./plan-route.ts";
import { replyHeaders } from "./reply-headers.ts";
import { relayOf } from "./respond-streaming.ts";
import { respondWhole, streamWhole } from "./respond-whole.ts";

const EVENT_STREAM = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
};

/**
 * The life of one inference request, top to bottom; streamed or whole, OpenAI or Anthropic, it is this one.
 * @throws GatewayError whatever refuses the call before it is answered
 */
export async function runInference(gateway: Gateway, ports: Ports, call: InferenceCall): Promise<InferenceReply> {
  const timings = new StageTimings(ports.clock);
  const { onBehalf = null } = call;
  const identity = onBehalf?.identity ?? (await authenticate(gateway, ports, call.credential, modelNamesIn(call.body)));
  assertNotSuspended(identity);
  timings.mark("auth");

  const { body, text } = withFirstModel(call);
  const asked = call.format.parse(body, text, call.protocolHeaders);
  const plan = await planRoute(gateway, ports, identity, call, asked);
  const [{ price, modelId }] = plan.candidates;
  const parsed = plan.callFor(modelId);
  timings.mark("route");

  const { accountId, keyId, requestsPerMinute } = identity;
  const key = onBehalf?.once ?? (await onceKeyOfCall(gateway, ports, accountId, call));
  const admit = async () => {
    const admission = await admitCall(gateway, ports, {
      requestId: key?.id ?? call.requestId,
      accountId,
      // What is made on behalf has its own bound on how much runs at once, and takes nothing from the key's minute.
      keyId: onBehalf === null ? keyId : `${keyId}:on-behalf`,
      requestsPerMinute: onBehalf === null ? requestsPerMinute : UNLIMITED_PER_MINUTE,
      amountNanoUsd: plan.expectedCostNanoUsd,
      outputPerMillion: price.outputPerMillion,
      once: key,
    });
    timings.mark("hold");
    return admission;
  };
  const answer = (admission: Admission, signal: AbortSignal | null) => {
    const requestId = admission.reservation?.requestId ?? call.requestId;
    const admitted = {
      gateway,
      ports,
      identity,
      call: { ...call, requestId, signal },
      parsed,
      plan,
      admission,
      timings,
    };
    return answerAdmitted(admitted);
  };
  if (key === null) return answer(await admit(), call.signal);
  const store = call.idempotency?.store ?? (onBehalf === null ? null : false);
  const once = { key, store, accountId, stream: parsed.stream, signal: call.signal };
  return answerOnce(gateway, ports, once, admit, answer);
}

const UNLIMITED_PER_MINUTE = 1_000_000_000;

/** A repetition must have the route and the body in common with the first request. */
async function onceKeyOfCall(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  { idempotency, format, text }: InferenceCall,
): Promise<OnceKey | null> {
  if (idempotency === null) return null;
  return onceKeyOf(gateway, ports, accountId, idempotency.key, `${format.name}\n${format.target ?? ""}\n${text}`);
}

/** A call that may be made. */
interface AdmittedCall {
  readonly gateway: Gateway;
  readonly ports: Ports;
  readonly identity: Identity;
  readonly call: InferenceCall;
  readonly parsed: ParsedCall;
  readonly plan: RoutePlan;
  readonly admission: Admission;
  readonly timings: StageTimings;
}

function answerAdmitted(admitted: AdmittedCall): Promise<InferenceReply> {
  const { gateway, ports, identity, call, parsed, plan, admission, timings } = admitted;
  const [{ modelId }] = plan.candidates;
  const settlement = new CallSettlement(gateway, ports, {
    identity,
    modelId,
    call: parsed,
    reservation: admission.reservation,
  });
  const context: ReplyContext = {
    request: parsed.body,
    generationId: `gen_${call.requestId.slice("req_".length)}`,
    model: modelId,
    createdSeconds: Math.floor(ports.clock.now() / 1000),
    includeUsage: parsed.includeUsage,
    stripFields: [],
    estimatedInputTokens: parsed.estimatedInputTokens,
    costOf: (usage) => settlement.costOf(usage),
  };
  const leaving = new AbortController();
  call.signal?.addEventListener("abort", () => leaving.abort(), { once: true });
  const exchange: Exchange = { gateway, ports, call, parsed, plan, admission, settlement, context, timings, leaving };
  return parsed.stream ? answerStreaming(exchange) : answerWhole(exchange);
}

/** An admitted call on its way to an answer. */
interface Exchange {
  readonly gateway: Gateway;
  readonly ports: Ports;
  readonly call: InferenceCall;
  readonly parsed: ParsedCall;
  readonly plan: RoutePlan;
  readonly admission: Admission;
  readonly settlement: CallSettlement;
  readonly context: ReplyContext;
  readonly timings: StageTimings;
  readonly leaving: AbortController;
}

/** Nobody is there to read it: the status that nginx gave a name to. */
const CLIENT_GONE: InferenceReply = { status: 499, headers: {}, body: "" };

async function answerWhole(exchange: Exchange): Promise<InferenceReply> {
  const reply = await callProvider(exchange);
  exchange.timings.mark("upstream");
  if (reply === null) return CLIENT_GONE;
  if (reply.kind === "stream") throw new Error("A call that asked for no stream was answered with one.");
  const answer = respondWhole(reply, exchange.call.format, exchange.settlement, contextOf(exchange, reply));
  exchange.timings.mark("translate");
  return {
    status: 200,
    headers: { ...headersOf(exchange, reply), "content-type": "application/json", "x-gateway-cost": answer.cost },
    body: answer.body,
  };
}

/**
 * Waits for the first word, so that a failure can still be a status of its own; when it takes long, the stream is
 * opened with keep-alives and whatever follows is told in it.
 */
async function answerStreaming(exchange: Exchange): Promise<InferenceReply> {
  const { ports, gateway, leaving } = exchange;
  const { keepAliveMs } = gateway.configuration.timeouts;
  const answering = callProvider(exchange).then((reply) => ({ reply }));
  const prompt = await firstOf(ports.clock, answering, keepAliveMs);
  exchange.timings.mark("upstream");
  if (prompt === null) {
    const opened = answering.then(
      ({ reply }) => (reply === null ? streamOf("") : clientStream(exchange, reply)),
      (error: unknown) => streamOf(failureText(exchange, error)),
    );
    const { keepAlive } = exchange.call.format;
    const stream = patientStream(ports.clock, opened, keepAliveMs, () => leaving.abort(), keepAlive);
    return { status: 200, headers: { ...EVENT_STREAM, ...lateHeaders(exchange) }, body: stream };
  }
  const { reply } = prompt;
  if (reply === null) return CLIENT_GONE;
  const headers = { ...EVENT_STREAM, ...headersOf(exchange, reply) };
  return { status: 200, headers, body: clientStream(exchange, reply) };
}

function clientStream(exchange: Exchange, reply: ProviderReply): ClientStream {
  const { ports, call, settlement } = exchange;
  const context = contextOf(exchange, reply);
  if (reply.kind === "whole") return streamOf(streamWhole(reply, call.format, settlement, context));
  return relayOf(ports, reply, call.format, settlement, context, call.requestId);
}

/** The provider's answer, or null when the client has left. A call that nobody answered is settled here, for nothing. */
async function callProvider(exchange: Exchange): Promise<ProviderReply | null> {
  const { gateway, ports, parsed, plan, settlement, leaving } = exchange;
  const { timeouts } = gateway.configuration;
  const limits = {
    firstTokenMs: timeouts.firstTokenMs,
    idleMs: timeouts.idleMs,
    deadlineMs: ports.clock.now() + timeouts.wholeRequestMs,
  };
  const attemptPorts = { clock: ports.clock, callUpstream: ports.callUpstream, accessTokens: gateway.accessTokens };
  const tryOne = (candidate: Candidate, signal: AbortSignal | null) =>
    attempt(attemptPorts, candidate, plan.callFor(candidate.modelId), limits, signal);
  const tryCandidate = parsed.stream ? measured(gateway, ports.clock, leaving.signal, tryOne) : tryOne;
  try {
    const reply = await callWithFailover(ports, gateway.breakers, plan.candidates, tryCandidate, {
      limits,
      maxRateLimitWaitMs: timeouts.rateLimitWaitMs,
      failoverOnRateLimit: plan.preferences.failoverOnRateLimit,
      clientSignal: leaving.signal,
      hedge: hedgeFor(gateway, parsed),
      onAttempt: (record) => {
        settlement.noteAttempt(record);
        plan.report.note(record);
      },
    });
    if (reply === null) await settlement.settleUnanswered();
    return reply;
  } catch (error) {
    await settlement.settleUnanswered();
    throw error instanceof GatewayError ? error.withHeaders(reportHeaders(exchange)) : error;
  }
}

/** The context of the reply that came: its model may be one that the client named to fall back to. */
function contextOf({ context }: Exchange, { candidate }: ProviderReply): ReplyContext {
  return { ...context, model: candidate.modelId };
}

/** The header that tells of the route, for a client that asks for it. */
function reportHeaders({ call, plan }: Exchange): Record<string, string> {
  return call.routing?.reported === true ? { [ROUTING_HEADER]: plan.report.header() } : {};
}

function headersOf(exchange: Exchange, reply: ProviderReply): Record<string, string> {
  const { admission, timings, context, ports } = exchange;
  const headers = replyHeaders(reply, admission, timings, context.generationId, ports.clock.now());
  return { ...headers, ...reportHeaders(exchange) };
}

function lateHeaders(exchange: Exchange): Record<string, string> {
  const { admission, timings, context, ports } = exchange;
  return {
    "x-generation-id": context.generationId,
    "server-timing": timings.header(),
    ...rateLimitHeaders(admission.limit, ports.clock.now()),
    ...reportHeaders(exchange),
  };
}

function failureText(exchange: Exchange, error: unknown): string {
  const { call, context, ports } = exchange;
  if (!(error instanceof GatewayError)) ports.log.error("stream_failed", error, { requestId: call.requestId });
  const known = error instanceof GatewayError ? error : new GatewayError("internal_error", "The gateway failed.");
  return call.format.createStreamEncoder(context).fail(known, call.requestId);
}
