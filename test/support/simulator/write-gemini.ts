import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer, AnsweredChoice } from "./answer.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { THOUGHT_SIGNATURE } from "./read-gemini.ts";
import { idOf, type ReplyContext, type StreamEvent, type WireReply } from "./stream-event.ts";

/** An answer as Gemini's generateContent writes it. */
export function writeGemini(prompt: Prompt, answer: Answer, context: ReplyContext): WireReply {
  const tail = { modelVersion: prompt.model, responseId: idOf("", context.sequence, 22) };
  const usage = usageOf(answer, context);
  const metadata: JsonObject = usage === null ? {} : { usageMetadata: usage };
  const candidates = answer.choices.map((choice, index) => candidateOf(prompt, answer, choice, index));
  return {
    whole: JSON.stringify({ candidates, ...metadata, ...tail }, null, 2),
    events: streamOf(prompt, answer, context, metadata, tail),
    headers: { "x-gemini-service-tier": "standard", vary: "Origin" },
  };
}

function candidateOf(prompt: Prompt, answer: Answer, choice: AnsweredChoice, index: number): JsonObject {
  const parts = index === 0 ? partsOf(answer, choice) : partsOf({ ...answer, reasoning: null }, choice);
  const logprobs = prompt.topLogprobs === null ? {} : { logprobsResult: logprobsOf(choice.text, prompt.topLogprobs) };
  if (choice.refusal) return { finishReason: "SAFETY", index };
  const content = { ...(parts.length === 0 ? {} : { parts }), role: "model" };
  return { content, finishReason: finishReasonOf(choice), index, ...logprobs };
}

function partsOf(answer: Answer, choice: AnsweredChoice): readonly JsonObject[] {
  const signed = answer.reasoning === null ? {} : { thoughtSignature: THOUGHT_SIGNATURE };
  const thought = answer.reasoning === null ? [] : [{ text: answer.reasoning, thought: true }];
  const text = choice.text === "" ? [] : [{ text: choice.text, ...(choice.toolCalls.length === 0 ? signed : {}) }];
  // The first call of a turn carries the signature for all of them.
  const calls = choice.toolCalls.map((call, position) => ({
    functionCall: { name: call.name, args: call.arguments },
    ...(position === 0 ? signed : {}),
  }));
  return [...thought, ...text, ...calls];
}

/** Google writes the running totals into every event, and no end marker after the last. */
function streamOf(
  prompt: Prompt,
  answer: Answer,
  context: ReplyContext,
  metadata: JsonObject,
  tail: JsonObject,
): readonly StreamEvent[] {
  const early = context.usage.kind === "early";
  const pieces = answer.choices.flatMap((choice, index) =>
    choice.refusal ? [] : piecesOf(index === 0 ? answer : { ...answer, reasoning: null }, choice, index),
  );
  const events = pieces.map(({ parts, index }, position): StreamEvent => {
    const running = early && position > 0 ? {} : metadata;
    const candidate = { content: { parts, role: "model" }, index };
    return { kind: "content", name: null, data: JSON.stringify({ candidates: [candidate], ...running, ...tail }) };
  });
  const finishes = answer.choices.map((choice, index): StreamEvent => {
    const content = choice.refusal ? {} : { content: { parts: [{ text: "" }], role: "model" } };
    const logprobs = prompt.topLogprobs === null ? {} : { logprobsResult: logprobsOf(choice.text, prompt.topLogprobs) };
    const candidate = { ...content, finishReason: finishReasonOf(choice), index, ...logprobs };
    const last = early ? {} : metadata;
    return { kind: "finish", name: null, data: JSON.stringify({ candidates: [candidate], ...last, ...tail }) };
  });
  const again: StreamEvent[] =
    context.usage.kind === "twice"
      ? [{ kind: "usage", name: null, data: JSON.stringify({ ...metadata, ...tail }) }]
      : [];
  return [...events, ...finishes, ...again];
}

/** A text comes in pieces of two tokens, a call comes whole. */
function piecesOf(answer: Answer, choice: AnsweredChoice, index: number): { parts: JsonObject[]; index: number }[] {
  const thoughts = pairs(answer.reasoning ?? "").map((text) => ({ text, thought: true }));
  const texts = pairs(choice.text).map((text) => ({ text }));
  const signed = answer.reasoning === null ? {} : { thoughtSignature: THOUGHT_SIGNATURE };
  const calls = choice.toolCalls.map((call, position) => ({
    functionCall: { name: call.name, args: call.arguments },
    ...(position === 0 ? signed : {}),
  }));
  const seal = answer.reasoning !== null && calls.length === 0 ? [{ text: "", ...signed }] : [];
  return [...thoughts, ...texts, ...calls, ...seal].map((part) => ({ parts: [part], index }));
}

function pairs(text: string): readonly string[] {
  const tokens = tokensOf(text);
  return tokens.flatMap((token, index) => (index % 2 === 0 ? [token + (tokens[index + 1] ?? "")] : []));
}

function finishReasonOf(choice: AnsweredChoice): string {
  if (choice.finish === "length") return "MAX_TOKENS";
  return choice.refusal ? "SAFETY" : "STOP";
}

function logprobsOf(text: string, top: number): JsonObject {
  const entry = (token: string, rank: number) => ({ token, tokenId: rank + 7, logProbability: -0.125 * (rank + 1) });
  const tokens = tokensOf(text);
  return {
    topCandidates: tokens.map((token) => ({
      candidates: Array.from({ length: top }, (_, rank) => entry(rank === 0 ? token : `~${rank}`, rank)),
    })),
    chosenCandidates: tokens.map((token) => entry(token, 0)),
  };
}

function usageOf(answer: Answer, { usage }: ReplyContext): JsonObject | null {
  if (usage.kind === "none") return null;
  const { promptTokens, cachedTokens, outputTokens, reasoningTokens } = answer.usage;
  const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
  return {
    promptTokenCount: count(promptTokens),
    candidatesTokenCount: count(outputTokens),
    totalTokenCount: count(promptTokens + outputTokens + reasoningTokens),
    ...(cachedTokens > 0 ? { cachedContentTokenCount: count(cachedTokens) } : {}),
    promptTokensDetails: [{ modality: "TEXT", tokenCount: count(promptTokens) }],
    ...(reasoningTokens > 0 ? { thoughtsTokenCount: count(reasoningTokens) } : {}),
  };
}
