import { Failed, must, shown } from "./check.ts";
import { parseEvents, type SentEvent } from "./sent-events.ts";

/** The gateway that is looked at. */
export interface Target {
  /** Without `/v1` and without a slash at its end. */
  readonly baseUrl: string;
  readonly key: string;
  /** For OpenAI's routes. */
  readonly model: string;
  /** For Anthropic's routes. */
  readonly anthropicModel: string;
  readonly embeddingModel: string;
  /** Of one request with its whole answer. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined where the text is no JSON. */
  readonly body: unknown;
  /** Empty where the answer is no event stream. */
  readonly events: readonly SentEvent[];
}

export interface Asked {
  readonly method?: string;
  /** Sent as it is when it is a text, as JSON otherwise. */
  readonly body?: unknown;
  /** On top of the usual ones; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

const LIMITED_TRIES = 3;
const LONGEST_WAIT_SECONDS = 20;

/** Asks with OpenAI's credential. A rate limit is waited out, for it says nothing of conformance. */
export function ask(target: Target, path: string, asked: Asked = {}): Promise<Answer> {
  return send(target, path, asked, { authorization: `Bearer ${target.key}` });
}

/** Asks as Anthropic's client does. */
export function askAnthropic(target: Target, path: string, asked: Asked = {}): Promise<Answer> {
  return send(target, path, asked, { "x-api-key": target.key, "anthropic-version": "2023-06-01" });
}

export function chat(target: Target, body: object): Promise<Answer> {
  return ask(target, "/v1/chat/completions", { body: { model: target.model, ...body } });
}

export function messages(target: Target, body: object): Promise<Answer> {
  return askAnthropic(target, "/v1/messages", { body: { model: target.anthropicModel, max_tokens: 1_024, ...body } });
}

/** @throws Failed when the answer is not a 200 */
export function mustAnswer(answer: Answer): Answer {
  must(answer.status === 200, `the status is ${answer.status}: ${shown(answer.text)}`);
  return answer;
}

async function send(target: Target, path: string, asked: Asked, credential: Record<string, string>): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    const answer = await exchange(target, path, asked, credential);
    if (answer.status !== 429 || tried === LIMITED_TRIES) return answer;
    const seconds = Number(answer.headers.get("retry-after") ?? "1");
    if (!(seconds <= LONGEST_WAIT_SECONDS)) return answer;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0.1, seconds) * 1_000));
  }
}

async function exchange(
  target: Target,
  path: string,
  asked: Asked,
  credential: Record<string, string>,
): Promise<Answer> {
  const response = await open(target, path, asked, AbortSignal.timeout(target.timeoutMs), credential);
  const text = await response.text().catch((error: unknown) => {
    throw new Failed(`the answer broke off: ${reasonOf(error)}`);
  });
  const streams = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: streams ? undefined : parsed(text),
    events: streams ? parseEvents(text) : [],
  };
}

/** The response as soon as its headers are there. @throws Failed when none comes */
export async function open(
  target: Target,
  path: string,
  { method, body, headers = {} }: Asked,
  signal: AbortSignal,
  credential: Record<string, string> = { authorization: `Bearer ${target.key}` },
): Promise<Response> {
  const all = new Headers({ ...credential, ...(body === undefined ? {} : { "content-type": "application/json" }) });
  for (const [name, value] of Object.entries(headers)) value === null ? all.delete(name) : all.set(name, value);
  try {
    return await fetch(target.baseUrl + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: all,
      signal,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal.aborted && signal.reason instanceof DOMException && signal.reason.name === "AbortError") throw error;
    throw new Failed(`there is no answer: ${reasonOf(error)}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}, ${error.cause.message}` : error.message;
}
