import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { providerKey } from "../support/simulator/provider-access.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

const OPENAI = { authorization: `Bearer ${providerKey("openai")}` };
const ANTHROPIC = { "x-api-key": providerKey("anthropic"), "anthropic-version": "2023-06-01" };
const GEMINI = { "x-goog-api-key": providerKey("google-ai-studio") };
const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

function recorded(name: string): string {
  return readFileSync(`test/fixtures/simulator/${name}`, "utf8");
}

async function post(path: string, headers: Record<string, string>, body: unknown): Promise<string> {
  const response = await fetch(`${simulator.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return await response.text();
}

/** Every field's path with its type, in order: `choices.0.delta.content string`. */
function shapeOf(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.length === 0 ? [`${path} []`] : shapeOf(value[0], `${path}.0`);
  if (typeof value !== "object" || value === null) return [`${path} ${value === null ? "null" : typeof value}`];
  const entries = Object.entries(value);
  return entries.length === 0 ? [`${path} {}`] : entries.flatMap(([name, field]) => shapeOf(field, `${path}.${name}`));
}

/** The kinds of events in order, repeated ones once, each with its lines' names and its data's shape. */
function streamShape(text: string): readonly string[] {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const shapes = text
    .split(end + end)
    .filter(Boolean)
    .map((event) =>
      event
        .split(end)
        .map((line) => {
          const [, field = "", value = ""] = /^(\w+): (.*)$/.exec(line) ?? [];
          return field === "data" && value.startsWith("{")
            ? shapeOf(JSON.parse(value)).toSorted().join(";")
            : `${field} ${value}`;
        })
        .join("|"),
    );
  return shapes.filter((shape, index) => shape !== shapes[index - 1]);
}

describe("the simulator's replies have their vendors' shape", () => {
  const hello = [{ role: "user", content: "Hello" }];

  test.each([
    ["openai-chat.json", "/openai/v1/chat/completions", OPENAI, { model: "gpt-4o-mini", messages: hello }],
    [
      "openai-tools.json",
      "/openai/v1/chat/completions",
      OPENAI,
      {
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: "Use get_weather" }],
        tools: [{ type: "function", function: { name: "get_weather", parameters: CITY } }],
      },
    ],
    ["openai-error.json", "/openai/v1/chat/completions", {}, { model: "gpt-4o-mini", messages: hello }],
    ["anthropic-message.json", "/anthropic/v1/messages", ANTHROPIC, { model: "c", max_tokens: 99, messages: hello }],
    [
      "anthropic-tools.json",
      "/anthropic/v1/messages",
      ANTHROPIC,
      {
        model: "c",
        max_tokens: 2000,
        thinking: { type: "adaptive" },
        messages: [{ role: "user", content: "Use get_weather" }],
        tools: [{ name: "get_weather", input_schema: CITY }],
      },
    ],
    ["anthropic-error.json", "/anthropic/v1/messages", {}, { model: "c", max_tokens: 99, messages: hello }],
    [
      "gemini-generate.json",
      "/google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent",
      GEMINI,
      { contents: [{ role: "user", parts: [{ text: "Hello" }] }] },
    ],
    ["gemini-error.json", "/google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent", {}, {}],
  ])("%s", async (fixture, path, headers, body) => {
    const reply: unknown = JSON.parse(await post(path, headers, body));
    expect(shapeOf(reply).toSorted()).toEqual(shapeOf(JSON.parse(recorded(fixture))).toSorted());
  });

  test.each([
    [
      "openai-stream.sse",
      "/openai/v1/chat/completions",
      OPENAI,
      { model: "gpt-4o-mini", messages: hello, stream: true, stream_options: { include_usage: true } },
    ],
    [
      "anthropic-stream.sse",
      "/anthropic/v1/messages",
      ANTHROPIC,
      { model: "c", max_tokens: 99, messages: hello, stream: true },
    ],
    [
      "gemini-stream.sse",
      "/google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      GEMINI,
      { contents: [{ role: "user", parts: [{ text: "Hello" }] }] },
    ],
  ])("%s", async (fixture, path, headers, body) => {
    expect(streamShape(await post(path, headers, body))).toEqual(streamShape(recorded(fixture)));
  });
});
