import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";
import { beforeEach, describe, expect, test } from "vitest";
import { fault } from "../support/simulator/fault.ts";
import { collect } from "./collect.ts";
import type { SdkModel, SdkTarget } from "./sdk-target.ts";

const WEATHER = {
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
};
const TOOLS = { tools: [{ functionDeclarations: [WEATHER] }] };

/** What Google's own client must be able to do with a model, whoever serves it. */
export function describeGoogleSdk(title: string, served: SdkModel, target: () => SdkTarget): void {
  describe(`Google GenAI SDK: ${title}`, () => {
    const { model } = served;
    const client = (apiKey = target().key) =>
      new GoogleGenAI({ apiKey, httpOptions: { baseUrl: target().baseUrl, retryOptions: { attempts: 1 } } });

    beforeEach(() => target().simulator.reset());

    test("generateContent", async () => {
      const reply = await client().models.generateContent({ model, contents: "Hello there" });
      expect(reply.text).toBe("You said: Hello there");
      expect(reply.candidates?.[0]).toMatchObject({ finishReason: "STOP", index: 0, content: { role: "model" } });
      const { promptTokenCount, candidatesTokenCount, totalTokenCount } = reply.usageMetadata ?? {};
      expect(promptTokenCount).toBeGreaterThan(0);
      expect(totalTokenCount).toBeGreaterThanOrEqual((promptTokenCount ?? 0) + (candidatesTokenCount ?? 0));
      expect(reply.responseId).toEqual(expect.any(String));
      expect(reply.modelVersion).toEqual(expect.any(String));
    });

    test("generateContentStream", async () => {
      const stream = await client().models.generateContentStream({ model, contents: "Grüße 🚢 count me" });
      const chunks = await collect(stream);
      expect(chunks.map((chunk) => chunk.text ?? "").join("")).toBe("You said: Grüße 🚢 count me");
      expect(chunks.length).toBeGreaterThan(2);
      expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe("STOP");
      expect(chunks.at(-1)?.usageMetadata?.candidatesTokenCount).toBeGreaterThan(0);
    });

    test("system instruction, earlier turns, limits", async () => {
      const contents = [
        { role: "user", parts: [{ text: "One" }] },
        { role: "model", parts: [{ text: "Two" }] },
        { role: "user", parts: [{ text: "count to 50" }] },
      ];
      const config = { systemInstruction: "Be brief.", maxOutputTokens: 4, temperature: 0.5 };
      const reply = await client().models.generateContent({ model, contents, config });
      expect(reply.text).toBe("1 2 3 4");
      expect(reply.candidates?.[0]?.finishReason).toBe("MAX_TOKENS");
      const sent = target().simulator.log.last.text;
      for (const text of ["Be brief.", "One", "Two"]) expect(sent).toContain(text);
      const stopped = await client().models.generateContent({
        model,
        contents: "count to 50",
        config: { stopSequences: [" 4"] },
      });
      expect(stopped.text).toBe("1 2 3");
    });

    test("JSON by a schema of Google's own", async () => {
      const responseSchema = {
        type: Type.OBJECT,
        properties: { name: { type: Type.STRING }, age: { type: Type.INTEGER } },
        required: ["name", "age"],
      };
      const config = { responseMimeType: "application/json", responseSchema };
      const reply = await client().models.generateContent({ model, contents: "Describe a person", config });
      expect(JSON.parse(reply.text ?? "")).toEqual({ name: expect.any(String), age: expect.any(Number) });
    });

    test("tools, called in parallel, streamed, and answered", async () => {
      const text = 'Use get_weather({"city":"Paris"}) and get_weather({"city":"Rome"})';
      const stream = await client().models.generateContentStream({ model, contents: text, config: TOOLS });
      const chunks = await collect(stream);
      const content = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
      const calls = content.flatMap((part) => (part.functionCall === undefined ? [] : [part.functionCall]));
      expect(calls.map(({ name, args }) => ({ name, args }))).toEqual([
        { name: "get_weather", args: { city: "Paris" } },
        { name: "get_weather", args: { city: "Rome" } },
      ]);
      const parts = calls.map(({ id, name }, index) => ({
        functionResponse: {
          ...(id === undefined ? {} : { id }),
          name: name ?? "",
          response: { output: ["sunny", "rainy"][index] },
        },
      }));
      const said = content.filter((part) => part.functionCall !== undefined);
      const reply = await client().models.generateContent({
        model,
        contents: [
          { role: "user", parts: [{ text }] },
          { role: "model", parts: said },
          { role: "user", parts },
        ],
        config: TOOLS,
      });
      expect(reply.text).toMatch(/^The tools said: .*sunny.*rainy/);
    });

    test("a forced tool is called, a forbidden one is not", async () => {
      const ask = (mode: FunctionCallingConfigMode, contents: string) =>
        client().models.generateContent({
          model,
          contents,
          config: { ...TOOLS, toolConfig: { functionCallingConfig: { mode } } },
        });
      expect((await ask(FunctionCallingConfigMode.ANY, "Hello")).functionCalls).toHaveLength(1);
      expect((await ask(FunctionCallingConfigMode.NONE, "Use get_weather")).text).toContain("You said");
    });

    test("images", async () => {
      const data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
      const contents = [{ text: "What is this?" }, { inlineData: { mimeType: "image/png", data } }];
      const reply = await client().models.generateContent({ model, contents });
      expect(reply.text).toBe("You said: What is this? (with 1 images)");
    });

    // OpenAI's chat completions keep a model's thoughts to themselves.
    if (served.wire !== "openai") {
      test("thoughts are told where they are asked for, and go back", async () => {
        const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 2_000 } };
        const asked = [{ role: "user", parts: [{ text: "Think about it" }] }];
        const reply = await client().models.generateContent({ model, contents: asked, config });
        const parts = reply.candidates?.[0]?.content?.parts ?? [];
        expect(
          parts
            .filter(({ thought }) => thought === true)
            .map(({ text }) => text)
            .join(""),
        ).toContain("I shall answer");
        expect(reply.text).toBe("You said: Think about it");
        expect(reply.usageMetadata?.thoughtsTokenCount).toBeGreaterThan(0);
        const contents = [...asked, { role: "model", parts }, { role: "user", parts: [{ text: "And now?" }] }];
        const next = await client().models.generateContent({ model, contents, config });
        expect(next.text).toBe("You said: And now?");
      });
    }

    test("chats", async () => {
      const chat = client().chats.create({ model });
      expect((await chat.sendMessage({ message: "One" })).text).toBe("You said: One");
      expect((await chat.sendMessage({ message: "Two" })).text).toBe("You said: Two");
      expect(target().simulator.log.last.text).toContain("You said: One");
    });

    test("countTokens", async () => {
      const { totalTokens } = await client().models.countTokens({ model, contents: "Hello there" });
      expect(totalTokens).toBeGreaterThan(0);
      expect(totalTokens).toBeLessThan(30);
    });

    test("models.list in pages, models.get", async () => {
      const listed = await collect(await client().models.list({ config: { pageSize: 5 } }));
      expect(listed.map(({ name }) => name)).toContain(`models/${model}`);
      expect((await client().models.get({ model })).inputTokenLimit).toBeGreaterThan(1_000);
    });

    test("errors in Google's shape", async () => {
      const refused = (call: Promise<unknown>) =>
        call.then(
          () => null,
          (error: unknown) =>
            error instanceof ApiError ? { status: error.status, ...JSON.parse(error.message).error } : error,
        );
      const ask = (name: string, key?: string) => client(key).models.generateContent({ model: name, contents: "Hi" });
      expect(await refused(ask("no-such-model"))).toMatchObject({ code: 404, status: "NOT_FOUND" });
      expect(await refused(ask(model, "wrong"))).toMatchObject({ code: 401, status: "UNAUTHENTICATED" });
      const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
      const hot = client().models.generateContent({ model, contents, config: { temperature: 9 } });
      expect(await refused(hot)).toMatchObject({
        status: "INVALID_ARGUMENT",
        message: expect.stringContaining("generationConfig.temperature"),
      });
      target().simulator.script.always(served.provider, fault.rateLimited(3600));
      expect(await refused(ask(model))).toMatchObject({ code: 429, status: "RESOURCE_EXHAUSTED" });
    });

    test("an error inside a stream is thrown by the iteration", async () => {
      target().simulator.next(served.provider, fault.errorEvent(3, 503));
      const stream = await client().models.generateContentStream({ model, contents: "count to 9" });
      await expect(collect(stream)).rejects.toThrow(/reported an error/);
    });
  });
}
