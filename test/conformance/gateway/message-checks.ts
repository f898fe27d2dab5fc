import { says } from "./chat-checks.ts";
import { at, type Check, listAt, must, mustBe, mustCount, mustParse, mustText, shown, skip, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { type Answer, ask, askAnthropic, messages, mustAnswer, type Target } from "./target.ts";

const HELLO = { messages: says("Say hello.") };
const TOOLS = [
  {
    name: "get_weather",
    description: "The weather in a city.",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];
const ONE_CITY = says('What is the weather in Paris? Call get_weather({"city":"Paris"}).');
const DELTAS_OF_BLOCK: Readonly<Record<string, readonly string[]>> = {
  text: ["text_delta", "citations_delta"],
  thinking: ["thinking_delta", "signature_delta"],
  tool_use: ["input_json_delta"],
};

const textOf = (body: unknown) =>
  listAt(body, "content")
    .map((block) => textAt(block, "text"))
    .join("");
const callsIn = (body: unknown) => listAt(body, "content").filter((block) => at(block, "type") === "tool_use");

/** The events of a message stream, pings left out. @throws Failed where the framing is not Anthropic's */
async function streamed(target: Target, body: object): Promise<readonly unknown[]> {
  const { events } = mustAnswer(await messages(target, { ...body, stream: true }));
  must(
    events.every(({ data }) => data !== "[DONE]"),
    "there is a [DONE], which Anthropic's streams do not have",
  );
  const all = dataOf(events);
  const named = events.filter(({ data }) => data !== null);
  all.forEach((event, index) => {
    const name = named[index]?.name;
    must(at(event, "type") === name, `an event is called ${shown(name)} and its type is ${shown(at(event, "type"))}`);
  });
  return all.filter((event) => at(event, "type") !== "ping");
}

/** message_start, blocks one after the other, message_delta, message_stop. */
function mustBeOrdered(events: readonly unknown[]): void {
  const types = events.map((event) => textAt(event, "type"));
  must(types[0] === "message_start", `the first event is ${shown(types[0])}`);
  must(types.at(-1) === "message_stop", `the last event is ${shown(types.at(-1))}`);
  must(types.at(-2) === "message_delta", `the last but one is ${shown(types.at(-2))}`);
  let open: string | null = null;
  let next = 0;
  for (const event of events.slice(1, -2)) {
    const index = at(event, "index");
    switch (at(event, "type")) {
      case "content_block_start":
        must(open === null, "a block is opened while another is open");
        must(index === next, `a block has index ${shown(index)}, not ${next}`);
        open = mustText(event, "content_block.type");
        next += 1;
        break;
      case "content_block_delta": {
        must(open !== null && index === next - 1, "a delta belongs to no open block");
        const kinds = DELTAS_OF_BLOCK[open];
        const kind = textAt(event, "delta.type");
        must(kinds === undefined || kinds.includes(kind), `a ${kind} is in a block of ${open}`);
        break;
      }
      case "content_block_stop":
        must(open !== null && index === next - 1, "a block is closed that is not open");
        open = null;
        break;
      default:
        must(false, `there is an event of type ${shown(at(event, "type"))}`);
    }
  }
  must(open === null, "a block is not closed");
}

function mustBeError(answer: Answer, status: number, type: string): void {
  must(answer.status === status, `the status is ${answer.status}, not ${status}: ${shown(answer.text)}`);
  mustBe(answer.body, "type", "error");
  mustBe(answer.body, "error.type", type);
  mustText(answer.body, "error.message");
}

function refused(
  name: string,
  sentence: string,
  status: number,
  type: string,
  body: (target: Target) => unknown,
): Check {
  return {
    id: `messages.${name}`,
    says: sentence,
    run: async (target) =>
      mustBeError(await askAnthropic(target, "/v1/messages", { body: body(target) }), status, type),
  };
}

/** Anthropic's messages: docs.anthropic.com/en/api/messages and /messages-streaming (read 2026-11-25). */
export const MESSAGE_CHECKS: readonly Check[] = [
  {
    id: "messages.reply",
    says: "a message has id, type, role, model, a text block, stop_reason `end_turn` and usage",
    run: async (target) => {
      const { body } = mustAnswer(await messages(target, HELLO));
      mustText(body, "id");
      mustBe(body, "type", "message");
      mustBe(body, "role", "assistant");
      mustText(body, "model");
      must(textOf(body) !== "", "there is no text");
      mustBe(body, "stop_reason", "end_turn");
      mustCount(body, "usage.input_tokens", 1);
      mustCount(body, "usage.output_tokens", 1);
    },
  },
  {
    id: "messages.bearer",
    says: "the key is taken as a bearer token too, as Claude Code sends it",
    run: async (target) => {
      const body = { model: target.anthropicModel, max_tokens: 64, ...HELLO };
      mustAnswer(await ask(target, "/v1/messages", { body, headers: { "anthropic-version": "2023-06-01" } }));
    },
  },
  {
    id: "messages.beta",
    says: "`?beta=true` and an anthropic-beta header change nothing",
    run: async (target) => {
      const body = { model: target.anthropicModel, max_tokens: 64, ...HELLO };
      const headers = { "anthropic-beta": "interleaved-thinking-2025-05-14" };
      mustAnswer(await askAnthropic(target, "/v1/messages?beta=true", { body, headers }));
    },
  },
  {
    id: "messages.system",
    says: "a system prompt in blocks with cache_control is taken, and so are metadata and content in blocks",
    run: async (target) => {
      const system = [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }];
      const content = [{ type: "text", text: "Say hello.", cache_control: { type: "ephemeral" } }];
      const body = { system, messages: says(content), metadata: { user_id: "conformance" } };
      must(textOf(mustAnswer(await messages(target, body)).body) !== "", "there is no text");
    },
  },
  {
    id: "messages.max-tokens",
    says: "max_tokens ends the answer with stop_reason `max_tokens`",
    run: async (target) => {
      const body = { messages: says("Count to 200, digits separated by spaces."), max_tokens: 8 };
      mustBe(mustAnswer(await messages(target, body)).body, "stop_reason", "max_tokens");
    },
  },
  {
    id: "messages.stop-sequences",
    says: "a stop sequence ends the answer, and is not part of it",
    run: async (target) => {
      const asked = { messages: says("Count to 20, digits separated by spaces."), stop_sequences: ["7"] };
      const { body } = mustAnswer(await messages(target, asked));
      must(!textOf(body).includes("7"), "the answer goes on past the stop sequence");
      must(
        /^(?:stop_sequence|end_turn)$/.test(textAt(body, "stop_reason")),
        `stop_reason is ${shown(at(body, "stop_reason"))}`,
      );
    },
  },
  {
    id: "messages.stream",
    says: "the events of a stream are in order, one block at a time, each named as its type",
    run: async (target) => {
      const events = await streamed(target, HELLO);
      mustBeOrdered(events);
      mustText(events[0], "message.id");
      mustBe(events[0], "message.role", "assistant");
      const text = events.map((event) => textAt(event, "delta.text")).join("");
      must(text !== "", "the stream has no text");
    },
  },
  {
    id: "messages.stream-usage",
    says: "message_start tells the input's tokens, message_delta the stop_reason and the output's",
    run: async (target) => {
      const events = await streamed(target, HELLO);
      mustCount(events[0], "message.usage.input_tokens", 1);
      const delta = events.at(-2);
      mustBe(delta, "delta.stop_reason", "end_turn");
      mustCount(delta, "usage.output_tokens", 1);
    },
  },
  {
    id: "messages.tools",
    says: "with tool_choice `any` there is a call with an id and an input, and stop_reason `tool_use`",
    run: async (target) => {
      const { body } = mustAnswer(
        await messages(target, { messages: ONE_CITY, tools: TOOLS, tool_choice: { type: "any" } }),
      );
      const [call] = callsIn(body);
      must(call !== undefined, "there is no call");
      mustText(call, "id");
      mustBe(call, "name", "get_weather");
      mustText(call, "input.city");
      mustBe(body, "stop_reason", "tool_use");
    },
  },
  {
    id: "messages.stream-tools",
    says: "a streamed call's fragments add up to its input",
    run: async (target) => {
      const events = await streamed(target, { messages: ONE_CITY, tools: TOOLS, tool_choice: { type: "any" } });
      mustBeOrdered(events);
      const start = events.find((event) => at(event, "content_block.type") === "tool_use");
      must(start !== undefined, "there is no call");
      mustText(start, "content_block.id");
      mustBe(start, "content_block.name", "get_weather");
      const own = events.filter((event) => at(event, "index") === at(start, "index"));
      mustText(mustParse(own.map((event) => textAt(event, "delta.partial_json")).join(""), "the input"), "city");
      mustBe(events.at(-2), "delta.stop_reason", "tool_use");
    },
  },
  {
    id: "messages.results",
    says: "results are taken, one of them an error, and the model answers",
    run: async (target) => {
      const asked = { messages: ONE_CITY, tools: TOOLS };
      const { body } = mustAnswer(await messages(target, { ...asked, tool_choice: { type: "any" } }));
      const results = callsIn(body).map((call, index) => ({
        type: "tool_result",
        tool_use_id: at(call, "id"),
        content: index === 0 ? [{ type: "text", text: "12 degrees, rain" }] : "the station is closed",
        is_error: index > 0,
      }));
      const turns = [
        ...ONE_CITY,
        { role: "assistant", content: at(body, "content") },
        { role: "user", content: results },
      ];
      must(textOf(mustAnswer(await messages(target, { ...asked, messages: turns })).body) !== "", "there is no answer");
    },
  },
  {
    id: "messages.thinking",
    says: "a thought has a signature, and goes back with it",
    run: async (target) => {
      const asked = { max_tokens: 4_096, thinking: { type: "enabled", budget_tokens: 1_024 } };
      const answer = await messages(target, { ...asked, ...HELLO });
      if (answer.status === 400) skip(`the model does not think: ${shown(answer.text)}`);
      const content = listAt(mustAnswer(answer).body, "content");
      const thought = content.find((block) => at(block, "type") === "thinking");
      if (thought === undefined) skip("the model showed no thought");
      must(typeof at(thought, "signature") === "string", "the thought has no signature");
      const turns = [...HELLO.messages, { role: "assistant", content }, ...says("And now goodbye.")];
      mustAnswer(await messages(target, { ...asked, messages: turns }));
    },
  },
  {
    id: "messages.count-tokens",
    says: "count_tokens counts, and more for more",
    run: async (target) => {
      const count = async (text: string) => {
        const body = { model: target.anthropicModel, messages: says(text), tools: TOOLS };
        const answer = await askAnthropic(target, "/v1/messages/count_tokens", { body });
        if (answer.status === 404) skip("POST /v1/messages/count_tokens answers 404");
        return mustCount(mustAnswer(answer).body, "input_tokens", 1);
      };
      const few = await count("Say hello.");
      const many = await count("Say hello. ".repeat(50));
      must(many > few, `${many} tokens for fifty sentences, ${few} for one`);
    },
  },
  {
    id: "messages.no-key",
    says: "without a key the status is 401 and the type authentication_error",
    run: async (target) => {
      const asked = { body: { model: target.anthropicModel, max_tokens: 9, ...HELLO }, headers: { "x-api-key": null } };
      mustBeError(await askAnthropic(target, "/v1/messages", asked), 401, "authentication_error");
    },
  },
  refused("unknown-model", "a model that does not exist is a not_found_error", 404, "not_found_error", () => ({
    model: "no-such-model-0",
    max_tokens: 9,
    ...HELLO,
  })),
  refused(
    "no-max-tokens",
    "a request without max_tokens is an invalid_request_error",
    400,
    "invalid_request_error",
    (target) => ({
      model: target.anthropicModel,
      ...HELLO,
    }),
  ),
  refused(
    "no-json",
    "a body that is no JSON is an invalid_request_error",
    400,
    "invalid_request_error",
    () => '{"model": ',
  ),
  refused(
    "empty-messages",
    "an empty list of messages is an invalid_request_error",
    400,
    "invalid_request_error",
    (target) => ({
      model: target.anthropicModel,
      max_tokens: 9,
      messages: [],
    }),
  ),
  {
    id: "messages.error-id",
    says: "an error has its request_id in the body or in the header request-id",
    run: async (target) => {
      const { body, headers } = await messages(target, { messages: [] });
      const id = at(body, "request_id") ?? headers.get("request-id") ?? "";
      must(typeof id === "string" && id !== "", "there is neither");
    },
  },
];

/** True where the gateway has this route at all. */
export async function hasMessages(target: Target): Promise<boolean> {
  const { status, body } = await messages(target, { ...HELLO, max_tokens: 16 });
  return status !== 405 && (status !== 404 || at(body, "type") === "error");
}
