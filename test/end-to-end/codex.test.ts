import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JsonObject } from "../../lib/protocol/json.ts";
import { listAt, objectAt, objectsAt } from "../support/simulator/json-reading.ts";
import type { RecordedRequest } from "../support/simulator/request-log.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

type InputItem = OpenAI.Responses.ResponseInputItem;
type Body = OpenAI.Responses.ResponseCreateParamsStreaming;

interface Session {
  readonly headers: Readonly<Record<string, string>>;
  readonly instructions: string;
  readonly tools: OpenAI.Responses.Tool[];
  /** The rest of every request of the conversation. */
  readonly request: Omit<Body, "model" | "input">;
  readonly context: readonly InputItem[];
  readonly turns: readonly ({ readonly says: string } | { readonly results: readonly string[] })[];
}

// The file is ours, and its shape is what the SDK's own types ask for when it is sent.
const SESSION = JSON.parse(readFileSync("test/fixtures/agents/codex.json", "utf8")) as Session;
const { turns: TURNS } = SESSION;

interface AgentCall {
  readonly sent: string;
  readonly items: readonly OpenAI.Responses.ResponseOutputItem[];
  readonly types: readonly string[];
}

/** Codex at work: it keeps nothing at the provider, and sends the whole transcript each time, items without their ids. */
async function run(gateway: TestGateway, model: string, ownTools: boolean): Promise<readonly AgentCall[]> {
  let sent = "";
  const client = new OpenAI({
    apiKey: gateway.key,
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    defaultHeaders: SESSION.headers,
    fetch: (url, init) => {
      sent = String(init?.body);
      return fetch(url, init);
    },
  });
  const input: InputItem[] = [...SESSION.context];
  const calls: AgentCall[] = [];
  for (const turn of TURNS) {
    if ("says" in turn) {
      input.push({ type: "message", role: "user", content: [{ type: "input_text", text: turn.says }] });
    } else {
      const made = (calls.at(-1)?.items ?? []).flatMap((item) => (item.type === "function_call" ? [item.call_id] : []));
      if (made.length !== turn.results.length) throw new Error(`${made.length} calls, ${turn.results.length} results.`);
      turn.results.forEach((output, index) => {
        input.push({ type: "function_call_output", call_id: made[index] ?? "", output });
      });
    }
    const { instructions, request } = SESSION;
    // A model that Codex does not know as OpenAI's gets functions alone.
    const tools = SESSION.tools.filter(({ type }) => ownTools || type === "function");
    const body: Body = { model, instructions, input, tools, ...request, stream: true };
    const stream = await client.responses.create(body);
    const items: OpenAI.Responses.ResponseOutputItem[] = [];
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "response.output_item.done") items.push(event.item);
    }
    input.push(...items.map(kept));
    calls.push({ sent, items, types });
  }
  return calls;
}

/** What Codex keeps of an item: the fields that it knows, without what names it at the provider. */
function kept(item: OpenAI.Responses.ResponseOutputItem): InputItem {
  const fields = Object.entries(item).filter(([name]) => KEPT.includes(name));
  return Object.fromEntries(fields) as InputItem; // what comes out of a response may go into the next
}

const KEPT = ["type", "role", "content", "summary", "encrypted_content", "name", "arguments", "call_id"];

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
  { wire: "responses", model: "gpt-5-mini" },
  { wire: "anthropic", model: "anthropic/claude-sonnet-4.5" },
  { wire: "gemini", model: "google/gemini-2.5-pro" },
] as const;

describe.each(MODELS)("Codex on $model", ({ wire, model }) => {
  let calls: readonly AgentCall[] = [];
  let seen: readonly RecordedRequest[] = [];
  beforeAll(async () => {
    simulator.reset();
    calls = await run(gateway, model, wire === "responses");
    seen = simulator.log.all;
  });
  beforeEach(() => expect(calls).toHaveLength(TURNS.length));
  afterEach(async () => expect(await gateway.checkLedger()).toEqual([]));

  test("the loop completes: every call as the model made it, and an answer at the end", () => {
    const made = calls.map(({ items }) =>
      items.flatMap((item) => (item.type === "function_call" ? [[item.name, JSON.parse(item.arguments)]] : [])),
    );
    expect(made).toEqual([
      [
        ["shell", { command: ["rg", "parse"] }],
        ["shell", { command: ["ls", "src"] }],
      ],
      [["update_plan", { plan: [{ step: "“mend” 🚢", status: "in_progress" }] }]],
      [["shell", { command: ["npm", "test"] }]],
      [],
      [],
    ]);
    const said = calls.slice(3).map(({ items }) =>
      items
        .flatMap((item) => (item.type === "message" ? item.content : []))
        .map((part) => (part.type === "output_text" ? part.text : ""))
        .join(""),
    );
    expect(said[0]).toContain("12 passed, 0 failed");
    expect(said[1]).toBe("You said: Thank you, that is all.");
  });

  test("every stream begins with response.created and ends with response.completed, without which Codex tries again", () => {
    for (const { types } of calls) {
      expect(types[0]).toBe("response.created");
      expect(types.at(-1)).toBe("response.completed");
    }
  });

  // Gemini seals the call itself; a client that keeps known fields only sends none back, which Gemini takes.
  if (wire !== "gemini") {
    test("thoughts come sealed, and go back with the calls that they led to", () => {
      const thoughts = calls.flatMap(({ items }) => items.filter(({ type }) => type === "reasoning"));
      expect(thoughts.length).toBeGreaterThanOrEqual(3);
      for (const thought of thoughts.slice(0, 3))
        expect(thought).toMatchObject({ encrypted_content: expect.stringMatching(/.{12}/) });
      const last = JSON.parse(calls.at(-1)?.sent ?? "{}");
      const sealed = last.input.filter((item: { encrypted_content?: string }) => item.encrypted_content !== undefined);
      expect(sealed.length).toBe(
        calls.slice(0, -1).flatMap(({ items }) => items.filter(({ type }) => type === "reasoning")).length,
      );
      // The simulator answers 400 to a seal that is not its own; on Anthropic's wire it is there in the vendor's own form.
      if (wire === "anthropic") expect(seen.at(-1)?.text.split('"type":"thinking"').length).toBeGreaterThanOrEqual(4);
    });
  }

  test("what was said before stays as it was from turn to turn, so that a prompt cache finds it", () => {
    const prefixes = seen.map(({ body }) => stablePart(wire, body));
    for (const [turn, { fixed, items }] of prefixes.entries()) {
      const before = prefixes[turn - 1];
      if (before === undefined) continue;
      expect(fixed).toBe(before.fixed);
      expect(items.slice(0, before.items.length)).toEqual(before.items);
      expect(items.length).toBeGreaterThan(before.items.length);
    }
  });

  if (wire === "responses") {
    test("every byte of the agent's requests reaches OpenAI", () => {
      expect(seen.map(({ path }) => path)).toEqual(TURNS.map(() => "/openai/v1/responses"));
      expect(seen.map(({ text }) => text)).toEqual(calls.map(({ sent }) => sent));
      for (const { headers } of seen) expect(headers["user-agent"] ?? "").not.toContain("codex");
    });
  }
});

/** Instructions with tools, and each item's JSON, without Anthropic's breakpoints. */
function stablePart(wire: string, body: JsonObject): { readonly fixed: string; readonly items: readonly string[] } {
  const plain = (value: unknown) => JSON.stringify(value);
  const tools = listAt(body["tools"]);
  if (wire === "gemini")
    return { fixed: plain([objectAt(body["systemInstruction"]), tools]), items: listAt(body["contents"]).map(plain) };
  if (wire === "responses")
    return { fixed: plain([body["instructions"], tools]), items: listAt(body["input"]).map(plain) };
  return { fixed: plain([body["system"], tools]), items: objectsAt(body["messages"]).map(plain) };
}
