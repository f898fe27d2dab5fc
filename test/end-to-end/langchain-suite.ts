import { ChatAnthropic } from "@langchain/anthropic";
import {
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import { PICTURE_BASE64 } from "./picture.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

interface Address {
  readonly url: string;
  readonly key: string;
  readonly model: string;
  /** Not with a forced tool: Anthropic refuses both together. */
  readonly thinking?: boolean;
}

/** LangChain's two chat models. A further one that speaks another of our routes is a line. */
const CLIENTS = [
  {
    name: "ChatOpenAI",
    create: ({ url, key, model, thinking = false }: Address) =>
      new ChatOpenAI({
        model,
        apiKey: key,
        maxRetries: 0,
        useResponsesApi: false,
        configuration: { baseURL: `${url}/v1` },
        ...(thinking ? { modelKwargs: { reasoning_effort: "low" } } : {}),
      }),
  },
  {
    name: "ChatOpenAI on responses",
    create: ({ url, key, model, thinking = false }: Address) =>
      new ChatOpenAI({
        model,
        apiKey: key,
        maxRetries: 0,
        useResponsesApi: true,
        configuration: { baseURL: `${url}/v1` },
        ...(thinking ? { reasoning: { effort: "low" as const } } : {}),
      }),
  },
  {
    name: "ChatAnthropic",
    create: ({ url, key, model, thinking = false }: Address) =>
      new ChatAnthropic({
        model,
        apiKey: key,
        maxRetries: 0,
        maxTokens: 4_000,
        anthropicApiUrl: url,
        ...(thinking ? { thinking: { type: "enabled" as const, budget_tokens: 1_024 } } : {}),
      }),
  },
] as const;

const PERSON = z.object({ name: z.string(), age: z.number() });

const COUNTED = {
  input_tokens: expect.toSatisfy((count) => count > 0),
  output_tokens: expect.toSatisfy((count) => count > 0),
};

/** What LangChain.js must be able to do with a model, whoever serves it. */
export function describeLangChain(served: SdkModel, target: () => SdkTarget): void {
  describe.each(CLIENTS)(`LangChain $name: ${served.model}`, ({ name, create }) => {
    const chat = (more: Partial<Address> = {}) =>
      create({ url: target().baseUrl, key: target().key, model: served.model, ...more });

    beforeEach(() => target().simulator.reset());

    const weather = tool(async ({ city }: { city: string }) => `fine in ${city}`, {
      name: "get_weather",
      description: "The weather in a city.",
      schema: z.object({ city: z.string() }),
    });
    const ask = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Oslo"})';

    /** Calls every tool that the message asks for. */
    async function resultsOf(message: AIMessageChunk): Promise<BaseMessage[]> {
      const results: BaseMessage[] = [];
      for (const call of message.tool_calls ?? []) {
        results.push(
          new ToolMessage({
            tool_call_id: call.id ?? "",
            content: await weather.invoke({ city: String(call.args["city"]) }),
          }),
        );
      }
      return results;
    }

    test("invoke, with usage", async () => {
      const reply = await chat().invoke([new SystemMessage("Be brief."), new HumanMessage("Hello there")]);
      expect(reply.text).toBe("You said: Hello there");
      expect(reply.usage_metadata).toMatchObject(COUNTED);
      expect(target().simulator.log.last.text).toContain("Be brief.");
    });

    test("stream, with usage", async () => {
      const chunks = await collect(await chat().stream("Grüße 🚢 count me"));
      expect(chunks.map(({ text }) => text).join("")).toBe("You said: Grüße 🚢 count me");
      expect(chunks.filter(({ text }) => text !== "").length).toBeGreaterThan(1);
      const whole = chunks.reduce((one, other) => one.concat(other));
      expect(whole.usage_metadata).toMatchObject(COUNTED);
    });

    test("bindTools: calls in parallel, their results, and the answer", async () => {
      const model = chat().bindTools([weather]);
      const asked = new HumanMessage(ask);
      const calls = await model.invoke([asked]);
      expect(calls.tool_calls?.map(({ args }) => args)).toEqual([{ city: "Paris" }, { city: "Oslo" }]);
      const reply = await model.invoke([asked, calls, ...(await resultsOf(calls))]);
      expect(reply.text).toBe("The tools said: fine in Paris, fine in Oslo");
    });

    test("bindTools, streamed: the chunks add up to the calls", async () => {
      const model = chat().bindTools([weather]);
      const asked = new HumanMessage(ask);
      const calls = (await collect(await model.stream([asked]))).reduce((one, other) => one.concat(other));
      expect(calls.tool_calls?.map(({ args }) => args)).toEqual([{ city: "Paris" }, { city: "Oslo" }]);
      expect(new Set(calls.tool_calls?.map(({ id }) => id)).size).toBe(2);
      const reply = await model.invoke([asked, calls, ...(await resultsOf(calls))]);
      expect(reply.text).toBe("The tools said: fine in Paris, fine in Oslo");
    });

    test.each(["jsonSchema", "functionCalling"] as const)("withStructuredOutput by %s", async (method) => {
      const reply = await chat().withStructuredOutput(PERSON, { name: "person", method }).invoke("Describe a person");
      expect(PERSON.parse(reply)).toMatchObject({ name: "sample" });
    });

    test("a picture in the prompt", async () => {
      const url = `data:image/png;base64,${PICTURE_BASE64}`;
      const content = [
        { type: "text" as const, text: "What is this?" },
        { type: "image_url" as const, image_url: { url } },
      ];
      const reply = await chat().invoke([new HumanMessage({ content })]);
      expect(reply.text).toBe("You said: What is this? (with 1 images)");
    });

    // OpenAI's own API keeps a model's thoughts to itself.
    if (served.wire !== "openai") {
      test("thoughts, streamed, go back with the calls that they led to", async () => {
        const model = chat({ thinking: true }).bindTools([weather]);
        const asked = new HumanMessage(ask);
        const calls = (await collect(await model.stream([asked]))).reduce((one, other) => one.concat(other));
        if (name === "ChatAnthropic") expect(JSON.stringify(calls.content)).toContain("I shall answer");
        const reply = await model.invoke([asked, calls, ...(await resultsOf(calls))]);
        expect(reply.text).toBe("The tools said: fine in Paris, fine in Oslo");
      });
    }

    test("abort rejects, and ends the provider's stream", async () => {
      const { simulator, seesAborts } = target();
      simulator.next(served.provider, fault.hold(2));
      const controller = new AbortController();
      const read = async () => {
        for await (const { text } of await chat().stream("count to 100", { signal: controller.signal }))
          if (text !== "") controller.abort();
      };
      await expect(read()).rejects.toThrow(/abort/i);
      if (!seesAborts) return simulator.release();
      await simulator.log.last.closed;
      expect(simulator.log.last.state).toBe("aborted");
    });

    test("errors keep their status", async () => {
      await expect(chat({ model: "no-such-model" }).invoke("Hi")).rejects.toMatchObject({ status: 404 });
      await expect(chat({ key: "sk-wrong" }).invoke("Hi")).rejects.toMatchObject({ status: 401 });
      target().simulator.script.always(served.provider, fault.rateLimited(3_600));
      await expect(chat().invoke("Hi")).rejects.toMatchObject({ status: 429 });
    });

    test("an error inside a stream is thrown by it", async () => {
      target().simulator.next(served.provider, fault.errorEvent(3, 503));
      const read = async () => collect(await chat().stream("count to 9"));
      await expect(read()).rejects.toThrow();
    });
  });
}
