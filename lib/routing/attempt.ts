import type { Clock } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { UpstreamReply } from "../ports/upstream.ts";
import { type ChatEvent, isSemantic } from "../protocol/chat-event.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../protocol/json.ts";
import type { ProviderFailure } from "../providers/wire-format.ts";
import { AttemptAborted, type AttemptFailure, failureOfStatus } from "./attempt-failure.ts";
import type { Candidate } from "./candidate.ts";
import { type DecodedFrame, ProviderStream } from "./provider-stream.ts";
import { Watchdog } from "./watchdog.ts";

/** A provider's answer, committed to: from here on there is no other provider for this call. */
export type ProviderReply =
  | {
      readonly kind: "whole";
      readonly candidate: Candidate;
      readonly ignoredParameters: readonly string[];
      readonly text: string;
      readonly body: JsonObject;
      readonly events: readonly ChatEvent[];
    }
  | {
      readonly kind: "stream";
      readonly candidate: Candidate;
      readonly ignoredParameters: readonly string[];
      /** What came before and with the first semantic event. */
      readonly head: readonly DecodedFrame[];
      readonly stream: ProviderStream;
      /** Ends the call: `reason` is what the stream's next read rejects with. */
      readonly abort: (reason: AttemptAborted) => void;
      /** Stops the timers of the attempt, which go on through the relay. */
      readonly watchdog: Watchdog;
    };

export type AttemptResult =
  | { readonly kind: "answered"; readonly reply: ProviderReply }
  | {
      readonly kind: "failed";
      readonly failure: AttemptFailure;
      /** The provider's own explanation, for a refusal that the client must understand. */
      readonly refusal: ProviderFailure | null;
      readonly retryAfterMs: number | null;
    }
  /** The client has left: nobody waits for an answer. */
  | { readonly kind: "abandoned" };

export interface AttemptLimits {
  /** From the start of the call to the first semantic event of a stream, milliseconds. */
  readonly firstTokenMs: number;
  /** Between semantic events, milliseconds. */
  readonly idleMs: number;
  /** When the whole request must be over, milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** What is held back while a stream has not said anything yet (DESIGN, section 5). */
const MAX_HELD_FRAMES = 64;
const MAX_HELD_CHARACTERS = 256 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

type AttemptPorts = Pick<Ports, "clock" | "callUpstream">;

/** Sends the call to one candidate and waits until it has answered or failed. Never rejects. */
export async function attempt(
  ports: AttemptPorts,
  candidate: Candidate,
  call: ParsedCall,
  limits: AttemptLimits,
  clientSignal: AbortSignal | null,
): Promise<AttemptResult> {
  const controller = new AbortController();
  const abort = (reason: AttemptAborted) => controller.abort(reason);
  const onClientGone = () => abort(new AttemptAborted("client-gone"));
  if (clientSignal?.aborted === true) return { kind: "abandoned" };
  clientSignal?.addEventListener("abort", onClientGone, { once: true });
  const watchdog = startWatchdog(ports.clock, candidate, call, limits, abort);
  const stop = () => {
    watchdog.stop();
    clientSignal?.removeEventListener("abort", onClientGone);
  };
  try {
    const encoded = candidate.wire.encode({
      provider: candidate.provider,
      baseUrl: candidate.baseUrl,
      apiKey: candidate.apiKey,
      nativeModel: candidate.nativeModel,
      maxOutputTokens: candidate.maxOutputTokens,
      call,
    });
    const upstream = await ports.callUpstream(encoded.request, controller.signal);
    if (upstream.status >= 300) {
      const result = await readFailure(ports.clock, candidate, upstream);
      stop();
      return result;
    }
    const { ignoredParameters } = encoded;
    if (call.stream && isEventStream(upstream)) {
      const stream = new ProviderStream(upstream.body, candidate.wire.createStreamDecoder());
      const opened = await waitForCommit(stream);
      // The relay goes on with the same timers and its own way of seeing the client leave.
      clientSignal?.removeEventListener("abort", onClientGone);
      if (opened.kind === "failed") {
        watchdog.stop();
        stream.cancel();
        return opened;
      }
      watchdog.reset(idleTimeout(ports.clock, limits));
      return {
        kind: "answered",
        reply: { kind: "stream", candidate, ignoredParameters, head: opened.head, stream, abort, watchdog },
      };
    }
    const text = await upstream.body.text(MAX_REPLY_BYTES);
    stop();
    return readWhole(candidate, ignoredParameters, text);
  } catch (error) {
    stop();
    return failureOfError(controller.signal.aborted ? controller.signal.reason : error);
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

function isEventStream(upstream: UpstreamReply): boolean {
  return upstream.header("content-type")?.includes("text/event-stream") ?? false;
}

type Commit =
  | { readonly kind: "committed"; readonly head: readonly DecodedFrame[] }
  | (AttemptResult & { kind: "failed" });

/**
 * Holds frames back until the first that has content, or until the stream has ended well without any. Comments are not
 * kept: some providers send hundreds while a model thinks, and a client that waits gets ours.
 */
async function waitForCommit(stream: ProviderStream): Promise<Commit> {
  const head: DecodedFrame[] = [];
  let heldCharacters = 0;
  for (;;) {
    const batch = await stream.next();
    if (batch === null) return failed({ kind: "garbage", status: 200 });
    let committed = false;
    for (const decoded of batch) {
      if (decoded.frame.data === null && !committed) continue;
      head.push(decoded);
      heldCharacters += decoded.frame.raw.length;
      for (const event of decoded.events) {
        if (event.kind === "error" && !committed) return failed(failureOfStatus(event.status));
        if (isSemantic(event) || event.kind === "finish") committed = true;
      }
    }
    if (committed || head.length >= MAX_HELD_FRAMES || heldCharacters >= MAX_HELD_CHARACTERS) {
      return { kind: "committed", head };
    }
  }
}

function readWhole(candidate: Candidate, ignoredParameters: readonly string[], text: string): AttemptResult {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failed({ kind: "garbage", status: 200 });
  }
  if (!isJsonObject(body)) return failed({ kind: "garbage", status: 200 });
  const events = candidate.wire.decodeReply(body);
  const error = events.find((event) => event.kind === "error");
  if (error?.kind === "error") return failed(failureOfStatus(error.status));
  return { kind: "answered", reply: { kind: "whole", candidate, ignoredParameters, text, body, events } };
}

async function readFailure(clock: Clock, candidate: Candidate, upstream: UpstreamReply): Promise<AttemptResult> {
  const failure = failureOfStatus(upstream.status);
  if (upstream.status < 400) {
    upstream.body.cancel(); // a redirect is not followed: hosts are ours to name (K1)
    return failed(failure);
  }
  let text = "";
  try {
    text = await upstream.body.text(MAX_ERROR_BYTES);
  } catch {
    upstream.body.cancel();
  }
  // Some say with 400 what others say with 401 or 429, and when to come back in the body only.
  const told = candidate.wire.decodeFailure(upstream.status, text);
  const meant = told.meantStatus === undefined ? failure : failureOfStatus(told.meantStatus);
  return {
    kind: "failed",
    failure: meant,
    refusal: meant.kind === "rejected" ? told : null,
    retryAfterMs: retryAfter(clock, upstream) ?? told.retryAfterMs ?? null,
  };
}

/** `Retry-After` in either form, or OpenAI's `retry-after-ms`; null when there is none to trust. */
function retryAfter(clock: Clock, upstream: UpstreamReply): number | null {
  const milliseconds = Number(upstream.header("retry-after-ms") ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const value = upstream.header("retry-after");
  if (value === null) return null;
  const seconds = Number(value);
  if (seconds >= 0) return seconds * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - clock.now());
}

function failed(failure: AttemptFailure): AttemptResult & { kind: "failed" } {
  return { kind: "failed", failure, refusal: null, retryAfterMs: null };
}

function failureOfError(error: unknown): AttemptResult {
  if (error instanceof AttemptAborted) {
    if (error.reason === "client-gone") return { kind: "abandoned" };
    return failed({ kind: "timeout", status: null });
  }
  if (error instanceof Error && error.name === "UpstreamBodyTooLarge") return failed({ kind: "garbage", status: 200 });
  return failed({ kind: "unreachable", status: null });
}
