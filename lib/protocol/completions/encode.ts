import { openAiErrorBody } from "../../errors/error-bodies.ts";
import type { ChatEvent, FinishReason } from "../chat-event.ts";
import type { ReplyContext, StreamEncoder } from "../client-format.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf } from "../json.ts";
import { usageJson } from "../openai/usage-json.ts";
import type { Usage } from "../usage.ts";
import { legacyLogprobs } from "./legacy-logprobs.ts";

/** What a model says as a completion: there is no other place for its words. */
function textOf(event: ChatEvent): string {
  return event.kind === "text" || event.kind === "refusal" ? event.text : "";
}

function finishOf(reason: FinishReason): string {
  return reason === "length" || reason === "content_filter" ? reason : "stop";
}

/** What is said before the answer: the prompt, where its echo was asked for. */
function echoOf({ request }: ReplyContext): string {
  const { echo, prompt } = request;
  if (echo !== true) return "";
  const first = Array.isArray(prompt) ? prompt[0] : prompt;
  return typeof first === "string" ? first : "";
}

function head(id: string, context: ReplyContext): string {
  return `{"id":${JSON.stringify(id)},"object":"text_completion","created":${context.createdSeconds},"model":${JSON.stringify(context.model)}`;
}

function completionId(id: string): string {
  return id.startsWith("cmpl-") ? id : `cmpl-${id}`;
}

/** A whole reply as a completion. */
export function encodeCompletion(events: readonly ChatEvent[], usage: Usage, context: ReplyContext): string {
  let id = `cmpl-${context.generationId}`;
  const echo = echoOf(context);
  const choices: { text: string; tokens: JsonValue[]; finish: string }[] = [];
  const at = (index: number) => {
    choices[index] ??= { text: echo, tokens: [], finish: "stop" };
    return choices[index];
  };
  at(0);
  for (const event of events) {
    if (event.kind === "start" && event.id !== null) id = completionId(event.id);
    if (!("choice" in event)) continue;
    const choice = at(event.choice);
    choice.text += textOf(event);
    if (event.kind === "text" && isJsonObject(event.logprobs))
      choice.tokens.push(...objectsOf(event.logprobs["content"]));
    if (event.kind === "finish") choice.finish = finishOf(event.reason);
  }
  const written = choices.flatMap(({ text, tokens, finish }, index) => {
    const logprobs = legacyLogprobs({ content: tokens }, echo.length);
    return [JSON.stringify({ text, index, logprobs, finish_reason: finish })];
  });
  return `${head(id, context)},"choices":[${written.join(",")}],"usage":${usageJson(usage, context.costOf(usage))}}`;
}

/** Events as a stream of completions. */
export function createCompletionEncoder(context: ReplyContext): StreamEncoder {
  let id = `cmpl-${context.generationId}`;
  const echo = echoOf(context);
  const lengths = new Map<number, number>();
  const finished = new Set<number>();
  const chunk = (choice: JsonObject) => `data: ${head(id, context)},"choices":[${JSON.stringify(choice)}]}\n\n`;
  const say = (index: number, text: string, logprobs: JsonValue | undefined): string => {
    const known = lengths.get(index);
    const before =
      known === undefined && echo !== "" ? chunk({ text: echo, index, logprobs: null, finish_reason: null }) : "";
    const offset = known ?? echo.length;
    lengths.set(index, offset + text.length);
    if (text === "") return before;
    return before + chunk({ text, index, logprobs: legacyLogprobs(logprobs, offset), finish_reason: null });
  };
  return {
    push(event) {
      if (event.kind === "start" && event.id !== null) id = completionId(event.id);
      if (event.kind === "text") return event.text === "" ? "" : say(event.choice, event.text, event.logprobs);
      if (event.kind === "refusal") return say(event.choice, event.text, undefined);
      if (event.kind !== "finish" || finished.has(event.choice)) return "";
      finished.add(event.choice);
      const end = { text: "", index: event.choice, logprobs: null, finish_reason: finishOf(event.reason) };
      return say(event.choice, "", undefined) + chunk(end);
    },
    finish(usage) {
      if (!context.includeUsage) return "data: [DONE]\n\n";
      return `data: ${head(id, context)},"choices":[],"usage":${usageJson(usage, context.costOf(usage))}}\n\ndata: [DONE]\n\n`;
    },
    fail: (error, requestId) =>
      `data: ${JSON.stringify({ error: openAiErrorBody(error, requestId).error })}\n\ndata: [DONE]\n\n`,
  };
}
