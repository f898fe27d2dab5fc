import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateText,
  type LanguageModel,
  type ModelMessage,
  Output,
  stepCountIs,
  streamText,
  type TextStreamPart,
  type ToolSet,
  tool,
} from "ai";
import { beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import { PICTURE_BASE64 } from "./picture.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

/** A provider package of the AI SDK, and how it is pointed at the gateway. One that speaks another of our routes is a line. */
interface Dialect {
  readonly name: string;
  readonly model: (address: { readonly url: string; readonly key: string }, model: string) => LanguageModel;
}

const DIALECTS: readonly Dialect[] = [
  {
    name: "@ai-sdk/openai, chat",
    model: ({ url, key }, model) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(model),
  },
  {
    name: "@ai-sdk/openai, responses",
    model: ({ url, key }, model) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key })(model),
  },
  {
    name: "@ai-sdk/openai-compatible",
    model: ({ url, key }, model) =>
      createOpenAICompatible({
        name: "gangway",
        baseURL: `${url}/v1`,
        apiKey: key,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
  },
  {
    name: "@ai-sdk/anthropic",
    model: ({ url, key }, model) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model),
  },
];

const PERSON = z.object({ name: z.string(), age: z.number(), tags: z.array(z.enum(["red", "blue"])) });
const TWO_CITIES = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"São Paulo"})';

/** What the Vercel AI SDK must be able to do with a model, whoever serves it, by each of its packages that speak our routes. */
export function describeAiSdk(served: SdkModel, target: () => SdkTarget): void {
  describe.each(DIALECTS)(`AI SDK, $name: ${served.model}`, (dialect) => {
    const model = (id = served.model) => dialect.model({ url: target().baseUrl, key: target().key }, id);
    const once = { maxRetries: 0 } as const;

    beforeEach(() => target().simulator.reset());

    /** A tool that notes what it was asked. */
    function weather() {
      const asked: string[] = [];
      const tools = {
        get_weather: tool({
          description: "The weather in a city.",
          inputSchema: z.object({ city: z.string() }),
          execute: async ({ city }) => {
            asked.push(city);
            return `fine in ${city}`;
          },
        }),
      };
      return { asked, tools };
    }

    test("generateText", async () => {
      const reply = await generateText({ model: model(), prompt: "Hello there", instructions: "Be brief.", ...once });
      expect(reply.text).toBe("You said: Hello there");
      expect(reply.finishReason).toBe("stop");
      expect(reply.usage.inputTokens).toBeGreaterThan(0);
      expect(reply.usage.outputTokens).toBeGreaterThan(0);
      expect(target().simulator.log.last.text).toContain("Be brief.");
    });

    test("streamText", async () => {
      const result = streamText({ model: model(), prompt: "Grüße 🚢 count me", ...once });
      const pieces = await collect(result.textStream);
      expect(pieces.join("")).toBe("You said: Grüße 🚢 count me");
      expect(pieces.length).toBeGreaterThan(1);
      expect(await result.finishReason).toBe("stop");
      const usage = await result.usage;
      expect(usage.inputTokens).toBeGreaterThan(0);
      expect(usage.outputTokens).toBeGreaterThan(0);
    });

    test("an object by its schema, whole and streamed", async () => {
      const asked = { model: model(), prompt: "Describe a person", output: Output.object({ schema: PERSON }), ...once };
      expect((await generateText(asked)).output).toMatchObject({ name: "sample" });
      const streamed = streamText(asked);
      await collect(streamed.partialOutputStream);
      expect(PERSON.parse(await streamed.output)).toMatchObject({ name: "sample" });
    });

    test("tools: calls in parallel, their results, and the answer in a second step", async () => {
      const { asked, tools } = weather();
      const reply = await generateText({
        model: model(),
        prompt: TWO_CITIES,
        tools,
        stopWhen: stepCountIs(3),
        ...once,
      });
      expect(asked).toEqual(["Paris", "São Paulo"]);
      expect(reply.steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
      expect(reply.text).toBe("The tools said: fine in Paris, fine in São Paulo");
    });

    test("tools, streamed: the same loop, and a call's fragments are its input", async () => {
      const { asked, tools } = weather();
      const result = streamText({ model: model(), prompt: TWO_CITIES, tools, stopWhen: stepCountIs(3), ...once });
      const parts: readonly TextStreamPart<ToolSet>[] = await collect(result.stream);
      expect(asked).toEqual(["Paris", "São Paulo"]);
      const inputs = new Map<string, string>();
      for (const part of parts) {
        if (part.type === "tool-input-delta") inputs.set(part.id, (inputs.get(part.id) ?? "") + part.delta);
      }
      expect([...inputs.values()].map((json) => JSON.parse(json))).toEqual([{ city: "Paris" }, { city: "São Paulo" }]);
      expect(await result.text).toBe("The tools said: fine in Paris, fine in São Paulo");
    });

    test("a forced tool is called", async () => {
      const { tools } = weather();
      const reply = await generateText({
        model: model(),
        prompt: "Hello",
        tools,
        toolChoice: { type: "tool", toolName: "get_weather" },
        ...once,
      });
      expect(reply.toolCalls).toMatchObject([{ toolName: "get_weather", input: { city: "sample" } }]);
    });

    test("a tool that fails is told to the model, which goes on", async () => {
      const broken = tool({
        inputSchema: z.object({ city: z.string() }),
        execute: async (): Promise<string> => {
          throw new Error("the station is closed");
        },
      });
      const reply = await generateText({
        model: model(),
        prompt: 'Use get_weather({"city":"Oslo"})',
        tools: { get_weather: broken },
        stopWhen: stepCountIs(2),
        ...once,
      });
      expect(reply.text).toContain("the station is closed");
    });

    test("a picture in the prompt", async () => {
      const messages: ModelMessage[] = [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "file", data: Buffer.from(PICTURE_BASE64, "base64"), mediaType: "image/png" },
          ],
        },
      ];
      const reply = await generateText({ model: model(), messages, ...once });
      expect(reply.text).toBe("You said: What is this? (with 1 images)");
      expect(target().simulator.log.last.text).toContain(PICTURE_BASE64);
    });

    test("a conversation goes on with the messages of the reply before", async () => {
      const messages: ModelMessage[] = [{ role: "user", content: "One" }];
      const first = await generateText({ model: model(), messages, ...once });
      const reply = await generateText({
        model: model(),
        messages: [...messages, ...first.responseMessages, { role: "user", content: "Two" }],
        ...once,
      });
      expect(reply.text).toBe("You said: Two");
      expect(target().simulator.log.last.text).toContain("You said: One");
    });

    test("maxOutputTokens ends with length", async () => {
      const reply = await generateText({ model: model(), prompt: "count to 50", maxOutputTokens: 4, ...once });
      expect(reply.finishReason).toBe("length");
      expect(reply.text).toBe("1 2 3 4");
    });

    // OpenAI's own API keeps a model's thoughts to itself, and the package made for it does not look for any.
    if (served.wire !== "openai" && dialect.name !== "@ai-sdk/openai, chat") {
      test("a thought is shown, and goes back with the calls it led to", async () => {
        const { tools } = weather();
        const result = streamText({
          model: model(),
          prompt: TWO_CITIES,
          tools,
          stopWhen: stepCountIs(2),
          maxOutputTokens: 8_000,
          providerOptions: {
            gangway: { reasoningEffort: "low" },
            // The package knows OpenAI's models by name, and would not ask others to think.
            openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true },
            anthropic: { thinking: { type: "enabled", budgetTokens: 1_024 } },
          },
          ...once,
        });
        const [first, second] = await result.steps;
        expect(first?.reasoningText).toContain("I shall answer");
        expect(second?.text).toBe("The tools said: fine in Paris, fine in São Paulo");
        expect(second?.finishReason).toBe("stop");
      });
    }

    test("abort ends the stream", async () => {
      const { simulator, seesAborts } = target();
      simulator.next(served.provider, fault.hold(2));
      const controller = new AbortController();
      const result = streamText({
        model: model(),
        prompt: "count to 100",
        abortSignal: controller.signal,
        onError: () => {},
        ...once,
      });
      const seen: string[] = [];
      for await (const part of result.stream) {
        seen.push(part.type);
        if (part.type === "text-delta") controller.abort();
      }
      expect(seen).toContain("abort");
      if (!seesAborts) return simulator.release();
      await simulator.log.last.closed;
      expect(simulator.log.last.state).toBe("aborted");
    });

    describe("errors", () => {
      const failure = async (id = served.model): Promise<APICallError> => {
        const error = await generateText({ model: model(id), prompt: "Hi", ...once }).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (APICallError.isInstance(error)) return error;
        throw new Error("There was no APICallError.", { cause: error });
      };

      test("an unknown model is 404, with its name, and not worth a retry", async () => {
        const error = await failure("no-such-model");
        expect(error).toMatchObject({ statusCode: 404, isRetryable: false });
        expect(error.message).toContain("no-such-model");
      });

      test("a rate limit is 429 and worth one, after its time", async () => {
        target().simulator.script.always(served.provider, fault.rateLimited(3_600));
        const error = await failure();
        expect(error).toMatchObject({ statusCode: 429, isRetryable: true });
        expect(Number(error.responseHeaders?.["retry-after"])).toBeGreaterThan(60);
      });

      test("a provider that is broken is a 5xx, in words of ours", async () => {
        target().simulator.script.always(served.provider, fault.status(500));
        const error = await failure();
        expect(error.statusCode).toBeGreaterThanOrEqual(500);
        expect(error.message).toContain("provider");
      });

      test("an error inside a stream is an error part", async () => {
        target().simulator.next(served.provider, fault.errorEvent(3, 503));
        const result = streamText({ model: model(), prompt: "count to 9", onError: () => {}, ...once });
        const parts = await collect(result.stream);
        expect(parts.map(({ type }) => type)).toContain("error");
      });
    });
  });
}
