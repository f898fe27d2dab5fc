import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
} as const;

/** What the official OpenAI client must be able to do with a model, whoever serves it. */
export function describeOpenAiSdk(title: string, served: SdkModel, target: () => SdkTarget): void {
  describe(`openai SDK: ${title}`, () => {
    const { model } = served;
    const client = (options: { apiKey?: string; baseURL?: string; timeout?: number } = {}) =>
      new OpenAI({ apiKey: target().key, baseURL: target().baseUrl, maxRetries: 0, ...options });
    const can = (trait: NonNullable<SdkModel["lacks"]>[number]) => served.lacks?.includes(trait) !== true;
    const says = (text: string) => [{ role: "user" as const, content: text }];

    beforeEach(() => target().simulator.reset());

    test("create", async () => {
      const reply = await client().chat.completions.create({ model, messages: says("Hello there") });
      expect(reply.object).toBe("chat.completion");
      expect(reply.choices[0]?.message).toMatchObject({ role: "assistant", content: "You said: Hello there" });
      expect(reply.choices[0]?.finish_reason).toBe("stop");
      const { prompt_tokens, completion_tokens, total_tokens } = reply.usage ?? {};
      expect(prompt_tokens).toBeGreaterThan(0);
      expect(completion_tokens).toBeGreaterThan(0);
      expect(total_tokens).toBe((prompt_tokens ?? 0) + (completion_tokens ?? 0));
    });

    test("stream", async () => {
      const stream = await client().chat.completions.create({
        model,
        messages: says("Grüße 🚢 count me"),
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks = await collect(stream);
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("You said: Grüße 🚢 count me");
      expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
      expect(chunks.flatMap((chunk) => chunk.choices[0]?.finish_reason ?? [])).toEqual(["stop"]);
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
      expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    });

    test("stream without usage asked for carries none", async () => {
      const stream = await client().chat.completions.create({ model, messages: says("Hello"), stream: true });
      const chunks = await collect(stream);
      expect(chunks.every((chunk) => chunk.choices.length > 0 && (chunk.usage ?? null) === null)).toBe(true);
    });

    test(".stream() helper", async () => {
      const deltas: string[] = [];
      const stream = client()
        .chat.completions.stream({ model, messages: says("Hello helper"), stream_options: { include_usage: true } })
        .on("content", (delta) => deltas.push(delta));
      expect(await stream.finalContent()).toBe("You said: Hello helper");
      expect(deltas.join("")).toBe("You said: Hello helper");
      expect((await stream.totalUsage()).total_tokens).toBeGreaterThan(0);
    });

    test(".parse with a zod schema", async () => {
      const schema = z.object({ name: z.string(), age: z.int().min(18), tags: z.array(z.enum(["red", "blue"])) });
      const reply = await client().chat.completions.parse({
        model,
        messages: says("Describe a person"),
        response_format: zodResponseFormat(schema, "person"),
      });
      expect(schema.parse(reply.choices[0]?.message.parsed)).toMatchObject({ name: "sample" });
    });

    test("JSON mode gives an object", async () => {
      const reply = await client().chat.completions.create({
        model,
        messages: says("Answer in JSON"),
        response_format: { type: "json_object" },
      });
      expect(JSON.parse(reply.choices[0]?.message.content ?? "")).toBeTypeOf("object");
    });

    test("tools, called in parallel, in fragments", async () => {
      const text = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"São Paulo"})';
      const stream = client().chat.completions.stream({ model, messages: says(text), tools: [WEATHER] });
      const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0] ?? {};
      expect(finish_reason).toBe("tool_calls");
      const calls = (message?.tool_calls ?? []).flatMap((call) => (call.type === "function" ? [call] : []));
      expect(calls.map((call) => JSON.parse(call.function.arguments))).toEqual([
        { city: "Paris" },
        { city: "São Paulo" },
      ]);
      expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    });

    test("tool results are answered", async () => {
      const text = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Rome"})';
      const asked = await client().chat.completions.create({ model, messages: says(text), tools: [WEATHER] });
      const message = asked.choices[0]?.message;
      if (message === undefined) throw new Error("There is no message.");
      const results = (message.tool_calls ?? []).map((call, index) => ({
        role: "tool" as const,
        tool_call_id: call.id,
        content: index === 0 ? "sunny" : "rainy",
      }));
      const reply = await client().chat.completions.create({
        model,
        messages: [...says(text), message, ...results],
        tools: [WEATHER],
      });
      expect(reply.choices[0]?.message.content).toBe("The tools said: sunny, rainy");
    });

    test("a forced tool is called, a forbidden one is not", async () => {
      const forced = await client().chat.completions.create({
        model,
        messages: says("Hello"),
        tools: [WEATHER],
        tool_choice: { type: "function", function: { name: "get_weather" } },
      });
      expect(forced.choices[0]?.message.tool_calls).toHaveLength(1);
      const forbidden = await client().chat.completions.create({
        model,
        messages: says("Use get_weather"),
        tools: [WEATHER],
        tool_choice: "none",
      });
      expect(forbidden.choices[0]?.message.content).toContain("You said");
    });

    test("runTools", async () => {
      const asked: string[] = [];
      const runner = client().chat.completions.runTools({
        model,
        messages: says('Use get_weather({"city":"Oslo"})'),
        tools: [
          {
            type: "function",
            function: {
              ...WEATHER.function,
              parameters: { ...WEATHER.function.parameters, required: ["city"] },
              parse: JSON.parse,
              function: ({ city }: { city: string }) => {
                asked.push(city);
                return `snow in ${city}`;
              },
            },
          },
        ],
      });
      expect(await runner.finalContent()).toBe("The tools said: snow in Oslo");
      expect(asked).toEqual(["Oslo"]);
    });

    test("max_tokens ends with length, stop with stop", async () => {
      const short = await client().chat.completions.create({ model, messages: says("count to 50"), max_tokens: 4 });
      expect(short.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "1 2 3 4" } });
      const stopped = await client().chat.completions.create({ model, messages: says("count to 50"), stop: [" 4"] });
      expect(stopped.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "1 2 3" } });
    });

    test("images by data URL", async () => {
      const picture =
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      const content = [
        { type: "text" as const, text: "What is this?" },
        { type: "image_url" as const, image_url: { url: picture } },
      ];
      const reply = await client().chat.completions.create({ model, messages: [{ role: "user", content }] });
      expect(reply.choices[0]?.message.content).toBe("You said: What is this? (with 1 images)");
    });

    test("system and earlier turns are kept", async () => {
      const reply = await client().chat.completions.create({
        model,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "One" },
          { role: "assistant", content: "Two" },
          { role: "user", content: "Three" },
        ],
      });
      expect(reply.choices[0]?.message.content).toBe("You said: Three");
      const sent = target().simulator.log.last.text;
      for (const text of ["Be brief.", "One", "Two", "Three"]) expect(sent).toContain(text);
    });

    // OpenAI's own API keeps a model's thoughts to itself.
    if (served.wire !== "openai") {
      test("reasoning, whole and streamed, and back again", async () => {
        const asked = { model, messages: says("Think about it"), reasoning_effort: "low" as const };
        const whole = await client().chat.completions.create(asked);
        expect(whole.choices[0]?.message).toMatchObject({
          content: "You said: Think about it",
          reasoning: expect.stringContaining("I shall answer"),
        });
        if (can("reasoning-tokens")) {
          expect(whole.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0);
        }
        const stream = await client().chat.completions.create({ ...asked, stream: true });
        const deltas = (await collect(stream)).map((chunk) => chunk.choices[0]?.delta ?? {});
        const thought = deltas.map((delta) => ("reasoning" in delta ? String(delta.reasoning) : "")).join("");
        expect(thought).toContain("I shall answer");
        const message = whole.choices[0]?.message;
        if (message === undefined) throw new Error("There is no message.");
        const messages = [...asked.messages, message, { role: "user" as const, content: "And now?" }];
        const next = await client().chat.completions.create({ ...asked, messages });
        expect(next.choices[0]?.message.content).toBe("You said: And now?");
      });
    }

    if (can("caching")) {
      test("a long prompt is cached, and the usage tells", async () => {
        const text = "All quiet on the quay. ".repeat(400);
        const content = [{ type: "text" as const, text, cache_control: { type: "ephemeral" } }];
        const messages = [{ role: "user" as const, content }];
        await client().chat.completions.create({ model, messages });
        const reply = await client().chat.completions.create({ model, messages });
        const cached = reply.usage?.prompt_tokens_details?.cached_tokens ?? 0;
        expect(cached).toBeGreaterThan(1000);
        expect(reply.usage?.prompt_tokens).toBeGreaterThanOrEqual(cached);
      });
    }

    if (served.wire !== "anthropic" && can("choices")) {
      test("n choices and logprobs", async () => {
        const reply = await client().chat.completions.create({
          model,
          messages: says("Twice"),
          n: 2,
          logprobs: true,
          top_logprobs: 2,
          seed: 7,
        });
        expect(reply.choices.map((choice) => choice.message.content)).toEqual([
          "You said: Twice",
          "You said: Twice (2)",
        ]);
        const tokens = reply.choices[0]?.logprobs?.content ?? [];
        expect(tokens.map((token) => token.token).join("")).toBe("You said: Twice");
        expect(tokens[0]?.top_logprobs).toHaveLength(2);
      });
    }

    test("models.list", async () => {
      const models = await collect(client().models.list());
      expect(models.map((listed) => listed.id)).toContain(served.model);
      expect(models[0]).toMatchObject({ object: "model", id: expect.any(String), created: expect.any(Number) });
    });

    test("abort ends the iteration and the provider's stream", async () => {
      const { simulator, seesAborts } = target();
      simulator.next(served.provider, fault.hold(2));
      const stream = await client().chat.completions.create({ model, messages: says("count to 100"), stream: true });
      const seen: string[] = [];
      for await (const chunk of stream) {
        seen.push(chunk.choices[0]?.delta.content ?? "");
        if (seen.join("") !== "") stream.controller.abort();
      }
      expect(seen.join("")).not.toBe("");
      if (!seesAborts) return simulator.release();
      await simulator.log.last.closed;
      expect(simulator.log.last.state).toBe("aborted");
    });

    test("abort before the answer rejects with APIUserAbortError", async () => {
      const { simulator } = target();
      simulator.next(served.provider, fault.hold("request"));
      const controller = new AbortController();
      const call = client().chat.completions.create({ model, messages: says("Hello") }, { signal: controller.signal });
      const request = await simulator.log.nth(1);
      await request.held;
      controller.abort();
      await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
      simulator.release();
    });

    describe("errors", () => {
      const ask = (openai: OpenAI, name = model) =>
        openai.chat.completions.create({ model: name, messages: says("Hi") });

      test("AuthenticationError", async () => {
        await expect(ask(client({ apiKey: "sk-wrong" }))).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
      });

      test("BadRequestError", async () => {
        const call = client().chat.completions.create({ model, messages: [] });
        await expect(call).rejects.toBeInstanceOf(OpenAI.BadRequestError);
        await expect(call).rejects.toMatchObject({ param: "messages", type: "invalid_request_error" });
      });

      test("PermissionDeniedError", async () => {
        const { path } = target().forbidden();
        const call = path === null ? ask(client()) : client().post(path, { body: {} });
        await expect(call).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError);
      });

      test("NotFoundError", async () => {
        await expect(ask(client(), "no-such-model")).rejects.toMatchObject({
          constructor: OpenAI.NotFoundError,
          code: "model_not_found",
        });
      });

      test("RateLimitError", async () => {
        target().simulator.script.always(served.provider, fault.rateLimited(3600));
        const call = ask(client());
        await expect(call).rejects.toBeInstanceOf(OpenAI.RateLimitError);
        const headers = await call.catch((error: unknown) => (error instanceof OpenAI.APIError ? error.headers : null));
        expect(Number(headers?.get("retry-after"))).toBeGreaterThan(0);
      });

      test("InternalServerError", async () => {
        target().simulator.script.always(served.provider, fault.status(500));
        await expect(ask(client())).rejects.toBeInstanceOf(OpenAI.InternalServerError);
      });

      test("APIConnectionError", async () => {
        await expect(ask(client({ baseURL: "http://127.0.0.1:1/v1" }))).rejects.toBeInstanceOf(
          OpenAI.APIConnectionError,
        );
      });

      test("APIConnectionTimeoutError", async () => {
        target().simulator.next(served.provider, fault.hold("request"));
        const call = ask(client({ timeout: 200 }));
        await expect(call).rejects.toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
        target().simulator.release();
      });

      test("an error inside a stream is thrown by the iteration", async () => {
        target().simulator.next(served.provider, fault.errorEvent(3, 503));
        const stream = await client().chat.completions.create({ model, messages: says("count to 9"), stream: true });
        const read = collect(stream);
        await expect(read).rejects.toBeInstanceOf(OpenAI.APIError);
      });
    });
  });
}
