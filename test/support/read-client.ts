import { type JsonObject, type JsonValue, objectsOf, stringOf } from "../../lib/protocol/json.ts";
import { objectAt } from "./simulator/json-reading.ts";

/** The client formats that are read here. */
export type ReadFormat = "openai" | "anthropic" | "responses";

/** What a client of one of them has understood of a reply. */
export interface Understood {
  readonly thought: string;
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly args: JsonValue }[];
  /** In OpenAI's words. */
  readonly finish: string;
  /** All input, the cached part of it, all output: as both formats can say it. */
  readonly usage: { readonly input: number; readonly cacheRead: number; readonly output: number };
}

const FINISH: Readonly<Record<string, string>> = {
  end_turn: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

/** A streamed reply. @throws Error where the protocol's own clients would */
export function understandStream(format: ReadFormat, sse: string): Understood {
  const events = sse
    .split(/\n\n|\r\n\r\n/)
    .filter((frame) => frame.includes("data: {"))
    .map((frame): JsonObject => JSON.parse(frame.slice(frame.indexOf("data: ") + 6)));
  if (format === "responses") return responsesStream(events);
  return format === "openai" ? openAiStream(events) : anthropicStream(events);
}

export function understandWhole(format: ReadFormat, text: string): Understood {
  const body: JsonObject = JSON.parse(text);
  if (format === "anthropic")
    return anthropicMessage(objectsOf(body["content"]), stringOf(body["stop_reason"]), objectAt(body["usage"]));
  if (format === "responses") return responseObject(body);
  const [choice = {}] = objectsOf(body["choices"]);
  const message = objectAt(choice["message"]);
  return openAiMessage(
    message,
    objectsOf(message["tool_calls"]),
    stringOf(choice["finish_reason"]),
    objectAt(body["usage"]),
  );
}

function openAiStream(events: readonly JsonObject[]): Understood {
  const message = { content: "", reasoning: "" };
  const calls: { id: string; function: { name: string; arguments: string } }[] = [];
  const finishes: string[] = [];
  for (const choice of events.flatMap((event) => objectsOf(event["choices"]))) {
    const delta = objectAt(choice["delta"]);
    message.content += stringOf(delta["content"]);
    const details = objectsOf(delta["reasoning_details"]).map((detail) => stringOf(detail["text"]));
    message.reasoning += details.join("") || stringOf(delta["reasoning"]);
    for (const fragment of objectsOf(delta["tool_calls"])) {
      const called = objectAt(fragment["function"]);
      const known = calls[Number(fragment["index"])];
      if (known === undefined) {
        calls[Number(fragment["index"])] = {
          id: stringOf(fragment["id"]),
          function: { name: stringOf(called["name"]), arguments: stringOf(called["arguments"]) },
        };
      } else known.function.arguments += stringOf(called["arguments"]);
    }
    const finish = stringOf(choice["finish_reason"]);
    if (finish !== "") finishes.push(finish);
  }
  if (finishes.length !== 1) throw new Error(`Finishes: ${finishes.join(", ")}`);
  return openAiMessage(
    message,
    calls,
    finishes[0] ?? "",
    objectAt(events.findLast((event) => event["usage"] != null)?.["usage"]),
  );
}

function openAiMessage(
  message: JsonObject,
  calls: readonly JsonObject[],
  finish: string,
  usage: JsonObject,
): Understood {
  const details = objectsOf(message["reasoning_details"]).map((detail) => stringOf(detail["text"]));
  return {
    thought: details.join("") || stringOf(message["reasoning"]),
    text: stringOf(message["content"]),
    calls: calls.map((call) => {
      const called = objectAt(call["function"]);
      return {
        id: stringOf(call["id"]),
        name: stringOf(called["name"]),
        args: JSON.parse(stringOf(called["arguments"])),
      };
    }),
    finish,
    usage: {
      input: Number(usage["prompt_tokens"]),
      cacheRead: Number(objectAt(usage["prompt_tokens_details"])["cached_tokens"]),
      output: Number(usage["completion_tokens"]),
    },
  };
}

function anthropicStream(events: readonly JsonObject[]): Understood {
  const blocks: Record<string, JsonValue>[] = [];
  let open = false;
  let finish = "";
  let usage: JsonObject = {};
  for (const event of events) {
    const last = blocks.at(-1);
    switch (event["type"]) {
      case "content_block_start":
        if (open || event["index"] !== blocks.length) throw new Error("Content blocks overlap.");
        open = true;
        blocks.push({ ...objectAt(event["content_block"]), json: "" });
        break;
      case "content_block_delta": {
        if (!open || last === undefined || event["index"] !== blocks.length - 1)
          throw new Error("Content block not found.");
        const delta = objectAt(event["delta"]);
        for (const [from, to] of [
          ["text", "text"],
          ["thinking", "thinking"],
          ["partial_json", "json"],
        ] as const) {
          if (delta[from] !== undefined) last[to] = stringOf(last[to]) + stringOf(delta[from]);
        }
        break;
      }
      case "content_block_stop":
        open = false;
        if (last?.["type"] === "tool_use") last["input"] = JSON.parse(stringOf(last["json"]) || "{}");
        break;
      case "message_delta":
        finish = stringOf(objectAt(event["delta"])["stop_reason"]);
        usage = objectAt(event["usage"]);
        break;
      default:
    }
  }
  if (open) throw new Error("A content block is open at the end.");
  return anthropicMessage(blocks, finish, usage);
}

function anthropicMessage(blocks: readonly JsonObject[], finish: string, usage: JsonObject): Understood {
  const of = (type: string) => blocks.filter((block) => block["type"] === type);
  const cached = Number(usage["cache_read_input_tokens"]);
  return {
    thought: of("thinking")
      .map((block) => stringOf(block["thinking"]))
      .join(""),
    text: of("text")
      .map((block) => stringOf(block["text"]))
      .join(""),
    calls: of("tool_use").map(({ id, name, input }) => ({
      id: stringOf(id),
      name: stringOf(name),
      args: input ?? null,
    })),
    finish: FINISH[finish] ?? finish,
    usage: {
      input: Number(usage["input_tokens"]) + cached + Number(usage["cache_creation_input_tokens"]),
      cacheRead: cached,
      output: Number(usage["output_tokens"]),
    },
  };
}

/** The last event holds all of it; what came in pieces must come to the same. */
function responsesStream(events: readonly JsonObject[]): Understood {
  const pieces = { text: "", thought: "", json: new Map<JsonValue, string>() };
  const open = new Set<JsonValue>();
  for (const [index, event] of events.entries()) {
    if (event["sequence_number"] !== index) throw new Error(`Event ${index} has another number.`);
    const place = event["output_index"] ?? null;
    const delta = stringOf(event["delta"]);
    switch (event["type"]) {
      case "response.output_item.added":
        if (open.has(place)) throw new Error("An item is added twice.");
        open.add(place);
        break;
      case "response.output_item.done":
        if (!open.delete(place)) throw new Error("An item ends that is not open.");
        break;
      case "response.output_text.delta":
        pieces.text += delta;
        break;
      case "response.reasoning_summary_text.delta":
        pieces.thought += delta;
        break;
      case "response.function_call_arguments.delta":
        pieces.json.set(place, (pieces.json.get(place) ?? "") + delta);
        break;
      default:
    }
  }
  if (open.size > 0) throw new Error("An item is left open.");
  const understood = responseObject(objectAt(events.at(-1)?.["response"]));
  const inPieces = [...pieces.json].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, json]) => JSON.parse(json));
  const told = { text: pieces.text, thought: pieces.thought, args: inPieces };
  const whole = { text: understood.text, thought: understood.thought, args: understood.calls.map(({ args }) => args) };
  if (JSON.stringify(told) !== JSON.stringify(whole)) throw new Error("The end says something else than the deltas.");
  return understood;
}

function responseObject(response: JsonObject): Understood {
  const output = objectsOf(response["output"]);
  const calls = output.filter(({ type }) => type === "function_call");
  const textOf = (type: string, list: string) =>
    output
      .filter((item) => item["type"] === type)
      .flatMap((item) => objectsOf(item[list]))
      .map((part) => stringOf(part["text"]))
      .join("");
  const reason = stringOf(objectAt(response["incomplete_details"])["reason"]);
  const ended = calls.length > 0 ? "tool_calls" : "stop";
  const usage = objectAt(response["usage"]);
  return {
    thought: textOf("reasoning", "summary"),
    text: textOf("message", "content"),
    calls: calls.map((call) => ({
      id: stringOf(call["call_id"]),
      name: stringOf(call["name"]),
      args: JSON.parse(stringOf(call["arguments"])),
    })),
    finish: response["status"] === "completed" ? ended : reason === "content_filter" ? reason : "length",
    usage: {
      input: Number(usage["input_tokens"]),
      cacheRead: Number(objectAt(usage["input_tokens_details"])["cached_tokens"]),
      output: Number(usage["output_tokens"]),
    },
  };
}
