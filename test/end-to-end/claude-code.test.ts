import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../lib/protocol/json.ts";
import { listAt, objectAt, objectsAt, textAt } from "../support/simulator/json-reading.ts";
import { THOUGHT_SIGNATURE } from "../support/simulator/read-gemini.ts";
import type { RecordedRequest } from "../support/simulator/request-log.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";
import { expectWellOrdered } from "../support/well-ordered.ts";
import { type AgentCall, BETAS, ClaudeCode, TOOLS, TURNS } from "./claude-code-session.ts";

// A whole session of Claude Code (test/fixtures/agents), against a model of each wire: parallel calls, an error, a picture,
// thoughts between calls. The simulator refuses what the vendors refuse: calls without results, seals that are not its own.
let simulator: Simulator;
let gateway: TestGateway;
beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["anthropic", "openai", "google-ai-studio"] });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
});

const MODELS = [
  { wire: "anthropic", model: "claude-sonnet-4-5-20250929", small: "claude-haiku-4-5-20251001", thinks: true },
  { wire: "openai", model: "openai/gpt-5-mini", small: "openai/gpt-4o-mini", thinks: false },
  { wire: "gemini", model: "google/gemini-2.5-pro", small: "google/gemini-2.5-flash", thinks: true },
] as const;
const CALLS = [
  [
    ["Grep", { pattern: "parse" }],
    ["Read", { file_path: "/repo/src/parser.ts" }],
  ],
  [["Glob", { pattern: "**/parse*" }]],
  [["Read", { file_path: "/repo/docs/railroad.png" }]],
  [["Edit", { file_path: "/repo/src/parse.ts", old_string: "naïve", new_string: "“exact” 🚢" }]],
  [["Bash", { command: "npm test -- --run parse" }]],
  [],
  [],
];

describe.each(MODELS)("Claude Code on $model", ({ wire, model, small, thinks }) => {
  let calls: AgentCall[] = [];
  let seen: readonly RecordedRequest[] = [];
  let titled: string;
  let counted: { readonly before: number; readonly after: number };

  // The whole session once; each test then looks at one side of it.
  beforeAll(async () => {
    simulator.reset();
    const agent = new ClaudeCode(gateway, model, small);
    const { title } = await agent.begin();
    titled = title.content.map((block) => (block.type === "text" ? block.text : "")).join("");
    calls = [await agent.take(0)];
    const before = await agent.countTokens();
    for (let turn = 1; turn < TURNS.length; turn += 1) calls.push(await agent.take(turn));
    counted = { before, after: await agent.countTokens() };
    seen = simulator.log.all.filter(({ operation }) => operation === "generate").slice(-TURNS.length);
  });
  beforeEach(() => expect(calls).toHaveLength(TURNS.length));
  afterEach(async () => expect(await gateway.checkLedger()).toEqual([]));

  test("the loop completes: every call as the model made it, and an answer at the end", () => {
    const made = calls.map(({ message }) =>
      message.content.flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input]] : [])),
    );
    expect(made).toEqual(CALLS);
    expect(calls.map(({ message }) => message.stop_reason)).toEqual([
      ...Array(5).fill("tool_use"),
      "end_turn",
      "end_turn",
    ]);
    const texts = calls
      .slice(5)
      .map(({ message }) => message.content.map((block) => (block.type === "text" ? block.text : "")).join(""));
    expect(texts[0]).toBe("The tools said: 12 passed, 0 failed");
    expect(texts[1]).toMatch(/^You said: Thank you, that is all\./);
    expect(titled).not.toBe("");
  });

  test("every stream is in Anthropic's order", () => {
    for (const { events } of calls) expectWellOrdered(events.map((event) => JSON.parse(JSON.stringify(event))));
  });

  test("tokens are counted, more as the conversation grows", () => {
    expect(counted.before).toBeGreaterThan(100);
    expect(counted.after).toBeGreaterThan(counted.before);
  });

  test("what was said before stays as it was from turn to turn, so that a prompt cache finds it", () => {
    const prefixes = seen.map(({ body }) => stablePart(wire, body));
    for (const [turn, { system, messages }] of prefixes.entries()) {
      const before = prefixes[turn - 1];
      if (before === undefined) continue;
      expect(system).toEqual(before.system);
      expect(messages.slice(0, before.messages.length)).toEqual(before.messages);
      expect(messages.length).toBeGreaterThan(before.messages.length);
    }
    // The simulator's caches hold what they have seen.
    expect(calls.at(-1)?.message.usage.cache_read_input_tokens).toBeGreaterThan(0);
  });

  test("pictures in results and errors reach the model, and tools by their names", () => {
    const last = seen.at(-1)?.text ?? "";
    expect(last).toContain("iVBORw0KGgo");
    expect(last).toContain("There is no such file.");
    for (const { name } of TOOLS) expect(last).toContain(`"${name}"`);
  });

  if (thinks) {
    test("thoughts come with their seals, and go back with them", () => {
      for (const { message } of calls.slice(0, 6)) {
        const thought = message.content.find((block) => block.type === "thinking");
        expect(thought).toMatchObject({ thinking: expect.stringContaining("I shall answer") });
      }
      const sealed =
        (seen.at(-1)?.text ?? "").split(wire === "gemini" ? THOUGHT_SIGNATURE : '"signature":"').length - 1;
      expect(sealed).toBeGreaterThanOrEqual(wire === "gemini" ? 5 : 6);
    });
  }

  if (wire === "anthropic") {
    test("every byte of the agent's requests reaches Anthropic", () => {
      expect(seen.map(({ text }) => text)).toEqual(calls.map(({ sent }) => sent));
      for (const { headers, body } of seen) {
        expect(headers["anthropic-beta"]).toBe(BETAS.join(","));
        expect(headers["user-agent"] ?? "").not.toContain("claude-cli");
        expect(objectsAt(body["system"]).filter((block) => "cache_control" in block)).toHaveLength(2);
      }
    });
  } else {
    test("what only Anthropic understands is left out or named, and nothing that changes with every request is in the prompt", () => {
      for (const { text, headers } of seen) {
        expect(text).not.toContain("x-anthropic-billing-header");
        expect(text).not.toContain("cache_control");
        expect(headers["anthropic-beta"]).toBeUndefined();
      }
      for (const { headers } of calls)
        expect(headers.get("x-gateway-ignored-parameters")).toContain("context_management");
    });
  }
});

/** The instructions with the tools, and each message's JSON, without the breakpoints, which move. */
function stablePart(wire: string, body: JsonObject): { readonly system: string; readonly messages: readonly string[] } {
  const plain = (value: JsonValue | undefined) =>
    JSON.stringify(value, (name, member: unknown) => (name === "cache_control" ? undefined : member)) ?? "";
  if (wire === "gemini") {
    return {
      system: plain([objectAt(body["systemInstruction"]), listAt(body["tools"])]),
      messages: listAt(body["contents"]).map(plain),
    };
  }
  const messages = objectsAt(body["messages"]);
  // The first system block is Claude Code's own and differs.
  const system =
    wire === "anthropic" ? objectsAt(body["system"]).slice(1) : messages.filter(({ role }) => role === "system");
  expect(textAt(system[0]?.["text"]) + textAt(system[0]?.["content"]) + plain(system)).toContain("Claude Code");
  return { system: plain([system, listAt(body["tools"])]), messages: messages.map(plain) };
}
