import Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fault, ScriptedFault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

// Bugs that users of other gateways reported: design/traps.md, C1 and C2, by their number there. Those of one format alone
// are in test/protocol, those of the timers in test/routing/commit-point.test.ts.

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic", "google-ai-studio", "openrouter"] });
});
afterEach(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.resetBreakers();
  simulator.reset();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

const SYSTEM = "You are a pirate. Répondez en français.";
/** A model of each wire, and who serves it. */
const MODELS = [
  ["openai/gpt-4o-mini", "openai"],
  ["anthropic/claude-sonnet-4.5", "anthropic"],
  ["google/gemini-2.5-flash", "google-ai-studio"],
] as const;
const PATHS = (["/v1/chat/completions", "/v1/messages"] as const).flatMap((path) =>
  [false, true].map((stream) => ({ path, stream })),
);

type Path = (typeof PATHS)[number];

function ask({ path, stream }: Path, model: string, more: object = {}): Promise<Response> {
  const messages = [{ role: "user", content: "Say hello." }];
  const system =
    path === "/v1/messages"
      ? { system: SYSTEM, messages }
      : { messages: [{ role: "system", content: SYSTEM }, ...messages] };
  return gateway.post(path, { model, max_tokens: 200, stream, ...system, ...more });
}

const providersAsked = () => simulator.log.all.map(({ provider }) => provider);

describe.each(PATHS)("C1 on $path, stream: $stream", (path) => {
  test.each([
    ["an overload told in the stream", "anthropic/claude-sonnet-4.5", "anthropic", () => fault.errorEvent(0, 529)],
    [
      "one after pings",
      "anthropic/claude-sonnet-4.5",
      "anthropic",
      () => fault.errorEvent(0, 529).and(new ScriptedFault({ pings: 3 })),
    ],
    ["an error chunk", "openai/gpt-4o-mini", "openai", () => fault.errorEvent(0, 503)],
  ])("trap 1: %s, after a 200 and before a word, goes to another provider", async (_, model, provider, make) => {
    // A reply that is not streamed has no events: the same error is its status.
    simulator.next(provider, path.stream ? make() : fault.status(529));
    const reply = await ask(path, model);
    expect(reply.status).toBe(200);
    const text = await reply.text();
    expect(text).toContain("hello");
    expect(text).not.toMatch(/overloaded|error/);
    expect(providersAsked()).toEqual([provider, "openrouter"]);
  });

  test("trap 4: the one who answers in another's stead gets the caller's system prompt, unaltered", async () => {
    simulator.next("anthropic", fault.status(503));
    await (await ask(path, "anthropic/claude-sonnet-4.5")).text();
    const { body, provider, wire } = simulator.log.last;
    // OpenRouter is asked in the format that its client speaks.
    expect([provider, wire]).toEqual(["openrouter", path.path === "/v1/messages" ? "anthropic" : "openai"]);
    if (wire === "anthropic") expect(body).toMatchObject({ system: SYSTEM, messages: [{ role: "user" }] });
    else expect(body["messages"]).toMatchObject([{ role: "system", content: SYSTEM }, { role: "user" }]);
    expect(body["messages"]).toHaveLength(wire === "anthropic" ? 1 : 2);
  });

  test("trap 6: a rate limit is answered alike on every path: with 429, or by another provider for who asks for that", async () => {
    simulator.script.always("openai", fault.rateLimited(3_600));
    const refused = await ask(path, "openai/gpt-4o-mini");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(60);
    expect(providersAsked()).toEqual(["openai"]);
    const reply = await ask(path, "openai/gpt-4o-mini", { provider: { failover_on_rate_limit: true } });
    expect(reply.status).toBe(200);
    await reply.text();
    expect(providersAsked()).toEqual(["openai", "openai", "openrouter"]);
  });

  test.each(["text/plain", "application/json", "text/event-stream"])(
    "trap 7: 200 with `Network connection lost` as %s is no answer",
    async (type) => {
      simulator.next("openai", fault.page(200, type, "Network connection lost"));
      const reply = await ask(path, "openai/gpt-4o-mini");
      expect(reply.status).toBe(200);
      expect(await reply.text()).toContain("hello");
      expect(providersAsked()).toEqual(["openai", "openrouter"]);
    },
  );
});

describe.each(MODELS)("C1 in a stream of %s that has begun", (model, provider) => {
  test.each(["/v1/chat/completions", "/v1/messages"] as const)(
    "traps 3, 5 and 8: on %s its error is told, and nobody else goes on with it",
    async (path) => {
      simulator.next(provider, fault.errorEvent(2, 503).and(fault.says("All is quiet on the quay tonight.")));
      const reply = await ask({ path, stream: true }, model);
      const text = await reply.text();
      expect(providersAsked()).toEqual([provider]);
      expect(simulator.log.last.text).not.toContain("quiet");
      if (path === "/v1/messages") {
        expect(text).toMatch(
          /event: error\ndata: \{"type":"error","error":\{"type":"api_error","message":"The provider reported an error/,
        );
        expect(text).not.toContain("message_stop");
      } else
        expect(text).toMatch(
          /"finish_reason":"error".*"code":"provider_error".*\n\ndata: \{"error":.*"code":"provider_error".*\n\ndata: \[DONE\]\n\n$/,
        );
    },
  );
});

describe("C2", () => {
  test.each(MODELS)("trap 15: %s is usable with the Anthropic client as it is documented", async (model) => {
    const client = new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 });
    const stream = client.messages.stream({
      model,
      max_tokens: 200,
      system: SYSTEM,
      messages: [{ role: "user", content: "Hello" }],
    });
    expect(await stream.finalText()).toBe("You said: Hello");
    const { usage } = await stream.finalMessage();
    expect(usage.input_tokens).toBeGreaterThan(0);
  });

  test("trap 16: OpenAI's parameters reach it, and are named where they cannot be carried", async () => {
    const parameters = {
      stop: ["x"],
      n: 1,
      logit_bias: { "50256": -100 },
      logprobs: true,
      top_logprobs: 2,
      prediction: { type: "content", content: "x" },
      service_tier: "auto",
    };
    const path = { path: "/v1/chat/completions", stream: false } as const;
    expect((await ask(path, "openai/gpt-4o-mini", parameters)).status).toBe(200);
    expect(simulator.log.last.body).toMatchObject(parameters);
    const reply = await ask(path, "anthropic/claude-sonnet-4.5", parameters);
    expect(reply.headers.get("x-gateway-ignored-parameters")?.split(", ").toSorted()).toEqual(
      ["logit_bias", "logprobs", "prediction", "service_tier", "top_logprobs"],
    ); // biome-ignore format: a list
  });

  test.each([
    ["nothing in it", {}],
    ["a null where the function belongs", { index: 0, id: "1", function: null }],
    ["numbers for texts", { index: "x", id: 1, function: { name: 2, arguments: 3 } }],
  ])("trap 17: a tool call with %s is survived", async (_, call) => {
    const body = {
      id: "c", object: "chat.completion", created: 1, model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: null, tool_calls: [call, null] }, finish_reason: "tool_calls" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }; // biome-ignore format: a reply
    simulator.next("openai", fault.page(200, "application/json", JSON.stringify(body)));
    expect((await ask({ path: "/v1/messages", stream: false }, "openai/gpt-4o-mini")).status).toBe(200);
    expect((await ask({ path: "/v1/messages", stream: false }, "openai/gpt-4o-mini")).status).toBe(200);
  });

  test("extras: thoughts that are billed are shown, on both routes", async () => {
    const thinking = { thinking: { type: "enabled", budget_tokens: 1_024 }, max_tokens: 4_000 };
    const shown = await (
      await ask({ path: "/v1/messages", stream: false }, "google/gemini-2.5-flash", thinking)
    ).json();
    expect(shown.content[0]).toMatchObject({ type: "thinking", thinking: expect.stringContaining("I shall answer") });
    const chat = await ask({ path: "/v1/chat/completions", stream: false }, "anthropic/claude-sonnet-4.5", {
      reasoning_effort: "low",
      max_tokens: 6_000,
    });
    expect((await chat.json()).choices[0].message.reasoning).toContain("I shall answer");
  });

  test("extras: a signature of 300 kB in one event is not cut", async () => {
    const signature = "A".repeat(300_000);
    const parts = [{ functionCall: { id: "1", name: "f", args: {} }, thoughtSignature: signature }];
    const body = JSON.stringify({
      candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
    });
    simulator.next("google-ai-studio", fault.page(200, "text/event-stream", `data: ${body}\r\n\r\n`));
    const reply = await ask({ path: "/v1/chat/completions", stream: true }, "google/gemini-2.5-flash");
    expect(await reply.text()).toContain(`"thought_signature":"${signature}"`);
  });
});
