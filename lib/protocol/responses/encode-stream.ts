import { openAiErrorBody } from "../../errors/error-bodies.ts";
import type { GatewayError } from "../../errors/gateway-error.ts";
import type { ChatEvent } from "../chat-event.ts";
import type { ReplyContext, StreamEncoder } from "../client-format.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { Usage } from "../usage.ts";
import { flatCitation } from "./citation.ts";
import {
  type CallItem,
  itemJson,
  type MessageItem,
  type MessagePart,
  type OutputItem,
  partJson,
  type ReasoningItem,
} from "./output-items.ts";
import { type ResponseState, responseJson } from "./response-object.ts";
import { sealRedacted, sealSignature } from "./signature.ts";
import { responsesUsageJson } from "./usage-json.ts";

/** Writes one event of the stream: its type, and its further members as JSON text. */
type WriteEvent = (type: string, members: string) => string;

/** Told of the finished reply's object, as text. */
export type OnReply = (responseText: string) => void;

/** Events as a stream of OpenAI's responses: every event numbered, items opened and closed in the order of `output`. */
export function createResponsesStreamEncoder(context: ReplyContext, onReply: OnReply = () => {}): StreamEncoder {
  let sequence = 0;
  const write: WriteEvent = (type, members) => {
    const text = `event: ${type}\ndata: {"type":"${type}",${members},"sequence_number":${sequence}}\n\n`;
    sequence += 1;
    return text;
  };
  const reply = new ResponseWriter(context, write);
  return {
    push: (event) => reply.push(event),
    finish(usage) {
      const { text, response } = reply.finish(usage);
      onReply(response);
      return text;
    },
    fail: (error, requestId) => reply.fail(error, requestId),
  };
}

/** A whole reply: the object with which its stream would end. */
export function encodeResponse(
  events: readonly ChatEvent[],
  usage: Usage,
  context: ReplyContext,
  onReply: OnReply = () => {},
): string {
  const reply = new ResponseWriter(context, () => "");
  for (const event of events) reply.push(event);
  const { response } = reply.finish(usage);
  onReply(response);
  return response;
}

class ResponseWriter {
  readonly #context: ReplyContext;
  readonly #write: WriteEvent;
  /** The digits that the response's id and its items' ids share. */
  readonly #digits: string;
  readonly #items: OutputItem[] = [];
  readonly #calls: CallItem[] = [];
  #open: MessageItem | ReasoningItem | null = null;
  #started = false;
  #end: (ChatEvent & { readonly kind: "finish" }) | null = null;

  constructor(context: ReplyContext, write: WriteEvent) {
    this.#context = context;
    this.#write = write;
    this.#digits = context.generationId.slice(context.generationId.indexOf("_") + 1);
  }

  push(event: ChatEvent): string {
    // The format has one answer.
    if ("choice" in event && event.choice > 0) return "";
    switch (event.kind) {
      case "start":
        return this.#start();
      case "text":
        return event.text === "" ? "" : this.#say("text", event.text, tokensOf(event.logprobs));
      case "refusal":
        return event.text === "" ? "" : this.#say("refusal", event.text, []);
      case "reasoning":
        return event.text === "" ? "" : this.#think(event.text);
      case "reasoning-signature":
        return this.#sign(sealSignature(event.signature));
      case "reasoning-redacted": {
        const opened = this.#openReasoning();
        opened.item.sealed = sealRedacted(event.data);
        return opened.text + this.#closeOpen();
      }
      case "tool-start":
        return this.#call(event);
      case "tool-arguments":
        return this.#callArguments(event);
      case "citation":
        return this.#cite(event.citation);
      case "finish":
        this.#end ??= event;
        return "";
      case "opaque":
      case "usage":
      case "end":
      case "error":
        return "";
    }
  }

  finish(usage: Usage): { readonly text: string; readonly response: string } {
    const state = stateOf(this.#end);
    const before = this.#start() + this.#closeAll(state.status === "completed" ? "completed" : "incomplete");
    const response = this.#response(state, responsesUsageJson(usage, this.#context.costOf(usage)));
    return { text: before + this.#write(`response.${state.status}`, `"response":${response}`), response };
  }

  /** The error that clients throw, and then the response's own end, for those that look at nothing else. */
  fail(error: GatewayError, requestId: string): string {
    const before = this.#start() + this.#closeAll("incomplete");
    const { message } = error;
    const failure = JSON.stringify(errorMembers(error, requestId)).slice(1, -1);
    const code = error.status === 429 ? "rate_limit_exceeded" : "server_error";
    const response = this.#response({ status: "failed", code, message }, null);
    return before + this.#write("error", failure) + this.#write("response.failed", `"response":${response}`);
  }

  #response(state: ResponseState, usageText: string | null): string {
    const whole = state.status === "completed" || state.status === "in_progress";
    const output = this.#items.map((item) =>
      itemJson(item, whole || item.kind === "reasoning" ? "completed" : "incomplete"),
    );
    return responseJson(`resp_${this.#digits}`, state, output, usageText, this.#context);
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const response = `"response":${this.#response({ status: "in_progress" }, null)}`;
    return this.#write("response.created", response) + this.#write("response.in_progress", response);
  }

  #place(prefix: string): { readonly id: string; readonly index: number; closed: boolean } {
    const index = this.#items.length;
    return { id: `${prefix}_${this.#digits}_${index}`, index, closed: false };
  }

  /** Adds an item; calls whose arguments are all there end before it. */
  #add(item: OutputItem): string {
    let before = this.#start();
    for (const call of this.#calls) if (!call.closed && isJson(call.json)) before += this.#close(call, "completed");
    this.#items.push(item);
    return before + this.#event("response.output_item.added", item, { item: itemJson(item, "in_progress") }, false);
  }

  #say(kind: MessagePart["kind"], text: string, logprobs: readonly JsonValue[]): string {
    let before = "";
    let item = this.#open;
    if (item?.kind !== "message") {
      before = this.#closeOpen();
      item = { ...this.#place("msg"), kind: "message", parts: [] };
      before += this.#add(item);
      this.#open = item;
    }
    let part = item.parts.at(-1);
    if (part?.kind !== kind) {
      if (part !== undefined) before += this.#closePart(item, part);
      part = { kind, text: "", annotations: [], logprobs: [] };
      item.parts.push(part);
      before += this.#partEvent("response.content_part.added", item, { part: partJson(part) });
    }
    part.text += text;
    part.logprobs.push(...logprobs);
    const delta = kind === "refusal" ? { delta: text } : { delta: text, logprobs };
    const name = kind === "refusal" ? "response.refusal.delta" : "response.output_text.delta";
    return before + this.#partEvent(name, item, delta);
  }

  #closePart(item: MessageItem, part: MessagePart): string {
    const done =
      part.kind === "refusal"
        ? this.#partEvent("response.refusal.done", item, { refusal: part.text })
        : this.#partEvent("response.output_text.done", item, { text: part.text, logprobs: part.logprobs });
    return done + this.#partEvent("response.content_part.done", item, { part: partJson(part) });
  }

  #cite(citation: JsonObject): string {
    const item = this.#open;
    const part = item?.kind === "message" ? item.parts.at(-1) : undefined;
    if (item?.kind !== "message" || part?.kind !== "text") return "";
    const annotation = flatCitation(citation, part.text.length);
    part.annotations.push(annotation);
    return this.#partEvent("response.output_text.annotation.added", item, {
      annotation_index: part.annotations.length - 1,
      annotation,
    });
  }

  /** The open thought, or a new one: a seal ends the one before. */
  #openReasoning(): { readonly item: ReasoningItem; readonly text: string } {
    if (this.#open?.kind === "reasoning" && this.#open.sealed === null) return { item: this.#open, text: "" };
    const before = this.#closeOpen();
    const item: ReasoningItem = { ...this.#place("rs"), kind: "reasoning", text: "", sealed: null };
    const text = before + this.#add(item);
    this.#open = item;
    return { item, text };
  }

  #think(text: string): string {
    const opened = this.#openReasoning();
    const { item } = opened;
    const part = { type: "summary_text", text: "" };
    const first =
      item.text === "" ? this.#event("response.reasoning_summary_part.added", item, { summary_index: 0, part }) : "";
    item.text += text;
    const delta = this.#event("response.reasoning_summary_text.delta", item, { summary_index: 0, delta: text });
    return opened.text + first + delta;
  }

  #sign(seal: string): string {
    const opened = this.#openReasoning();
    opened.item.sealed = seal;
    return opened.text;
  }

  #call(event: ChatEvent & { readonly kind: "tool-start" }): string {
    const before = this.#closeOpen();
    const item: CallItem = {
      ...this.#place("fc"),
      kind: "call",
      callId: event.id,
      name: event.name,
      signature: event.signature,
      json: "",
    };
    const added = this.#add(item);
    this.#calls[event.tool] = item;
    return before + added;
  }

  #callArguments(event: ChatEvent & { readonly kind: "tool-arguments" }): string {
    const item = this.#calls[event.tool];
    if (item === undefined || item.closed || event.json === "") return "";
    item.json += event.json;
    return this.#event("response.function_call_arguments.delta", item, { delta: event.json });
  }

  #closeOpen(): string {
    const item = this.#open;
    this.#open = null;
    return item === null ? "" : this.#close(item, "completed");
  }

  #closeAll(status: "completed" | "incomplete"): string {
    let text = "";
    this.#open = null;
    for (const item of this.#items) if (!item.closed) text += this.#close(item, status);
    return text;
  }

  #close(item: OutputItem, status: "completed" | "incomplete"): string {
    item.closed = true;
    let text = "";
    if (item.kind === "message") {
      const part = item.parts.at(-1);
      if (part !== undefined) text = this.#closePart(item, part);
    } else if (item.kind === "reasoning" && item.text !== "") {
      const part = { type: "summary_text", text: item.text };
      text =
        this.#event("response.reasoning_summary_text.done", item, { summary_index: 0, text: item.text }) +
        this.#event("response.reasoning_summary_part.done", item, { summary_index: 0, part });
    } else if (item.kind === "call") {
      const { arguments: json = "" } = itemJson(item, status);
      text = this.#event("response.function_call_arguments.done", item, { name: item.name, arguments: json });
    }
    return text + this.#event("response.output_item.done", item, { item: itemJson(item, status) }, false);
  }

  #partEvent(type: string, item: MessageItem, members: JsonObject): string {
    return this.#event(type, item, { content_index: item.parts.length - 1, ...members });
  }

  #event(type: string, item: OutputItem, members: JsonObject, named = true): string {
    const place = named ? { item_id: item.id, output_index: item.index } : { output_index: item.index };
    return this.#write(type, JSON.stringify({ ...place, ...members }).slice(1, -1));
  }
}

/** As the types have an error's event, and as OpenAI sends it: in an object of its own. */
export function errorMembers(error: GatewayError, requestId: string): JsonObject {
  const { code, message, param } = error;
  return { code, message, param, error: { ...openAiErrorBody(error, requestId).error } };
}

function stateOf(end: (ChatEvent & { readonly kind: "finish" }) | null): ResponseState {
  switch (end?.reason) {
    case "length":
      return { status: "incomplete", reason: "max_output_tokens" };
    case "content_filter":
      return { status: "incomplete", reason: "content_filter" };
    case "error":
      return { status: "failed", code: "server_error", message: `The model stopped: ${end.nativeReason ?? "error"}.` };
    default:
      return { status: "completed" };
  }
}

/** Each piece of text carries `{content: [...]}` of its own tokens. */
function tokensOf(logprobs: JsonValue | undefined): readonly JsonValue[] {
  return isJsonObject(logprobs) && Array.isArray(logprobs["content"]) ? logprobs["content"] : [];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
