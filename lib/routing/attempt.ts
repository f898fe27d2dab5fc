import type { Clock } from "../ports/clock.ts";
import type { UpstreamReply } from "../ports/upstream.ts";
import { type ChatEvent, isSemantic } from "../protocol/chat-event.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../protocol/json.ts";
import type { AuthorizationPorts } from "../providers/authorize.ts";
import type { WireFormat } from "../providers/wire-format.ts";
import { AttemptAborted, failureOfStatus } from "./attempt-failure.ts";
import {
  type AttemptLimits,
  type AttemptResult,
  attemptOfError,
  type FailedAttempt,
  failedAttempt,
} from "./attempt-result.ts";
import { authorized, type Candidate } from "./candidate.ts";
import { type DecodedFrame, ProviderStream } from "./provider-stream.ts";
import { readFailure } from "./read-failure.ts";
import { Watchdog } from "./watchdog.ts";

/** A provider's answer, committed to: from here on there is no other provider for this call. */
export type ProviderReply =
  | {
      readonly kind: "whole";
      readonly candidate: Candidate;
      /** From the call's start to the whole of the reply, milliseconds. */
      readonly elapsedMs: number;
      readonly ignoredParameters: readonly string[];
      readonly text: string;
      readonly body: JsonObject;
      readonly events: readonly ChatEvent[];
    }
  | {
      readonly kind: "stream";
      readonly candidate: Candidate;
      /** From the call's start to the first content, milliseconds. */
      readonly elapsedMs: number;
      readonly ignoredParameters: readonly string[];
      /** What came before and with the first semantic event. */
      readonly head: readonly DecodedFrame[];
      readonly stream: ProviderStream;
      /** Ends the call: `reason` is what the stream's next read rejects with. */
      readonly abort: (reason: AttemptAborted) => void;
      /** Stops the timers of the attempt, which go on through the relay. */
      readonly watchdog: Watchdog;
    };

/** What is held back while a stream has not said anything yet (DESIGN, section 5). */
const MAX_HELD_FRAMES = 64;
const MAX_HELD_CHARACTERS = 256 * 1024;
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** Sends the call to one candidate and waits until it has answered or failed. Never rejects. */
export async function attempt(
  ports: AuthorizationPorts,
  candidate: Candidate,
  call: ParsedCall,
  limits: AttemptLimits,
  clientSignal: AbortSignal | null,
): Promise<AttemptResult<ProviderReply>> {
  const controller = new AbortController();
  const abort = (reason: AttemptAborted) => controller.abort(reason);
  const onClientGone = () => abort(new AttemptAborted("client-gone"));
  if (clientSignal?.aborted === true) return { kind: "abandoned" };
  clientSignal?.addEventListener("abort", onClientGone, { once: true });
  const startedAtMs = ports.clock.monotonicMs();
  const elapsedMs = () => ports.clock.monotonicMs() - startedAtMs;
  const watchdog = startWatchdog(ports.clock, candidate, call, limits, abort);
  const stop = () => {
    watchdog.stop();
    clientSignal?.removeEventListener("abort", onClientGone);
  };
  try {
    const { provider, wire, baseUrl, nativeModel, maxOutputTokens } = candidate;
    const encoded = wire.encode({ provider, baseUrl, nativeModel, maxOutputTokens, call });
    const request = await authorized(encoded.request, candidate, ports, controller.signal);
    const upstream = await ports.callUpstream(request, controller.signal);
    if (upstream.status >= 300) {
      const result = await readFailure(ports.clock, candidate, upstream);
      stop();
      // A token may be withdrawn before its time: the next call asks for a new one.
      const { credential } = candidate;
      if (result.failure.kind === "credentials" && credential !== null) ports.accessTokens.forget(credential.secret);
      return result;
    }
    const { ignoredParameters } = encoded;
    if (call.stream && isEventStream(upstream, wire)) {
      const stream = new ProviderStream(upstream.body, wire.createStreamDecoder(), wire.framing?.createParser());
      const opened = await waitForCommit(stream);
      // The relay goes on with the same timers and its own way of seeing the client leave.
      clientSignal?.removeEventListener("abort", onClientGone);
      if (opened.kind === "failed") {
        watchdog.stop();
        stream.cancel();
        return opened;
      }
      watchdog.reset(idleTimeout(ports.clock, limits));
      const opening = { head: opened.head, stream, abort, watchdog, elapsedMs: elapsedMs() };
      return { kind: "answered", reply: { kind: "stream", candidate, ignoredParameters, ...opening } };
    }
    const text = await upstream.body.text(MAX_REPLY_BYTES);
    stop();
    return readWhole(candidate, ignoredParameters, text, elapsedMs());
  } catch (error) {
    stop();
    return attemptOfError(controller.signal.aborted ? controller.signal.reason : error);
  }
}

/** A stream must say something within `firstTokenMs`; a whole reply has until the deadline. */
function startWatchdog(
  clock: Clock,
  candidate: Candidate,
  call: ParsedCall,
  limits: AttemptLimits,
  abort: (reason: AttemptAborted) => void,
): Watchdog {
  const leftMs = Math.max(1, limits.deadlineMs - clock.now());
  const firstTokenMs = candidate.provider.firstTokenTimeoutMs ?? limits.firstTokenMs;
  const timeoutMs = call.stream ? Math.min(leftMs, firstTokenMs) : leftMs;
  return new Watchdog(clock, timeoutMs, () => abort(new AttemptAborted("timeout")));
}

function idleTimeout(clock: Clock, limits: AttemptLimits): number {
  return Math.max(1, Math.min(limits.idleMs, limits.deadlineMs - clock.now()));
}

function isEventStream(upstream: UpstreamReply, { framing }: WireFormat): boolean {
  return upstream.header("content-type")?.includes(framing?.contentType ?? "text/event-stream") ?? false;
}

type Commit = { readonly kind: "committed"; readonly head: readonly DecodedFrame[] } | FailedAttempt;

/**
 * Holds frames back until the first that has content, or until the stream has ended well without any. Comments are not
 * kept: some providers send hundreds while a model thinks, and a client that waits gets ours.
 */
async function waitForCommit(stream: ProviderStream): Promise<Commit> {
  const head: DecodedFrame[] = [];
  let heldCharacters = 0;
  for (;;) {
    const batch = await stream.next();
    if (batch === null) return failedAttempt({ kind: "garbage", status: 200 });
    let committed = false;
    for (const decoded of batch) {
      if (decoded.frame.data === null && !committed) continue;
      head.push(decoded);
      heldCharacters += decoded.frame.raw.length;
      for (const event of decoded.events) {
        if (event.kind === "error" && !committed) return failedAttempt(failureOfStatus(event.status));
        if (isSemantic(event) || event.kind === "finish") committed = true;
      }
    }
    if (committed || head.length >= MAX_HELD_FRAMES || heldCharacters >= MAX_HELD_CHARACTERS) {
      return { kind: "committed", head };
    }
  }
}

function readWhole(
  candidate: Candidate,
  ignoredParameters: readonly string[],
  text: string,
  elapsedMs: number,
): AttemptResult<ProviderReply> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failedAttempt({ kind: "garbage", status: 200 });
  }
  if (!isJsonObject(body)) return failedAttempt({ kind: "garbage", status: 200 });
  const events = candidate.wire.decodeReply(body);
  const error = events.find((event) => event.kind === "error");
  if (error?.kind === "error") return failedAttempt(failureOfStatus(error.status));
  return { kind: "answered", reply: { kind: "whole", candidate, elapsedMs, ignoredParameters, text, body, events } };
}
