import { isJsonObject, type JsonObject } from "../../lib/protocol/json.ts";
import type { TestAccount } from "../support/register-account.ts";
import { objectAt, objectsAt, parseJsonObject, textAt } from "../support/simulator/json-reading.ts";
import type { TestGateway } from "../support/start-gateway.ts";

export type ClientName = "openai" | "anthropic";

export interface Question {
  readonly client: ClientName;
  readonly model: string;
  readonly text: string;
  readonly stream: boolean;
  readonly account?: TestAccount;
  /** More fields of the body. */
  readonly extra?: JsonObject;
  readonly signal?: AbortSignal;
}

/** What a client of either format has seen of its answer. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly raw: string;
  readonly text: string;
  /** `stop` or `end_turn`, `length` or `max_tokens` …; null when the answer never ended well. */
  readonly finish: string | null;
  /** The error's code (OpenAI) or type (Anthropic), of a refused request or inside a stream. */
  readonly error: string | null;
  readonly errorMessage: string;
  /** The stream had the end marker of its protocol. */
  readonly ended: boolean;
  readonly usage: JsonObject | null;
}

/** Sends a question and gives the response as soon as its headers are there. */
export function open(gateway: TestGateway, question: Question): Promise<Response> {
  const { client, model, text, stream, extra, account = gateway, signal } = question;
  const anthropic = client === "anthropic";
  const body = {
    model,
    stream,
    messages: [{ role: "user", content: text }],
    ...(anthropic ? { max_tokens: 8000 } : {}),
    ...(stream && !anthropic ? { stream_options: { include_usage: true } } : {}),
    ...extra,
  };
  return fetch(`${gateway.url}${anthropic ? "/v1/messages" : "/v1/chat/completions"}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(anthropic
        ? { "x-api-key": account.key, "anthropic-version": "2023-06-01" }
        : { authorization: `Bearer ${account.key}` }),
    },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

export async function ask(gateway: TestGateway, question: Question): Promise<Answered> {
  return readAnswer(await open(gateway, question), question.client);
}

/** Reads an answer to its end. `onText` sees what has come so far each time that there is more. */
export async function readAnswer(
  response: Response,
  client: ClientName,
  onText: (raw: string) => void = () => {},
): Promise<Answered> {
  const decoder = new TextDecoder();
  let raw = "";
  for await (const piece of response.body ?? []) {
    raw += decoder.decode(piece, { stream: true });
    onText(raw);
  }
  const streamed = response.headers.get("content-type")?.includes("text/event-stream") ?? false;
  const events = streamed ? eventsOf(raw) : [parseJsonObject(raw) ?? {}];
  const read = client === "openai" ? readOpenAi(events) : readAnthropic(events);
  const ended = streamed ? /^data: \[DONE\]|^event: message_stop/m.test(raw) : read.finish !== null;
  return { status: response.status, headers: response.headers, raw, ended, ...read };
}

function eventsOf(raw: string): readonly JsonObject[] {
  return raw.split(/\r\n|\r|\n/).flatMap((line) => {
    const event = line.startsWith("data: ") ? parseJsonObject(line.slice(6)) : null;
    return event === null ? [] : [event];
  });
}

type Read = Pick<Answered, "text" | "finish" | "error" | "errorMessage" | "usage">;

function readOpenAi(events: readonly JsonObject[]): Read {
  const choices = events.flatMap((event) => objectsAt(event["choices"]));
  const failed = events.find((event) => isJsonObject(event["error"]));
  return {
    text: choices
      .map((choice) => textAt(objectAt(choice["delta"])["content"]) + textAt(objectAt(choice["message"])["content"]))
      .join(""),
    finish: choices.map((choice) => textAt(choice["finish_reason"])).findLast((reason) => reason !== "") ?? null,
    usage: objectOrNull(events.findLast((event) => isJsonObject(event["usage"]))?.["usage"]),
    ...errorOf(failed, "code"),
  };
}

function readAnthropic(events: readonly JsonObject[]): Read {
  const deltas = events.map((event) => objectAt(event["delta"]));
  const blocks = events.flatMap((event) => objectsAt(event["content"]));
  const reasons = [...events, ...deltas].map((event) => textAt(event["stop_reason"]));
  const failed = events.find((event) => event["type"] === "error");
  return {
    text: [...deltas, ...blocks].map((part) => textAt(part["text"])).join(""),
    finish: reasons.findLast((reason) => reason !== "") ?? null,
    usage: objectOrNull(events.findLast((event) => isJsonObject(event["usage"]))?.["usage"]),
    ...errorOf(failed, "type"),
  };
}

function objectOrNull(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

function errorOf(failed: JsonObject | undefined, field: string): Pick<Answered, "error" | "errorMessage"> {
  const error = objectAt(failed?.["error"]);
  return { error: failed === undefined ? null : textAt(error[field]), errorMessage: textAt(error["message"]) };
}
