import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  input_schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
};

/** What the official Anthropic client must be able to do with a model, whoever serves it. */
export function describeAnthropicSdk(title: string, served: SdkModel, target: () => SdkTarget): void {
  describe(`anthropic SDK: ${title}`, () => {
    const { model } = served;
    const client = (options: { apiKey?: string; baseURL?: string; timeout?: number } = {}) =>
      new Anthropic({ apiKey: target().key, baseURL: target().baseUrl, maxRetries: 0, ...options });
    const says = (text: string) => [{ role: "user" as const, content: text }];
    const asked = (text: string) => ({ model, max_tokens: 2000, messages: says(text) });

    beforeEach(() => target().simulator.reset());

    test("create", async () => {
      const reply = await client().messages.create(asked("Hello there"));
      expect(reply).toMatchObject({
        type: "message",
        role: "assistant",
        content: [{ type: "text", text: "You said: Hello there" }],
        stop_reason: "end_turn",
        stop_sequence: null,
      });
      expect(reply.usage.input_tokens).toBeGreaterThan(0);
      expect(reply.usage.output_tokens).toBeGreaterThan(0);
    });

    test("create with stream: true gives the events in order", async () => {
      const stream = await client().messages.create({ ...asked("Grüße 🚢"), stream: true });
      const events = await collect(stream);
      const names = events.map((event) => event.type).filter((name, index, all) => name !== all[index - 1]);
      expect(names).toEqual([
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
      ]);
    });

    test(".stream() helper", async () => {
      const texts: string[] = [];
      const stream = client()
        .messages.stream(asked("Hello helper"))
        .on("text", (text) => texts.push(text));
      const message = await stream.finalMessage();
      expect(await stream.finalText()).toBe("You said: Hello helper");
      expect(texts.join("")).toBe("You said: Hello helper");
      expect(message.usage.output_tokens).toBeGreaterThan(0);
      expect(message.usage.input_tokens).toBeGreaterThan(0);
    });

    test("tools, called in parallel, in fragments", async () => {
      const text = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"São Paulo"})';
      const message = await client()
        .messages.stream({ ...asked(text), tools: [WEATHER] })
        .finalMessage();
      expect(message.stop_reason).toBe("tool_use");
      const calls = message.content.flatMap((block) => (block.type === "tool_use" ? [block] : []));
      expect(calls.map((call) => call.input)).toEqual([{ city: "Paris" }, { city: "São Paulo" }]);
      expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    });

    test("tool results are answered", async () => {
      const text = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Rome"})';
      const first = await client().messages.create({ ...asked(text), tools: [WEATHER] });
      const calls = first.content.flatMap((block) => (block.type === "tool_use" ? [block] : []));
      const results = calls.map((call, index) => ({
        type: "tool_result" as const,
        tool_use_id: call.id,
        content: index === 0 ? "sunny" : [{ type: "text" as const, text: "rainy" }],
      }));
      const reply = await client().messages.create({
        ...asked(text),
        tools: [WEATHER],
        messages: [...says(text), { role: "assistant", content: first.content }, { role: "user", content: results }],
      });
      expect(reply.content).toMatchObject([{ type: "text", text: "The tools said: sunny, rainy" }]);
    });

    test("a forced tool is called", async () => {
      const reply = await client().messages.create({
        ...asked("Hello"),
        tools: [WEATHER],
        tool_choice: { type: "tool", name: "get_weather" },
      });
      expect(reply.content).toMatchObject([{ type: "tool_use", name: "get_weather", input: { city: "sample" } }]);
    });

    test("max_tokens and stop_sequences", async () => {
      const short = await client().messages.create({ ...asked("count to 50"), max_tokens: 4 });
      expect(short).toMatchObject({ stop_reason: "max_tokens", content: [{ text: "1 2 3 4" }] });
      const stopped = await client().messages.create({ ...asked("count to 50"), stop_sequences: [" 4"] });
      expect(stopped.content).toMatchObject([{ text: "1 2 3" }]);
      // Other wires do not tell a stop sequence from an end.
      if (served.wire === "anthropic") expect(stopped.stop_reason).toBe("stop_sequence");
      else expect(["end_turn", "stop_sequence"]).toContain(stopped.stop_reason);
    });

    test("structured output", async () => {
      const schema = z.object({ name: z.string(), age: z.number() });
      const reply = await client().messages.parse({
        ...asked("Describe a person"),
        output_config: { format: zodOutputFormat(schema) },
      });
      expect(schema.parse(reply.parsed_output)).toMatchObject({ name: "sample" });
    });

    // OpenAI's own API keeps a model's thoughts to itself.
    if (served.wire !== "openai") {
      test("thinking, streamed, goes back with its signature", async () => {
        const thinking = { type: "enabled" as const, budget_tokens: 1024 };
        const text = 'Use get_weather({"city":"Paris"})';
        const first = await client()
          .messages.stream({ ...asked(text), thinking, tools: [WEATHER] })
          .finalMessage();
        const thought = first.content[0];
        expect(thought).toMatchObject({ type: "thinking", thinking: expect.stringContaining("I shall answer") });
        const call = first.content.find((block) => block.type === "tool_use");
        if (call?.type !== "tool_use") throw new Error("There is no call.");
        const reply = await client().messages.create({
          ...asked(text),
          thinking,
          tools: [WEATHER],
          messages: [
            ...says(text),
            { role: "assistant", content: first.content },
            { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] },
          ],
        });
        // Gemini seals its text as well; that seal travels in an empty thinking block after it.
        expect(reply.content).toContainEqual(expect.objectContaining({ type: "text", text: "The tools said: sunny" }));
      });
    }

    test("count_tokens", async () => {
      const messages = says("How many tokens is this?");
      const counted = await client().messages.countTokens({ model, messages, system: "Be brief.", tools: [WEATHER] });
      expect(counted.input_tokens).toBeGreaterThan(0);
      // Where Anthropic serves the model it is Anthropic who counts.
      const asked = target().simulator.log.all.map(({ operation }) => operation);
      expect(asked).toEqual(served.wire === "anthropic" ? ["count-tokens"] : []);
    });

    test("models.list", async () => {
      const models = await collect(client().models.list());
      expect(models.map((listed) => listed.id)).toContain(served.model);
      expect(models[0]).toMatchObject({ type: "model", display_name: expect.any(String) });
      const paged = await collect(client().models.list({ limit: 5 }));
      expect(paged.map((listed) => listed.id)).toEqual(models.map((listed) => listed.id));
    });

    test("abort ends the iteration and the provider's stream", async () => {
      const { simulator, seesAborts } = target();
      simulator.next(served.provider, fault.hold(2));
      const stream = await client().messages.create({ ...asked("count to 100"), stream: true });
      let text = "";
      for await (const event of stream) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
        if (text !== "") stream.controller.abort();
      }
      expect(text).not.toBe("");
      if (!seesAborts) return simulator.release();
      await simulator.log.last.closed;
      expect(simulator.log.last.state).toBe("aborted");
    });

    describe("errors", () => {
      const ask = (anthropic: Anthropic, name = model) =>
        anthropic.messages.create({ model: name, max_tokens: 100, messages: says("Hi") });

      test("AuthenticationError", async () => {
        await expect(ask(client({ apiKey: "sk-wrong" }))).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
      });

      test("BadRequestError", async () => {
        const call = client().messages.create({ model, max_tokens: 100, messages: [] });
        await expect(call).rejects.toBeInstanceOf(Anthropic.BadRequestError);
        await expect(call).rejects.toMatchObject({
          error: { type: "error", error: { type: "invalid_request_error" } },
        });
      });

      test("PermissionDeniedError", async () => {
        const { path } = target().forbidden();
        const call = path === null ? ask(client()) : client().post(path, { body: {} });
        await expect(call).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
      });

      test("NotFoundError", async () => {
        await expect(ask(client(), "no-such-model")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
      });

      test("RateLimitError", async () => {
        target().simulator.script.always(served.provider, fault.rateLimited(3600));
        await expect(ask(client())).rejects.toBeInstanceOf(Anthropic.RateLimitError);
      });

      test("InternalServerError", async () => {
        target().simulator.script.always(served.provider, fault.status(500));
        await expect(ask(client())).rejects.toBeInstanceOf(Anthropic.InternalServerError);
      });

      test("APIConnectionError", async () => {
        const call = ask(client({ baseURL: "http://127.0.0.1:1" }));
        await expect(call).rejects.toBeInstanceOf(Anthropic.APIConnectionError);
      });

      test("APIConnectionTimeoutError", async () => {
        target().simulator.next(served.provider, fault.hold("request"));
        const call = ask(client({ timeout: 200 }));
        await expect(call).rejects.toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
        target().simulator.release();
      });

      test("an error inside a stream is thrown by the iteration", async () => {
        target().simulator.next(served.provider, fault.errorEvent(3, 529));
        const stream = await client().messages.create({ ...asked("count to 9"), stream: true });
        await expect(collect(stream)).rejects.toBeInstanceOf(Anthropic.APIError);
      });
    });
  });
}
