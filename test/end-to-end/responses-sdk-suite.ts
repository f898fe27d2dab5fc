import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  strict: true,
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
} as const;

/** What the official OpenAI client must be able to do on /v1/responses with a model, whoever serves it. */
export function describeResponsesSdk(title: string, served: SdkModel, target: () => SdkTarget): void {
  describe(`openai SDK, responses: ${title}`, () => {
    const { model } = served;
    const client = (options: { apiKey?: string } = {}) =>
      new OpenAI({ apiKey: target().key, baseURL: target().baseUrl, maxRetries: 0, ...options });

    beforeEach(() => target().simulator.reset());

    test("create", async () => {
      const reply = await client().responses.create({ model, input: "Hello there", metadata: { trip: "7" } });
      expect(reply).toMatchObject({ object: "response", status: "completed", error: null, metadata: { trip: "7" } });
      expect(reply.output_text).toBe("You said: Hello there");
      expect(reply.id).toMatch(/^resp_/);
      const { input_tokens, output_tokens, total_tokens } = reply.usage ?? {};
      expect(input_tokens).toBeGreaterThan(0);
      expect(output_tokens).toBeGreaterThan(0);
      expect(total_tokens).toBe((input_tokens ?? 0) + (output_tokens ?? 0));
    });

    test("instructions and items", async () => {
      const reply = await client().responses.create({
        model,
        instructions: "Be brief.",
        input: [
          { role: "developer", content: "Be kind." },
          { role: "user", content: [{ type: "input_text", text: "One" }] },
          { role: "assistant", content: "Two" },
          { type: "message", role: "user", content: "Three" },
        ],
      });
      expect(reply.output_text).toBe("You said: Three");
      const sent = target().simulator.log.last.text;
      for (const text of ["Be brief.", "Be kind.", "One", "Two", "Three"]) expect(sent).toContain(text);
    });

    test("stream: the events in their order, numbered, and the same response at the end", async () => {
      const stream = await client().responses.create({ model, input: "Grüße 🚢", stream: true });
      const events = await collect(stream);
      expect(kindsOf(events)).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
      const last = events.at(-1);
      if (last?.type !== "response.completed") throw new Error("not completed");
      const deltas = events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
      expect(deltas).toBe("You said: Grüße 🚢");
      expect(textOf(last.response)).toBe(deltas);
      expect(last.response.usage?.total_tokens).toBeGreaterThan(0);
    });

    test(".stream() helper", async () => {
      const deltas: string[] = [];
      const stream = client()
        .responses.stream({ model, input: "Hello helper" })
        .on("response.output_text.delta", (event) => deltas.push(event.delta));
      const reply = await stream.finalResponse();
      expect(reply.output_text).toBe("You said: Hello helper");
      expect(deltas.join("")).toBe("You said: Hello helper");
    });

    test(".parse with a zod schema", async () => {
      const schema = z.object({ name: z.string(), age: z.int().min(18), tags: z.array(z.enum(["red", "blue"])) });
      const text = { format: zodTextFormat(schema, "person") };
      const reply = await client().responses.parse({ model, input: "Describe a person", text });
      expect(schema.parse(reply.output_parsed)).toMatchObject({ name: "sample" });
    });

    test("JSON mode gives an object", async () => {
      const text = { format: { type: "json_object" as const } };
      const reply = await client().responses.create({ model, input: "Answer in JSON", text });
      expect(JSON.parse(reply.output_text)).toBeTypeOf("object");
    });

    test("tools, called in parallel, in fragments", async () => {
      const input = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"São Paulo"})';
      const stream = client().responses.stream({ model, input, tools: [WEATHER] });
      const reply = await stream.finalResponse();
      const calls = callsOf(reply);
      expect(calls.map((call) => JSON.parse(call.arguments))).toEqual([{ city: "Paris" }, { city: "São Paulo" }]);
      expect(new Set(calls.map((call) => call.call_id)).size).toBe(2);
      expect(reply.status).toBe("completed");
    });

    test("a loop of tools over two turns by previous_response_id", async () => {
      const input = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Rome"})';
      const first = await client().responses.create({ model, input, tools: [WEATHER] });
      const outputs = callsOf(first).map((call, index) => ({
        type: "function_call_output" as const,
        call_id: call.call_id,
        output: index === 0 ? "sunny" : "rainy",
      }));
      const second = await client().responses.create({
        model,
        previous_response_id: first.id,
        input: outputs,
        tools: [WEATHER],
      });
      expect(second.output_text).toBe("The tools said: sunny, rainy");
      expect(second.previous_response_id).toBe(first.id);
      const third = await client().responses.create({ model, previous_response_id: second.id, input: "Thanks" });
      expect(third.output_text).toBe("You said: Thanks");
      const sent = target().simulator.log.last.text;
      for (const text of ["Paris", "sunny", "rainy", "The tools said", "Thanks"]) expect(sent).toContain(text);
    });

    test("the same loop with the history in the client's hands", async () => {
      const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: 'Use get_weather({"city":"Paris"})' }];
      const reasoning = { effort: "low" as const };
      const first = await client().responses.create({ model, input, tools: [WEATHER], reasoning, store: false });
      input.push(
        ...first.output.flatMap((item) => (item.type === "function_call" || item.type === "reasoning" ? [item] : [])),
      );
      for (const call of callsOf(first)) {
        input.push({ type: "function_call_output", call_id: call.call_id, output: "foggy" });
      }
      const second = await client().responses.create({ model, input, tools: [WEATHER], reasoning, store: false });
      expect(second.output_text).toBe("The tools said: foggy");
    });

    test("a forced tool is called, a forbidden one is not", async () => {
      const tool_choice = { type: "function" as const, name: "get_weather" };
      const forced = await client().responses.create({ model, input: "Hello", tools: [WEATHER], tool_choice });
      expect(callsOf(forced)).toHaveLength(1);
      const asked = { model, input: "Use get_weather", tools: [WEATHER] };
      const forbidden = await client().responses.create({ ...asked, tool_choice: "none" });
      expect(forbidden.output_text).toContain("You said");
    });

    test("retrieve gives what was answered, delete takes it away", async () => {
      const reply = await client().responses.create({ model, input: "Keep me" });
      const again = await client().responses.retrieve(reply.id);
      expect(again).toEqual(reply);
      await client().responses.delete(reply.id);
      await expect(client().responses.retrieve(reply.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
      const going = client().responses.create({ model, previous_response_id: reply.id, input: "On" });
      await expect(going).rejects.toMatchObject({ status: 400, code: "previous_response_not_found" });
    });

    test("what was streamed can be retrieved as well", async () => {
      const reply = await client().responses.stream({ model, input: "Stream me" }).finalResponse();
      const again = await client().responses.retrieve(reply.id);
      expect(textOf(again)).toBe("You said: Stream me");
    });

    test("store: false keeps nothing", async () => {
      const reply = await client().responses.create({ model, input: "Forget me", store: false });
      expect(reply).toMatchObject({ store: false });
      await expect(client().responses.retrieve(reply.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    });

    test("inputItems.list, in pages, both ways", async () => {
      const first = await client().responses.create({ model, input: "One" });
      const second = await client().responses.create({ model, previous_response_id: first.id, input: "Two" });
      const newestFirst = await collect(client().responses.inputItems.list(second.id, { limit: 2 }));
      expect(newestFirst.map(contentOf)).toEqual(["Two", "You said: One", "One"]);
      const page = await client().responses.inputItems.list(second.id, { limit: 2, order: "asc" });
      expect(page.data.map(contentOf)).toEqual(["One", "You said: One"]);
      expect(page.has_more).toBe(true);
      expect(new Set(newestFirst.map((item) => item.id)).size).toBe(3);
    });

    test("max_output_tokens ends as incomplete", async () => {
      const reply = await client().responses.create({ model, input: "count to 50", max_output_tokens: 4 });
      expect(reply).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
      expect(reply.output_text).toBe("1 2 3 4");
      const stream = await client().responses.create({
        model,
        input: "count to 50",
        max_output_tokens: 4,
        stream: true,
      });
      expect((await collect(stream)).at(-1)?.type).toBe("response.incomplete");
    });

    test("reasoning is told as a summary, whole and streamed", async () => {
      const asked = { model, input: "Think about it", reasoning: { effort: "low" as const, summary: "auto" as const } };
      const whole = await client().responses.create(asked);
      const [thought, said] = whole.output;
      if (thought?.type !== "reasoning") throw new Error(`no reasoning but ${thought?.type}`);
      expect(thought.summary.map((part) => part.text).join("")).toContain("I shall answer");
      expect(said?.type).toBe("message");
      expect(whole.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
      const events = await collect(await client().responses.create({ ...asked, stream: true }));
      const kinds = kindsOf(events);
      expect(kinds.slice(2, 8)).toEqual([
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
      ]);
      const next = await client().responses.create({ ...asked, previous_response_id: whole.id, input: "And now?" });
      expect(next.output_text).toBe("You said: And now?");
    });

    test("images by data URL", async () => {
      const image_url =
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      const content = [
        { type: "input_text" as const, text: "What is this?" },
        { type: "input_image" as const, image_url, detail: "auto" as const },
      ];
      const reply = await client().responses.create({ model, input: [{ role: "user", content }] });
      expect(reply.output_text).toBe("You said: What is this? (with 1 images)");
    });

    test("an error inside a stream is thrown by the iteration", async () => {
      target().simulator.next(served.provider, fault.errorEvent(3, 503));
      const stream = await client().responses.create({ model, input: "count to 9", stream: true });
      await expect(collect(stream)).rejects.toBeInstanceOf(OpenAI.APIError);
    });

    test("an unknown model, a missing input, a wrong key", async () => {
      const ask = (body: object, options = {}) =>
        client(options).post("/responses", { body: { model, input: "Hi", ...body } });
      await expect(ask({ model: "no-such-model" })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
      await expect(ask({ input: undefined })).rejects.toMatchObject({ status: 400, param: "input" });
      await expect(ask({}, { apiKey: "sk-wrong" })).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    });
  });
}

/** The kinds of events in order, repeated ones once. */
function kindsOf(events: readonly ResponseStreamEvent[]): readonly string[] {
  return events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
}

function callsOf(response: Response): readonly OpenAI.Responses.ResponseFunctionToolCall[] {
  return response.output.flatMap((item) => (item.type === "function_call" ? [item] : []));
}

/** A response of the API's own has no `output_text`: the client adds it to those that it creates. */
function textOf(response: Response): string {
  const parts = response.output.flatMap((item) => (item.type === "message" ? item.content : []));
  return parts.map((part) => (part.type === "output_text" ? part.text : "")).join("");
}

function contentOf(item: OpenAI.Responses.ResponseItem): string {
  if (item.type !== "message") return item.type;
  return item.content.map((part) => ("text" in part ? part.text : "")).join("");
}
