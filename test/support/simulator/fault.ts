import type { UsageBehaviour } from "./stream-event.ts";

/**
 * A place in a reply: `request` is before a byte of it, `headers` after its headers, a number after that many content
 * events of a stream. A reply that is not streamed is cut in its middle for any number.
 */
export type Place = "request" | "headers" | number;

export type LineEnding = "\n" | "\r\n" | "\r";

/** What a provider does other than answer well. Plain data, so that it travels over HTTP too. Parts combine. */
export interface Behaviour {
  /** The vendor's own error with this status. */
  readonly status?: number;
  /** A reply as it stands, whatever was asked. */
  readonly page?: { readonly status: number; readonly contentType: string; readonly body: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Breaks the connection there: by RST before the reply or after a hold at the same place, otherwise by FIN. */
  readonly resetAfter?: Place;
  /** Says nothing more until the test releases it or the client leaves. */
  readonly holdAfter?: Place;
  /** Ends the reply there as if it were complete. */
  readonly endAfter?: Place;
  /** Leaves out `[DONE]`, or `message_stop`. */
  readonly withoutEnd?: boolean;
  /** Also leaves out the finish reason. */
  readonly withoutFinish?: boolean;
  /** That many keep-alives before anything else. */
  readonly pings?: number;
  /** A line of data that is not the vendor's, after that many content events. */
  readonly insert?: { readonly after: number; readonly data: string };
  /** An error event inside the 200 stream, then its end: Anthropic's `overloaded_error` and its like. */
  readonly errorAfter?: { readonly place: number; readonly status: number };
  readonly slices?: { readonly bytes: number; readonly lineEnding: LineEnding; readonly byteOrderMark: boolean };
  /** A single line of so many bytes after the first content event. */
  readonly hugeLineBytes?: number;
  /** Repeats its first content event until the client leaves or the test releases it. */
  readonly endless?: boolean;
  readonly usage?: UsageBehaviour;
  /** A reply that is small as gzip and this many bytes when decoded. */
  readonly gzipBombBytes?: number;
  /** 200 and not a byte of body. */
  readonly empty?: boolean;
  /** Answers this text, whatever was asked. */
  readonly text?: string;
}

/** A behaviour and how many requests it meets. */
export class ScriptedFault {
  readonly behaviour: Behaviour;
  readonly count: number;

  constructor(behaviour: Behaviour, count = 1) {
    this.behaviour = behaviour;
    this.count = count;
  }

  times(count: number): ScriptedFault {
    return new ScriptedFault(this.behaviour, count);
  }

  and(other: ScriptedFault): ScriptedFault {
    return new ScriptedFault({ ...this.behaviour, ...other.behaviour }, Math.max(this.count, other.count));
  }
}

function scripted(behaviour: Behaviour): ScriptedFault {
  return new ScriptedFault(behaviour);
}

/** The faults of design/faults.md, rows F22 to F40, by name. */
export const fault = {
  /** Answers well: a place in a queue between faults. */
  none: () => scripted({}),
  status: (status: number, headers: Readonly<Record<string, string>> = {}) => scripted({ status, headers }),
  rateLimited: (retryAfterSeconds: number) =>
    scripted({ status: 429, headers: { "retry-after": String(retryAfterSeconds) } }),
  page: (status: number, contentType: string, body: string) => scripted({ page: { status, contentType, body } }),
  html: () =>
    scripted({
      page: { status: 200, contentType: "text/html", body: "<!DOCTYPE html><html><body>Hello</body></html>" },
    }),
  redirect: (location: string) =>
    scripted({ page: { status: 302, contentType: "text/plain", body: "" }, headers: { location } }),
  reset: (after: Place) => scripted({ resetAfter: after }),
  hold: (after: Place) => scripted({ holdAfter: after }),
  /** Keep-alives, then silence. */
  onlyPings: (count: number) => scripted({ pings: count, holdAfter: "headers" }),
  truncate: (after: Place) => scripted({ endAfter: after }),
  withoutEnd: () => scripted({ withoutEnd: true }),
  withoutFinish: () => scripted({ withoutEnd: true, withoutFinish: true }),
  garbage: (after: number, data = '{"choices":[{"del') => scripted({ insert: { after, data } }),
  errorEvent: (place: number, status: number) => scripted({ errorAfter: { place, status } }),
  slices: (bytes: number, lineEnding: LineEnding = "\n", byteOrderMark = false) =>
    scripted({ slices: { bytes, lineEnding, byteOrderMark } }),
  hugeLine: (bytes: number) => scripted({ hugeLineBytes: bytes }),
  endless: () => scripted({ endless: true }),
  usage: (usage: UsageBehaviour) => scripted({ usage }),
  gzipBomb: (bytes: number) => scripted({ gzipBombBytes: bytes }),
  empty: () => scripted({ empty: true }),
  says: (text: string) => scripted({ text }),
} as const;
