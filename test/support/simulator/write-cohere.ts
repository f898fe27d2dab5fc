import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer, AnsweredChoice } from "./answer.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { fragments, idOf, type ReplyContext, type StreamEvent, type WireReply } from "./stream-event.ts";

const ARGUMENT_FRAGMENT_CHARACTERS = 7;
/** What Cohere's own instructions come to: counted as tokens, and not billed. */
const PREAMBLE_TOKENS = 66;

/** An answer as Cohere's chat writes it. */
export function writeCohere(prompt: Prompt, answer: Answer, context: ReplyContext): WireReply {
  const choice = answer.choices[0];
  if (choice === undefined) throw new Error("An answer of Cohere's has one choice.");
  const id = idOf("", context.sequence, 36);
  const calls = choice.toolCalls.map((call, position) => ({
    id: idOf(`${call.name}_`, context.sequence * 10 + position, 12),
    type: "function",
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
  const thinking = answer.reasoning === null ? [] : [{ type: "thinking", thinking: answer.reasoning }];
  const text = choice.text === "" ? [] : [{ type: "text", text: choice.text }];
  // A model that must call a tool does not say why.
  const plan = calls.length > 0 && prompt.toolChoice === "auto" ? PLAN : "";
  const message = {
    role: "assistant",
    ...(thinking.length + text.length === 0 ? {} : { content: [...thinking, ...text] }),
    ...(plan === "" ? {} : { tool_plan: plan }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  const usage = usageOf(answer, context);
  const end = { finish_reason: finishReasonOf(choice), ...(usage === null ? {} : { usage }) };
  return {
    whole: JSON.stringify({ id, message, ...end }),
    events: streamOf(id, answer, choice, { plan, calls }, end, context),
    headers: { "x-api-warning": "simulated" },
  };
}

const PLAN = "I will use a tool.";

interface WrittenCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

function streamOf(
  id: string,
  answer: Answer,
  choice: AnsweredChoice,
  { plan, calls }: { readonly plan: string; readonly calls: readonly WrittenCall[] },
  end: JsonObject,
  { usage }: ReplyContext,
): readonly StreamEvent[] {
  const empty = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
  const blocks: (readonly ["thinking" | "text", string])[] = [];
  if (answer.reasoning !== null) blocks.push(["thinking", answer.reasoning]);
  if (choice.text !== "") blocks.push(["text", choice.text]);
  const last = event("finish", "message-end", { delta: end });
  return [
    event("open", "message-start", { id, delta: { message: empty } }),
    ...blocks.flatMap(([kind, text], index) => blockEvents(kind, text, index)),
    ...tokensOf(plan).map((token) => event("content", "tool-plan-delta", { delta: { message: { tool_plan: token } } })),
    ...calls.flatMap(callEvents),
    ...(usage.kind === "twice" ? [last, last] : [last]),
  ];
}

function blockEvents(kind: "thinking" | "text", text: string, index: number): readonly StreamEvent[] {
  const content = (value: JsonObject) => ({ index, delta: { message: { content: value } } });
  return [
    event("open", "content-start", content({ type: kind, [kind]: "" })),
    ...tokensOf(text).map((token) => event("content", "content-delta", content({ [kind]: token }))),
    event("open", "content-end", { index }),
  ];
}

function callEvents(call: WrittenCall, index: number): readonly StreamEvent[] {
  const delta = (value: JsonObject) => ({ index, delta: { message: { tool_calls: value } } });
  const { name, arguments: json } = call.function;
  const pieces = json === "{}" ? [] : fragments(json, ARGUMENT_FRAGMENT_CHARACTERS);
  return [
    event("content", "tool-call-start", delta({ id: call.id, type: call.type, function: { name, arguments: "" } })),
    ...pieces.map((piece) => event("content", "tool-call-delta", delta({ function: { arguments: piece } }))),
    event("open", "tool-call-end", { index }),
  ];
}

function event(kind: StreamEvent["kind"], name: string, fields: JsonObject): StreamEvent {
  return { kind, name, data: JSON.stringify({ type: name, ...fields }) };
}

function finishReasonOf({ finish }: AnsweredChoice): string {
  const reasons = {
    stop: "COMPLETE",
    length: "MAX_TOKENS",
    tool_calls: "TOOL_CALL",
    refusal: "ERROR_TOXIC",
    stop_sequence: "STOP_SEQUENCE",
  } as const;
  return reasons[finish];
}

function usageOf(answer: Answer, { usage }: ReplyContext): JsonObject | null {
  if (usage.kind === "none") return null;
  const { promptTokens, outputTokens, reasoningTokens } = answer.usage;
  const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
  const output = outputTokens + reasoningTokens;
  return {
    billed_units: { input_tokens: count(promptTokens), output_tokens: count(output) },
    tokens: { input_tokens: count(promptTokens + PREAMBLE_TOKENS), output_tokens: count(output + 2) },
    cached_tokens: 0,
  };
}
