import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer } from "./answer.ts";
import { listAt, numberAt, textAt } from "./json-reading.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { CREATED_AT_SECONDS, idOf, type ReplyContext, type StreamEvent, type WireReply } from "./stream-event.ts";
import { openAiError, VendorRefusal } from "./vendor-errors.ts";

const DEFAULT_MAX_TOKENS = 16;

/** Reads a request of OpenAI's older completions (openai 7.57.0, CompletionCreateParams). @throws VendorRefusal */
export function readCompletion(body: JsonObject): Prompt {
  if (body["messages"] !== undefined) throw new VendorRefusal(openAiError(400, "Unknown parameter: 'messages'."));
  const prompts = typeof body["prompt"] === "string" ? [body["prompt"]] : listAt(body["prompt"]).map(String);
  const text = prompts.join("\n");
  return {
    model: textAt(body["model"]),
    stream: body["stream"] === true,
    text: text + textAt(body["suffix"]),
    lastUserText: text,
    images: 0,
    tools: [],
    toolChoice: "auto",
    parallelToolCalls: true,
    toolResults: [],
    json: null,
    reasoning: false,
    topLogprobs: null,
    choices: prompts.length * (numberAt(body["n"]) ?? 1),
    maxTokens: numberAt(body["max_tokens"]) ?? DEFAULT_MAX_TOKENS,
    stop: typeof body["stop"] === "string" ? [body["stop"]] : listAt(body["stop"]).map(textAt),
    cachedTokens: 0,
    cacheWriteTokens: 0,
  };
}

export function writeCompletion(
  prompt: Prompt,
  answer: Answer,
  context: ReplyContext,
  includeUsage: boolean,
): WireReply {
  const head = {
    id: idOf("cmpl-", context.sequence, 29),
    object: "text_completion",
    created: CREATED_AT_SECONDS,
    model: prompt.model,
  };
  const choiceOf = (index: number, text: string, finish: JsonValue) => ({
    text,
    index,
    logprobs: null,
    finish_reason: finish,
  });
  const finishOf = (finish: string) => (finish === "length" ? "length" : "stop");
  const { promptTokens, outputTokens } = answer.usage;
  const total = promptTokens + outputTokens;
  const counts = { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: total };
  const usage = context.usage.kind === "none" ? {} : { usage: counts };
  const event = (kind: StreamEvent["kind"], members: JsonObject): StreamEvent => ({
    kind,
    name: null,
    data: JSON.stringify({ ...head, ...members }),
  });
  return {
    whole: JSON.stringify({
      ...head,
      choices: answer.choices.map((choice, index) => choiceOf(index, choice.text, finishOf(choice.finish))),
      ...usage,
    }),
    events: [
      ...answer.choices.flatMap((choice, index) =>
        tokensOf(choice.text).map((token) => event("content", { choices: [choiceOf(index, token, null)] })),
      ),
      ...answer.choices.map((choice, index) =>
        event("finish", { choices: [choiceOf(index, "", finishOf(choice.finish))] }),
      ),
      ...(includeUsage ? [event("usage", { choices: [], ...usage })] : []),
      { kind: "done", name: null, data: "[DONE]" },
    ],
    headers: {},
  };
}
