import { mustSpeak, says } from "./chat-checks.ts";
import { at, type Check, listAt, must, mustBe, mustParse, mustText, shown, skip, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { chat, mustAnswer, type Target } from "./target.ts";

const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string", description: "The name of the city" } },
  required: ["city"],
  additionalProperties: false,
};
const TOOLS = [
  {
    type: "function",
    function: { name: "get_weather", description: "The weather in a city.", parameters: PARAMETERS },
  },
];
const ONE_CITY = 'What is the weather in Paris? Call get_weather({"city":"Paris"}).';
const TWO_CITIES =
  'What is the weather in Paris and in Rome? Make two calls at once: get_weather({"city":"Paris"}) and get_weather({"city":"Rome"}).';

async function callsOf(target: Target, text: string, more: object = {}): Promise<readonly unknown[]> {
  const { body } = mustAnswer(await chat(target, { messages: says(text), tools: TOOLS, ...more }));
  return listAt(body, "choices.0.message.tool_calls");
}

function mustBeCall(call: unknown): void {
  mustText(call, "id");
  mustBe(call, "type", "function");
  mustBe(call, "function.name", "get_weather");
  const json = mustText(call, "function.arguments");
  mustText(mustParse(json, "function.arguments"), "city");
}

function mustDiffer(calls: readonly unknown[]): void {
  const ids = new Set(calls.map((call) => at(call, "id")));
  must(ids.size === calls.length, `two calls have one id: ${shown([...ids])}`);
}

interface StreamedCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** The calls of a stream, put together as OpenAI's own clients do: by index, the arguments end to end. */
async function streamedCalls(target: Target, text: string, more: object = {}): Promise<readonly StreamedCall[]> {
  const asked = { messages: says(text), tools: TOOLS, stream: true, ...more };
  const choices = dataOf(mustAnswer(await chat(target, asked)).events).flatMap((chunk) => listAt(chunk, "choices"));
  const calls: StreamedCall[] = [];
  for (const fragment of choices.flatMap((choice) => listAt(choice, "delta.tool_calls"))) {
    const index = at(fragment, "index");
    must(typeof index === "number" && index >= 0 && index <= calls.length, `a fragment's index is ${shown(index)}`);
    const known = calls[index];
    if (known === undefined) {
      mustText(fragment, "id");
      mustText(fragment, "function.name");
    }
    const id = textAt(fragment, "id");
    must(known === undefined || id === "" || id === known.id, `two calls have index ${index}: ${known?.id} and ${id}`);
    calls[index] = {
      id: known?.id ?? textAt(fragment, "id"),
      type: known?.type ?? textAt(fragment, "type"),
      function: {
        name: known?.function.name ?? textAt(fragment, "function.name"),
        arguments: (known?.function.arguments ?? "") + textAt(fragment, "function.arguments"),
      },
    };
  }
  return calls;
}

/** Function calling: platform.openai.com/docs/guides/function-calling (read 2026-11-25). */
export const TOOL_CHECKS: readonly Check[] = [
  {
    id: "tools.required",
    says: "with tool_choice `required` there is a call, with id, name, JSON arguments and finish_reason `tool_calls`",
    run: async (target) => {
      const asked = { messages: says(ONE_CITY), tools: TOOLS, tool_choice: "required" };
      const { body } = mustAnswer(await chat(target, asked));
      const calls = listAt(body, "choices.0.message.tool_calls");
      must(calls.length > 0, "there is no call");
      calls.forEach(mustBeCall);
      mustBe(body, "choices.0.finish_reason", "tool_calls");
    },
  },
  {
    id: "tools.named",
    says: "a tool that is named is called",
    run: async (target) => {
      const tool_choice = { type: "function", function: { name: "get_weather" } };
      const calls = await callsOf(target, "Hello. I am in Oslo.", { tool_choice });
      must(calls.length > 0, "there is no call");
      calls.forEach(mustBeCall);
    },
  },
  {
    id: "tools.none",
    says: "with tool_choice `none` there is no call",
    run: async (target) =>
      must((await callsOf(target, ONE_CITY, { tool_choice: "none" })).length === 0, "there is a call"),
  },
  {
    id: "tools.parallel",
    says: "parallel calls have ids of their own",
    run: async (target) => {
      const calls = await callsOf(target, TWO_CITIES);
      if (calls.length < 2) skip("the model made no two calls at once");
      calls.forEach(mustBeCall);
      mustDiffer(calls);
    },
  },
  {
    id: "tools.one-at-a-time",
    says: "with parallel_tool_calls false there is at most one call",
    run: async (target) => {
      const asked = { messages: says(TWO_CITIES), tools: TOOLS, parallel_tool_calls: false };
      const { body, headers } = mustAnswer(await chat(target, asked));
      // Not every provider can be told; a gateway may say so in a header.
      const owned = [...headers.values()].some((value) => value.includes("parallel_tool_calls"));
      if (owned) skip("a header says that parallel_tool_calls is not honoured");
      const { length } = listAt(body, "choices.0.message.tool_calls");
      must(length <= 1, `there are ${length} calls`);
    },
  },
  {
    id: "tools.streamed",
    says: "a streamed call has id and name first, and fragments that add up to JSON",
    run: async (target) => {
      const calls = await streamedCalls(target, ONE_CITY, { tool_choice: "required" });
      must(calls.length > 0, "there is no call");
      calls.forEach(mustBeCall);
    },
  },
  {
    id: "tools.streamed-parallel",
    says: "streamed parallel calls have an index and an id each",
    run: async (target) => {
      const calls = await streamedCalls(target, TWO_CITIES);
      if (calls.length < 2) skip("the model made no two calls at once");
      calls.forEach(mustBeCall);
      mustDiffer(calls);
    },
  },
  {
    id: "tools.results",
    says: "a call's result is taken, and the model answers",
    run: async (target) => {
      const asked = { messages: says(ONE_CITY), tools: TOOLS };
      const message = at(
        mustAnswer(await chat(target, { ...asked, tool_choice: "required" })).body,
        "choices.0.message",
      );
      const results = listAt(message, "tool_calls").map((call) => ({
        role: "tool",
        tool_call_id: at(call, "id"),
        content: "12 degrees, rain",
      }));
      mustSpeak(await chat(target, { ...asked, messages: [...asked.messages, message, ...results] }));
    },
  },
  {
    id: "tools.result-without-call",
    says: "a result to no call is a 400",
    run: async (target) => {
      const stray = { role: "tool", tool_call_id: "call_of_nobody", content: "12 degrees" };
      const { status } = await chat(target, { messages: [...says(ONE_CITY), stray], tools: TOOLS });
      must(status === 400, `the status is ${status}, not 400`);
    },
  },
];
