import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer, AnsweredChoice } from "./answer.ts";
import { flavourOf, type OpenAiFlavour } from "./openai-flavours.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import {
  CREATED_AT_SECONDS,
  fragments,
  idOf,
  type ReplyContext,
  type StreamEvent,
  type WireReply,
} from "./stream-event.ts";

const ARGUMENT_FRAGMENT_CHARACTERS = 5;

/** An answer as OpenAI's chat completions write it, or as a compatible server with its own habits does. */
export function writeOpenAi(prompt: Prompt, answer: Answer, context: ReplyContext, includeUsage: boolean): WireReply {
  const flavour = flavourOf(context.provider);
  const writer = new OpenAiWriter(prompt, answer, context, flavour);
  return {
    whole: writer.whole(),
    events: writer.events(includeUsage),
    headers: {
      "x-request-id": idOf("req_", context.sequence, 32),
      "openai-processing-ms": "12",
      "openai-version": "2020-10-01",
      "openai-organization": "org-simulated",
    },
  };
}

function preface(fields: JsonObject): StreamEvent {
  return { kind: "open", name: null, data: JSON.stringify(fields) };
}

class OpenAiWriter {
  readonly #prompt: Prompt;
  readonly #answer: Answer;
  readonly #context: ReplyContext;
  readonly #flavour: OpenAiFlavour;

  constructor(prompt: Prompt, answer: Answer, context: ReplyContext, flavour: OpenAiFlavour) {
    this.#prompt = prompt;
    this.#answer = answer;
    this.#context = context;
    this.#flavour = flavour;
  }

  whole(): string {
    const usage = this.#usage();
    return JSON.stringify(
      {
        ...this.#head("chat.completion"),
        choices: this.#answer.choices.map((choice, index) => this.#choice(choice, index)),
        ...(usage === null ? {} : { usage }),
        ...this.#tail(),
      },
      null,
      2,
    );
  }

  events(includeUsage: boolean): readonly StreamEvent[] {
    const { usageOnFinish, usageInChoice, usageOnEveryChunk } = this.#flavour;
    const usage = includeUsage || usageOnFinish ? this.#usage() : null;
    const usageEvent = this.#event("usage", { choices: [], usage, ...this.#padding(0) });
    const twice = this.#context.usage.kind === "twice" && usage !== null;
    const early = this.#context.usage.kind === "early" && usage !== null;
    const separate = usage !== null && !usageOnFinish && !usageInChoice && !usageOnEveryChunk;
    return [
      ...this.#flavour.comments.map((data): StreamEvent => ({ kind: "ping", name: null, data })),
      ...(this.#flavour.preface === null ? [] : [preface(this.#flavour.preface)]),
      ...this.#answer.choices.map((_, index) => this.#opening(index)),
      ...(early ? [usageEvent] : []),
      ...this.#answer.choices.flatMap((choice, index) => this.#deltas(choice, index)),
      ...this.#answer.choices.map((choice, index) => this.#finish(choice, index, usageOnFinish ? usage : null)),
      ...(separate && !early ? [usageEvent] : []),
      ...(twice ? [usageEvent] : []),
      { kind: "done", name: null, data: "[DONE]" },
    ];
  }

  #head(object: string): JsonObject {
    return {
      id: idOf(this.#flavour.idPrefix, this.#context.sequence, 29),
      ...this.#flavour.head,
      object,
      created: CREATED_AT_SECONDS,
      model: this.#flavour.modelName(this.#prompt.model),
    };
  }

  #tail(): JsonObject {
    return this.#flavour.name === "openai" ? { service_tier: "default", system_fingerprint: "fp_simulated0" } : {};
  }

  #choice(choice: AnsweredChoice, index: number): JsonObject {
    const { toolCalls, refusal, text } = choice;
    const calls = toolCalls.map((call, position) => ({
      id: this.#callId(index, position),
      type: "function",
      function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    }));
    return {
      index,
      message: {
        role: "assistant",
        content: toolCalls.length > 0 || refusal ? null : text,
        ...(calls.length > 0 ? { tool_calls: calls } : {}),
        ...this.#flavour.reasoning(this.#answer.reasoning ?? ""),
        ...this.#flavour.messageExtra,
        refusal: refusal ? text : null,
        ...(this.#flavour.name === "openai" ? { annotations: [] } : {}),
      },
      logprobs: this.#logprobs(tokensOf(text)),
      ...this.#flavour.choiceExtra,
      ...this.#finishFields(choice),
    };
  }

  #finishFields(choice: AnsweredChoice): JsonObject {
    const finish = choice.finish === "stop_sequence" || choice.finish === "refusal" ? "stop" : choice.finish;
    return { finish_reason: finish, ...(this.#flavour.nativeFinish ? { native_finish_reason: finish } : {}) };
  }

  #opening(index: number): StreamEvent {
    const choice = this.#answer.choices[index];
    const content = choice !== undefined && choice.toolCalls.length > 0 ? null : "";
    const delta = { role: "assistant", content, refusal: null };
    return this.#delta("open", index, delta, {});
  }

  #deltas(choice: AnsweredChoice, index: number): readonly StreamEvent[] {
    const reasoning = index === 0 ? tokensOf(this.#answer.reasoning ?? "") : [];
    return [
      ...reasoning
        .map((token) => this.#flavour.reasoning(token))
        .filter((delta) => Object.keys(delta).length > 0)
        .map((delta) => this.#delta("content", index, delta, {})),
      ...tokensOf(choice.text).map((token) => {
        const delta = choice.refusal ? { refusal: token } : { content: token };
        return this.#delta("content", index, delta, { logprobs: this.#logprobs([token]) });
      }),
      ...choice.toolCalls.flatMap((_, position) => this.#toolCallDeltas(choice, index, position)),
    ];
  }

  #toolCallDeltas(choice: AnsweredChoice, index: number, position: number): readonly StreamEvent[] {
    const call = choice.toolCalls[position];
    if (call === undefined) return [];
    const text = JSON.stringify(call.arguments);
    const head = { index: position, id: this.#callId(index, position), type: "function" };
    const whole = this.#flavour.wholeToolCalls;
    const start = { ...head, function: { name: call.name, arguments: whole ? text : "" } };
    const rest = whole ? [] : fragments(text, ARGUMENT_FRAGMENT_CHARACTERS);
    return [start, ...rest.map((piece) => ({ index: position, function: { arguments: piece } }))].map((entry) =>
      this.#delta("content", index, { tool_calls: [entry] }, {}),
    );
  }

  #finish(choice: AnsweredChoice, index: number, usage: JsonObject | null): StreamEvent {
    const inChoice = this.#flavour.usageInChoice ? this.#usage() : null;
    const finished = {
      index,
      ...this.#deltaFields({}, choice.text),
      logprobs: null,
      ...this.#finishFields(choice),
      ...(inChoice === null ? {} : { usage: inChoice }),
    };
    const extra = this.#flavour.finishExtra(this.#usage());
    return this.#event("finish", {
      choices: [finished],
      ...(usage === null ? this.#usageNull() : { usage }),
      ...this.#padding(0),
      ...extra,
    });
  }

  #delta(kind: StreamEvent["kind"], index: number, delta: JsonObject, extra: JsonObject): StreamEvent {
    const fields = this.#deltaFields(delta, "");
    const choice = { index, ...fields, logprobs: null, finish_reason: null, ...this.#flavour.choiceExtra, ...extra };
    const length = JSON.stringify(delta).length;
    return this.#event(kind, { choices: [choice], ...this.#usageNull(), ...this.#padding(length) });
  }

  #deltaFields(delta: JsonObject, text: string): JsonObject {
    const { messageExtra, messageBesideDelta } = this.#flavour;
    const message = messageBesideDelta ? { message: { role: "assistant", content: text } } : {};
    return { ...message, delta: { ...delta, ...messageExtra } };
  }

  #event(kind: StreamEvent["kind"], fields: JsonObject): StreamEvent {
    const data = JSON.stringify({ ...this.#head("chat.completion.chunk"), ...this.#tail(), ...fields });
    return { kind, name: null, data };
  }

  /** OpenAI writes `usage: null` into every chunk but the last. */
  #usageNull(): JsonObject {
    if (this.#flavour.usageOnEveryChunk) return { usage: this.#usage() };
    return this.#flavour.name === "openai" ? { usage: null } : {};
  }

  /** OpenAI fills chunks up so that their length tells nothing about the text. */
  #padding(length: number): JsonObject {
    return this.#flavour.name === "openai" ? { obfuscation: "k3Jx9QvT2mZpLw8R".slice(length % 12) } : {};
  }

  #callId(choice: number, position: number): string {
    return idOf("call_", this.#context.sequence * 100 + choice * 10 + position, 24);
  }

  #logprobs(tokens: readonly string[]): JsonValue {
    const { topLogprobs } = this.#prompt;
    if (topLogprobs === null) return null;
    const entry = (token: string, rank: number) => ({
      token,
      logprob: -0.125 * (rank + 1),
      bytes: [...new TextEncoder().encode(token)],
    });
    const content = tokens.map((token) => ({
      ...entry(token, 0),
      top_logprobs: Array.from({ length: topLogprobs }, (_, rank) => entry(rank === 0 ? token : `~${rank}`, rank)),
    }));
    return { content, refusal: null };
  }

  #usage(): JsonObject | null {
    const { usage } = this.#context;
    if (usage.kind === "none") return null;
    const { promptTokens, cachedTokens, outputTokens, reasoningTokens } = this.#answer.usage;
    const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
    const completion = this.#flavour.reasoningApart ? outputTokens : outputTokens + reasoningTokens;
    return {
      prompt_tokens: count(promptTokens),
      completion_tokens: count(completion),
      total_tokens: count(promptTokens + outputTokens + reasoningTokens),
      prompt_tokens_details: { cached_tokens: count(cachedTokens), audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: count(reasoningTokens),
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
      ...this.#flavour.usageExtra,
    };
  }
}
