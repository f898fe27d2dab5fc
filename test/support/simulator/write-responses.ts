import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import type { Answer } from "./answer.ts";
import { flavourOf } from "./openai-flavours.ts";
import { type Prompt, tokensOf } from "./prompt.ts";
import { searchesTheWeb } from "./read-responses.ts";
import {
  CREATED_AT_SECONDS,
  fragments,
  idOf,
  type ReplyContext,
  type StreamEvent,
  type WireReply,
} from "./stream-event.ts";

const ARGUMENT_FRAGMENT_CHARACTERS = 5;

interface Written {
  readonly item: JsonObject;
  /** Its events between `added` and `done`, as type and members. */
  readonly events: readonly (readonly [type: string, members: JsonObject])[];
}

/** An answer as OpenAI's responses write it (openai 7.57.0, Response and ResponseStreamEvent). */
export function writeResponses(prompt: Prompt, answer: Answer, context: ReplyContext, body: JsonObject): WireReply {
  // OpenAI keeps what it answers: unlike elsewhere, an id never comes twice, not even after a reset.
  const digits = crypto.randomUUID().replaceAll("-", "");
  const items = itemsOf(answer, digits, body);
  const cut = answer.choices[0]?.finish === "length";
  const end = responseOf(`resp_${digits}`, prompt, answer, context, body, cut ? "incomplete" : "completed", items);
  return {
    whole: JSON.stringify(end, null, 2),
    events: eventsOf(responseOf(`resp_${digits}`, prompt, answer, context, body, "in_progress", []), items, end),
    headers: { "x-request-id": idOf("req_", context.sequence, 32), "openai-version": "2020-10-01" },
  };
}

function itemsOf(answer: Answer, digits: string, body: JsonObject): readonly Written[] {
  const id = (prefix: string, number: number) => `${prefix}_${digits}${String(number).padStart(4, "0")}`;
  const items: Written[] = [];
  if (searchesTheWeb(body)) {
    const item = {
      id: id("ws", 0),
      type: "web_search_call",
      status: "completed",
      action: { type: "search", query: "q" },
    };
    const place = { item_id: item.id };
    items.push({
      item,
      events: [
        ["response.web_search_call.searching", place],
        ["response.web_search_call.completed", place],
      ],
    });
  }
  if (answer.reasoning !== null) items.push(reasoningItem(id("rs", 1), answer.reasoning, body));
  const choice = answer.choices[0];
  for (const [index, call] of (choice?.toolCalls ?? []).entries()) {
    const text = JSON.stringify(call.arguments);
    const item = {
      id: id("fc", 10 + index),
      type: "function_call",
      status: "completed",
      arguments: text,
      call_id: `call_${digits.slice(0, 20)}${index}`,
      name: call.name,
    };
    const place = { item_id: item.id };
    items.push({
      item,
      events: [
        ...fragments(text, ARGUMENT_FRAGMENT_CHARACTERS).map(
          (delta) => ["response.function_call_arguments.delta", { ...place, delta }] as const,
        ),
        ["response.function_call_arguments.done", { ...place, arguments: text }],
      ],
    });
  }
  if (choice !== undefined && choice.toolCalls.length === 0) items.push(messageItem(id("msg", 50), choice));
  return items;
}

/** The thought itself is only told where a summary was asked for, and sealed only where that was. */
function reasoningItem(id: string, text: string, body: JsonObject): Written {
  const { reasoning, include } = body;
  const summary =
    typeof reasoning === "object" && reasoning !== null && "summary" in reasoning
      ? [{ type: "summary_text", text }]
      : [];
  const sealed = Array.isArray(include) && include.includes("reasoning.encrypted_content");
  const item = { id, type: "reasoning", ...(sealed ? { encrypted_content: "gAAAAASimulated" } : {}), summary };
  const place = { item_id: id, summary_index: 0 };
  const told: Written["events"] = [
    ["response.reasoning_summary_part.added", { ...place, part: { type: "summary_text", text: "" } }],
    ...tokensOf(text).map((delta) => ["response.reasoning_summary_text.delta", { ...place, delta }] as const),
    ["response.reasoning_summary_text.done", { ...place, text }],
    ["response.reasoning_summary_part.done", { ...place, part: { type: "summary_text", text } }],
  ];
  return { item, events: summary.length === 0 ? [] : told };
}

function messageItem(id: string, choice: Answer["choices"][number]): Written {
  const { text, refusal } = choice;
  const part = (said: string): JsonObject =>
    refusal ? { type: "refusal", refusal: said } : { type: "output_text", annotations: [], logprobs: [], text: said };
  const place = { item_id: id, content_index: 0 };
  const kind = refusal ? "refusal" : "output_text";
  const logprobs = refusal ? {} : { logprobs: [] };
  return {
    item: {
      id,
      type: "message",
      status: choice.finish === "length" ? "incomplete" : "completed",
      content: [part(text)],
      role: "assistant",
    },
    events: [
      ["response.content_part.added", { ...place, part: part("") }],
      ...tokensOf(text).map((delta) => [`response.${kind}.delta`, { ...place, delta, ...logprobs }] as const),
      [`response.${kind}.done`, { ...place, ...(refusal ? { refusal: text } : { text, ...logprobs }) }],
      ["response.content_part.done", { ...place, part: part(text) }],
    ],
  };
}

function responseOf(
  id: string,
  prompt: Prompt,
  answer: Answer,
  context: ReplyContext,
  body: JsonObject,
  status: string,
  items: readonly Written[],
): JsonObject {
  const given = (name: string, byDefault: JsonValue) => body[name] ?? byDefault;
  return {
    id,
    object: "response",
    created_at: CREATED_AT_SECONDS,
    status,
    background: false,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: given("instructions", null),
    max_output_tokens: given("max_output_tokens", null),
    max_tool_calls: null,
    model: flavourOf(context.provider).modelName(prompt.model),
    output: items.map(({ item }) => item),
    parallel_tool_calls: given("parallel_tool_calls", true),
    previous_response_id: null,
    prompt_cache_key: given("prompt_cache_key", null),
    reasoning: given("reasoning", { effort: null, summary: null }),
    safety_identifier: null,
    service_tier: "default",
    store: given("store", true),
    temperature: given("temperature", 1),
    text: given("text", { format: { type: "text" }, verbosity: "medium" }),
    tool_choice: given("tool_choice", "auto"),
    tools: given("tools", []),
    top_logprobs: 0,
    top_p: given("top_p", 1),
    truncation: "disabled",
    usage: status === "in_progress" ? null : usageOf(answer, context),
    user: null,
    metadata: given("metadata", {}),
  };
}

function usageOf(answer: Answer, { usage }: ReplyContext): JsonValue {
  if (usage.kind === "none") return null;
  const { promptTokens, cachedTokens, outputTokens, reasoningTokens } = answer.usage;
  const count = (value: number): JsonValue => (usage.kind === "absurd" ? usage.value : value);
  return {
    input_tokens: count(promptTokens),
    input_tokens_details: { cached_tokens: count(cachedTokens), cache_write_tokens: 0 },
    output_tokens: count(outputTokens + reasoningTokens),
    output_tokens_details: { reasoning_tokens: count(reasoningTokens) },
    total_tokens: count(promptTokens + outputTokens + reasoningTokens),
  };
}

function eventsOf(begun: JsonObject, items: readonly Written[], end: JsonObject): readonly StreamEvent[] {
  const events: StreamEvent[] = [];
  const add = (kind: StreamEvent["kind"], type: string, members: JsonObject) => {
    const data = JSON.stringify({ type, sequence_number: events.length, ...members });
    events.push({ kind, name: type, data });
  };
  add("open", "response.created", { response: begun });
  add("open", "response.in_progress", { response: begun });
  for (const [index, { item, events: own }] of items.entries()) {
    const place = { output_index: index };
    const { content: _, ...head } = item;
    const fresh = item["type"] === "message" ? { ...head, status: "in_progress", content: [] } : freshItem(item);
    add("open", "response.output_item.added", { ...place, item: fresh });
    for (const [type, members] of own) {
      // OpenAI fills deltas up so that their length tells nothing about the text.
      const padding = type.endsWith(".delta") ? { obfuscation: "k3Jx9QvT2m" } : {};
      add(type.endsWith(".delta") ? "content" : "open", type, { ...members, ...place, ...padding });
    }
    add("open", "response.output_item.done", { ...place, item });
  }
  add("finish", `response.${String(end["status"])}`, { response: end });
  return events;
}

function freshItem(item: JsonObject): JsonObject {
  if (item["type"] === "function_call") return { ...item, status: "in_progress", arguments: "" };
  return item["type"] === "reasoning" ? { ...item, summary: [] } : { ...item, status: "in_progress" };
}
