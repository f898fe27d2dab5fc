import type { JsonObject } from "../../../lib/protocol/json.ts";
import { parseJsonObject } from "./json-reading.ts";
import { type Prompt, promptTokens, tokensOf } from "./prompt.ts";
import { schemaInstance } from "./schema-instance.ts";

interface AnsweredToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

export interface AnsweredChoice {
  readonly text: string;
  readonly refusal: boolean;
  readonly toolCalls: readonly AnsweredToolCall[];
  readonly finish: "stop" | "length" | "tool_calls" | "refusal" | "stop_sequence";
  readonly stopSequence: string | null;
}

interface AnsweredUsage {
  /** All prompt tokens, cached ones included. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  /** Without reasoning. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/** What the model says, freed of its wire. */
export interface Answer {
  readonly reasoning: string | null;
  readonly choices: readonly AnsweredChoice[];
  readonly usage: AnsweredUsage;
}

/**
 * Decides an answer from the request alone, so that a test knows it beforehand:
 * - tool results at the end that mention a tool in brackets, `Read({"file_path":"a"})` -> that call, as an agent goes on
 * - other tool results at the end -> `The tools said: …`
 * - tools declared -> one call for each mention of a tool's name in the last user message, with the JSON object that
 *   follows in brackets, `get_weather({"city":"Paris"})`, or else the smallest object that fits the tool's schema
 * - `count to N` -> `1 2 3 … N`; `refuse …` -> a refusal; `say nothing` -> an empty text; JSON modes -> fitting JSON
 * - with `says` (fault.says), that
 * - anything else -> `You said: ` and the last user message
 */
export function answer(prompt: Prompt, says: string | null): Answer {
  const reasoning = prompt.reasoning
    ? `The user wrote ${prompt.lastUserText.length} characters. I shall answer.`
    : null;
  const reasoningTokens = reasoning === null ? 0 : tokensOf(reasoning).length;
  const left = prompt.maxTokens === null ? null : Math.max(0, prompt.maxTokens - reasoningTokens);
  const choices = Array.from({ length: prompt.choices }, (_, index) => choiceOf(prompt, says, index, left));
  return {
    reasoning,
    choices,
    usage: {
      promptTokens: promptTokens(prompt),
      cachedTokens: prompt.cachedTokens,
      cacheWriteTokens: prompt.cacheWriteTokens,
      outputTokens: choices.reduce((sum, choice) => sum + choiceTokens(choice), 0),
      reasoningTokens,
    },
  };
}

function choiceTokens(choice: AnsweredChoice): number {
  const calls = choice.toolCalls.map((call) => `${call.name} ${JSON.stringify(call.arguments)}`).join(" ");
  return tokensOf(choice.text).length + tokensOf(calls).length;
}

function choiceOf(prompt: Prompt, says: string | null, index: number, maxTokens: number | null): AnsweredChoice {
  if (says !== null) return cut(says, prompt.stop, maxTokens);
  const toolCalls = prompt.toolResults.length > 0 ? furtherCallsOf(prompt) : toolCallsOf(prompt);
  if (toolCalls.length > 0) {
    return { text: "", refusal: false, toolCalls, finish: "tool_calls", stopSequence: null };
  }
  if (/^refuse\b/i.test(prompt.lastUserText)) {
    const text = "I cannot help with that.";
    return { text, refusal: true, toolCalls: [], finish: "refusal", stopSequence: null };
  }
  return cut(index === 0 ? textOf(prompt) : `${textOf(prompt)} (${index + 1})`, prompt.stop, maxTokens);
}

function textOf(prompt: Prompt): string {
  if (prompt.toolResults.length > 0) return `The tools said: ${prompt.toolResults.join(", ")}`;
  if (prompt.json === "object") return JSON.stringify({ answer: prompt.lastUserText });
  if (prompt.json !== null) return JSON.stringify(schemaInstance(prompt.json));
  const count = /^count to (\d+)/i.exec(prompt.lastUserText)?.[1];
  if (count !== undefined) return Array.from({ length: Number(count) }, (_, index) => index + 1).join(" ");
  if (/^say nothing\b/i.test(prompt.lastUserText)) return "";
  const pictures = prompt.images > 0 ? ` (with ${prompt.images} images)` : "";
  return `You said: ${prompt.lastUserText}${pictures}`;
}

function toolCallsOf(prompt: Prompt): readonly AnsweredToolCall[] {
  const { toolChoice, tools } = prompt;
  if (tools.length === 0 || toolChoice === "none") return [];
  const wanted = typeof toolChoice === "object" ? tools.filter((tool) => tool.name === toolChoice.name) : tools;
  const mentions = wanted.flatMap((tool) => mentionsOf(prompt.lastUserText, tool.name, tool.schema));
  mentions.sort((one, other) => one.at - other.at);
  const calls: AnsweredToolCall[] = mentions.map(({ call }) => call);
  const first = wanted[0];
  if (calls.length === 0 && toolChoice !== "auto" && first !== undefined) {
    calls.push({ name: first.name, arguments: fittingArguments(first.schema) });
  }
  return prompt.parallelToolCalls ? calls : calls.slice(0, 1);
}

/** What the results of the calls before lead to; never a call that was only forced. */
function furtherCallsOf(prompt: Prompt): readonly AnsweredToolCall[] {
  const said = prompt.toolResults.join("\n");
  return /\(\{.*?\}\)/.test(said) ? toolCallsOf({ ...prompt, lastUserText: said, toolChoice: "auto" }) : [];
}

function mentionsOf(text: string, name: string, schema: JsonObject): { at: number; call: AnsweredToolCall }[] {
  const mention = new RegExp(`\\b${name.replace(/[^\w-]/g, ".")}\\b(?:\\((\\{.*?\\})\\))?`, "g");
  return [...text.matchAll(mention)].map((match) => ({
    at: match.index,
    call: { name, arguments: parseJsonObject(match[1] ?? "") ?? fittingArguments(schema) },
  }));
}

function fittingArguments(schema: JsonObject): JsonObject {
  return parseJsonObject(JSON.stringify(schemaInstance(schema))) ?? {};
}

function cut(text: string, stop: readonly string[], maxTokens: number | null): AnsweredChoice {
  const stops = stop.map((word) => ({ word, at: text.indexOf(word) })).filter(({ at }) => at >= 0);
  const earliest = stops.toSorted((one, other) => one.at - other.at)[0];
  const stopped = earliest === undefined ? text : text.slice(0, earliest.at);
  const tokens = tokensOf(stopped);
  if (maxTokens !== null && tokens.length > maxTokens) {
    const kept = tokens.slice(0, maxTokens).join("");
    return { text: kept, refusal: false, toolCalls: [], finish: "length", stopSequence: null };
  }
  const finish = earliest === undefined ? "stop" : "stop_sequence";
  return { text: stopped, refusal: false, toolCalls: [], finish, stopSequence: earliest?.word ?? null };
}
