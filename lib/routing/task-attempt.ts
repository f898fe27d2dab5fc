import type { UpstreamReply } from "../ports/upstream.ts";
import { isJsonObject, type JsonObject } from "../protocol/json.ts";
import type { ParsedTask } from "../protocol/tasks/task.ts";
import type { AuthorizationPorts } from "../providers/authorize.ts";
import type { TaskAnswer } from "../providers/tasks/task-wire.ts";
import { taskWireFor } from "../providers/tasks/task-wires.ts";
import { AttemptAborted } from "./attempt-failure.ts";
import {
  type AttemptLimits,
  type AttemptResult,
  attemptOfError,
  type FailedAttempt,
  failedAttempt,
} from "./attempt-result.ts";
import { authorized, type Candidate } from "./candidate.ts";
import { readFailure } from "./read-failure.ts";
import { Watchdog } from "./watchdog.ts";

interface Answered {
  readonly candidate: Candidate;
  readonly ignoredParameters: readonly string[];
}

/** A provider's answer to a task. */
export type TaskReply =
  | (Answered & { readonly kind: "json"; readonly answer: TaskAnswer })
  | (Answered & { readonly kind: "text"; readonly contentType: string; readonly text: string })
  | (Answered & { readonly kind: "stream"; readonly contentType: string; readonly stream: OpenedStream });

/** Bytes on their way, of which the first have come. */
interface OpenedStream {
  readonly first: Uint8Array;
  readonly rest: AsyncIterator<Uint8Array, undefined>;
  readonly watchdog: Watchdog;
  /** Ends the call; a waiting read rejects with this. */
  abort(reason: AttemptAborted): void;
}

export type StreamReply = TaskReply & { readonly kind: "stream" };

const MAX_REPLY_BYTES = 64 * 1024 * 1024;
/** What a recording may be called in the reply's head: nothing of a provider's head is passed on unread (K24). */
const BINARY_TYPE = /^(?:audio|video)\/[\w.+-]{1,40}$|^application\/octet-stream$/;

/** An upload that was let go as it was sent cannot be sent again: its client is told to come back. */
const SENT_ALREADY: FailedAttempt = {
  ...failedAttempt({ kind: "rate-limited", status: 429 }),
  retryAfterMs: 1_000,
};

/** Asks one candidate and waits until it has answered or failed. Never rejects. */
export async function attemptTask(
  ports: AuthorizationPorts,
  candidate: Candidate,
  call: ParsedTask,
  limits: AttemptLimits,
  clientSignal: AbortSignal | null,
): Promise<AttemptResult<TaskReply>> {
  const { clock } = ports;
  const { provider, baseUrl, nativeModel } = candidate;
  const wire = taskWireFor(provider, call.format.name);
  if (wire === null || clientSignal?.aborted === true) return { kind: "abandoned" };
  if (!canBeSent(call)) return SENT_ALREADY;
  const controller = new AbortController();
  const abort = (reason: AttemptAborted) => controller.abort(reason);
  const onClientGone = () => abort(new AttemptAborted("client-gone"));
  clientSignal?.addEventListener("abort", onClientGone, { once: true });
  const leftMs = Math.max(1, limits.deadlineMs - clock.now());
  const watchdog = new Watchdog(clock, leftMs, () => abort(new AttemptAborted("timeout")));
  const stop = () => {
    watchdog.stop();
    clientSignal?.removeEventListener("abort", onClientGone);
  };
  try {
    const { request, ignoredParameters } = wire.encode({ provider, baseUrl, nativeModel, call });
    const upstream = await ports.callUpstream(
      await authorized(request, candidate, ports, controller.signal),
      controller.signal,
    );
    if (upstream.status >= 300) {
      const failure = await readFailure(clock, candidate, upstream);
      stop();
      // A token may be withdrawn before its time: the next call asks for a new one.
      const { credential } = candidate;
      if (failure.failure.kind === "credentials" && credential !== null) ports.accessTokens.forget(credential.secret);
      return failure;
    }
    const answered = { candidate, ignoredParameters };
    const contentType = wire.passesThrough ? passedType(upstream, call) : null;
    if (contentType !== null && !contentType.startsWith("text/plain")) {
      const rest = upstream.body[Symbol.asyncIterator]();
      const first = await rest.next();
      clientSignal?.removeEventListener("abort", onClientGone);
      if (first.done === true) {
        stop();
        return failedAttempt({ kind: "garbage", status: 200 });
      }
      watchdog.reset(Math.max(1, Math.min(limits.idleMs, limits.deadlineMs - clock.now())));
      const stream = { first: first.value, rest, watchdog, abort };
      return { kind: "answered", reply: { ...answered, kind: "stream", contentType, stream } };
    }
    const text = await upstream.body.text(MAX_REPLY_BYTES);
    stop();
    if (contentType !== null) return { kind: "answered", reply: { ...answered, kind: "text", contentType, text } };
    const answer = answerOf(text, (body) => wire.decodeReply(body, text, call));
    return answer === null
      ? failedAttempt({ kind: "garbage", status: 200 })
      : { kind: "answered", reply: { ...answered, kind: "json", answer } };
  } catch (error) {
    stop();
    // A form that broke off is nothing that a provider could be blamed for.
    if (call.payload.kind === "form" && call.payload.form.failure !== null) return { kind: "abandoned" };
    return attemptOfError(controller.signal.aborted ? controller.signal.reason : error);
  }
}

function canBeSent({ payload }: ParsedTask): boolean {
  return payload.kind === "json" || payload.form.canBeSent;
}

/** What a reply that is no JSON is passed on as; null: it is JSON, or nothing that this task's clients could read. */
function passedType(upstream: UpstreamReply, { format }: ParsedTask): string | null {
  const stated = (upstream.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (stated === "text/event-stream") return "text/event-stream; charset=utf-8";
  if (format.repliesOtherwise === "text" && /^text\/(?:plain|vtt|srt)$|^application\/x-subrip$/.test(stated)) {
    return "text/plain; charset=utf-8";
  }
  return format.repliesOtherwise === "bytes" && BINARY_TYPE.test(stated) ? stated : null;
}

/** Null: no JSON, or not this task's. */
function answerOf(text: string, decode: (body: JsonObject) => TaskAnswer | null): TaskAnswer | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  return isJsonObject(body) ? decode(body) : null;
}
