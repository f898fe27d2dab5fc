import { assertNotSuspended } from "../accounts/identity.ts";
import { assertUsableFor } from "../catalog/model-tasks.ts";
import { formatUsd, type NanoUsd } from "../money/nano-usd.ts";
import { taskCostNanoUsd, withTenth } from "../money/task-cost.ts";
import type { Ports } from "../ports/ports.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { stripEdits } from "../protocol/strip-fields.ts";
import { fieldOf, type ParsedTask } from "../protocol/tasks/task.ts";
import { callWithFailover } from "../routing/call-with-failover.ts";
import { callerPriced } from "../routing/caller-priced.ts";
import type { Candidate } from "../routing/candidate.ts";
import { rankTaskCandidates } from "../routing/rank-task-candidates.ts";
import { attemptTask, type TaskReply } from "../routing/task-attempt.ts";
import { StageTimings } from "../telemetry/stage-timings.ts";
import { type Admission, admitCall } from "./admit-call.ts";
import { answerOnce } from "./answer-once.ts";
import { authenticate } from "./authenticate.ts";
import type { Gateway } from "./gateway.ts";
import { type IdempotencyWish, onceKeyOf } from "./idempotency-key.ts";
import type { InferenceReply } from "./inference-call.ts";
import { readTaskRouting } from "./read-task-routing.ts";
import { replyHeaders } from "./reply-headers.ts";
import { resolveModel } from "./resolve-model.ts";
import { TaskRelay } from "./task-relay.ts";
import { TaskSettlement } from "./task-settlement.ts";

/** A request as a route hands it over. */
export interface TaskCall {
  readonly credential: string;
  /** The model as the client named it, when that is known before anything is parsed: read along with a cold key. */
  readonly namedModel: unknown;
  /** Validates the request; of an upload it reads no more than it must see. Called once, when the caller is known. */
  readonly parse: () => ParsedTask | Promise<ParsedTask>;
  readonly requestId: string;
  readonly idempotency: IdempotencyWish | null;
  readonly signal: AbortSignal | null;
}

/**
 * The life of one request that is no chat, top to bottom: embeddings, moderations, rerank, images and audio alike.
 * @throws GatewayError whatever refuses the call before it is answered
 */
export async function runTask(gateway: Gateway, ports: Ports, call: TaskCall): Promise<InferenceReply> {
  const timings = new StageTimings(ports.clock);
  const identity = await authenticate(gateway, ports, call.credential, [call.namedModel]);
  assertNotSuspended(identity);
  timings.mark("auth");

  const task = await call.parse();
  const { preferences, session } = readTaskRouting(task);
  const { model, requestedProvider, pinned, preference } = await resolveModel(gateway, ports, task.model);
  if (!servesAnyModel(gateway, requestedProvider)) assertUsableFor(task.format.name, model);
  const providers = await gateway.callerKeys.providersFor(gateway, ports, identity);
  const sort = preferences.sort ?? (preference.sort === "price" ? "price" : null);
  const ranked = rankTaskCandidates(providers, model, task, {
    requestedProvider: pinned || sort === null ? requestedProvider : null,
    preferences: { ...preferences, sort },
    session: session === null ? null : `${identity.accountId} ${session}`,
  });
  const candidates = callerPriced(ranked, gateway.configuration.byokFeePercent);
  timings.mark("route");

  const { accountId, keyId, requestsPerMinute } = identity;
  const wish = call.idempotency;
  const key = wish === null ? null : await onceKeyOf(gateway, ports, accountId, wish.key, await contentOf(task));
  const admit = async () => {
    const admission = await admitCall(gateway, ports, {
      requestId: key?.id ?? call.requestId,
      accountId,
      keyId,
      requestsPerMinute,
      amountNanoUsd: amountToHold(task, candidates),
      outputPerMillion: 0n,
      once: key,
    });
    timings.mark("hold");
    return admission;
  };
  const answer = async (admission: Admission, signal: AbortSignal | null) => {
    const { reservation } = admission;
    const requestId = reservation?.requestId ?? call.requestId;
    const settlement = new TaskSettlement(gateway, ports, { identity, modelId: model.id, call: task, reservation });
    const leaving = new AbortController();
    signal?.addEventListener("abort", () => leaving.abort(), { once: true });
    const { failoverOnRateLimit } = preferences;
    const exchange: Exchange = {
      gateway,
      ports,
      requestId,
      task,
      failoverOnRateLimit,
      admission,
      settlement,
      timings,
      leaving,
    };
    const reply = await callProvider(exchange, candidates);
    timings.mark("upstream");
    return reply === null ? CLIENT_GONE : respond(exchange, reply);
  };
  if (wish === null || key === null) return answer(await admit(), call.signal);
  // What is kept is given again as JSON: a form's reply may be anything.
  const store = task.payload.kind === "form" ? false : wish.store;
  const once = { key, store, accountId, stream: streams(task), signal: call.signal };
  return answerOnce(gateway, ports, once, admit, answer);
}

/** What a repetition must have in common with the first request. */
async function contentOf({ format, payload }: ParsedTask): Promise<string> {
  return `${format.name}\n${payload.kind === "json" ? payload.text : await payload.form.content()}`;
}

/** True where the reply comes bit by bit, so that a repetition can listen to it while it does. */
function streams(task: ParsedTask): boolean {
  return task.format.repliesOtherwise === "bytes" || String(fieldOf(task, "stream")) === "true";
}

/** An admitted task on its way to an answer. */
interface Exchange {
  readonly gateway: Gateway;
  readonly ports: Ports;
  /** Under which it is held and settled. */
  readonly requestId: string;
  readonly task: ParsedTask;
  /** Rather another provider than waiting for this one. */
  readonly failoverOnRateLimit: boolean;
  readonly admission: Admission;
  readonly settlement: TaskSettlement;
  readonly timings: StageTimings;
  readonly leaving: AbortController;
}

const CLIENT_GONE: InferenceReply = { status: 499, headers: {}, body: "" };

/** Of a local server's models nobody knows what they are for. */
function servesAnyModel(gateway: Gateway, requestedProvider: string | null): boolean {
  return requestedProvider !== null && gateway.providers.get(requestedProvider)?.declaration.acceptsAnyModel === true;
}

/** What to hold: the estimate at the dearest candidate, so that a failover stays within it. */
function amountToHold(task: ParsedTask, candidates: readonly Candidate[]): NanoUsd {
  const costs = candidates.map(({ price }) => taskCostNanoUsd(price, task.estimate));
  const dearest = costs.reduce((most, cost) => (cost > most ? cost : most), 0n);
  return task.format.holdsTenthMore ? withTenth(dearest) : dearest;
}

/** Not even for a provider that may be asked again at once. */
const NO_WAIT_MS = -1;

/** The provider's answer, or null when the client has left. A call that nobody answered is settled here, for nothing. */
async function callProvider(exchange: Exchange, candidates: readonly Candidate[]): Promise<TaskReply | null> {
  const { gateway, ports, task, settlement, leaving } = exchange;
  const { timeouts } = gateway.configuration;
  const form = task.payload.kind === "form" ? task.payload.form : null;
  // Whoever may be asked after another needs what that one was sent; one alone gets it as it comes and it is let go.
  const again = form === null || candidates.length > 1;
  if (form !== null && again) form.keep();
  const limits = {
    firstTokenMs: timeouts.firstTokenMs,
    idleMs: timeouts.idleMs,
    deadlineMs: ports.clock.now() + timeouts.wholeRequestMs,
  };
  const { clock, callUpstream } = ports;
  const attemptPorts = { clock, callUpstream, accessTokens: gateway.accessTokens };
  const tryCandidate = (candidate: Candidate, signal: AbortSignal | null) =>
    attemptTask(attemptPorts, candidate, task, limits, signal);
  try {
    const reply = await callWithFailover(ports, gateway.breakers, candidates, tryCandidate, {
      limits,
      maxRateLimitWaitMs: again ? timeouts.rateLimitWaitMs : NO_WAIT_MS,
      failoverOnRateLimit: exchange.failoverOnRateLimit,
      clientSignal: leaving.signal,
      onAttempt: (record) => settlement.noteAttempt(record),
    });
    if (reply === null) await settlement.settleUnanswered();
    if (reply === null && form !== null && form.failure !== null) throw form.failure;
    return reply;
  } catch (error) {
    await settlement.settleUnanswered();
    throw error;
  }
}

function respond(exchange: Exchange, reply: TaskReply): InferenceReply {
  const { ports, requestId, task, admission, settlement, timings } = exchange;
  settlement.begin(reply.candidate);
  const generationId = `gen_${requestId.slice("req_".length)}`;
  const headers = () => replyHeaders(reply, admission, timings, generationId, ports.clock.now());
  if (reply.kind === "stream") {
    const body = new TaskRelay(reply, task, settlement, requestId);
    return { status: 200, headers: { ...headers(), "content-type": reply.contentType, ...STREAMED }, body };
  }
  if (reply.kind === "json") settlement.note(reply.answer.consumed);
  const cost = formatUsd(settlement.costNanoUsd);
  settlement.settle("completed");
  const body = reply.kind === "json" ? withCost(reply, cost) : reply.text;
  timings.mark("translate");
  const contentType = reply.kind === "json" ? "application/json" : reply.contentType;
  return { status: 200, headers: { ...headers(), "content-type": contentType, "x-gateway-cost": cost }, body };
}

const STREAMED = { "cache-control": "no-cache", "x-accel-buffering": "no" };

/** The cost joins a usage that is there; one of its own would be read by clients as the vendor's. */
function withCost({ answer, candidate }: TaskReply & { readonly kind: "json" }, cost: string): string {
  const strip = stripEdits(candidate.provider.stripFromReply ?? []);
  return spliceJson(answer.text, {
    ...strip.reply,
    usage: (own) => (own?.startsWith("{") === true ? spliceJson(own, { ...strip.usage, cost }) : own),
  });
}
