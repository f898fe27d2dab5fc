import { globSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { UsageMeter } from "../../lib/inference/usage-meter.ts";
import { parseCountTokens } from "../../lib/protocol/anthropic/messages-format.ts";
import type { ChatEvent } from "../../lib/protocol/chat-event.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringOf } from "../../lib/protocol/json.ts";
import { parseJsonBody } from "../../lib/protocol/json-body.ts";
import { jsonOf, mutate, mutationsOf } from "../support/mutations.ts";
import { candidateOf, FORMATS } from "../support/replay-stream.ts";
import { CONTEXT, eventsOf } from "./reply-context.ts";

/** Short by default; `FUZZ_RUNS=100000` for a night. A failure prints its seed. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 1_000);

/** Every chunk of every recorded stream, by the wire that speaks it. */
function chunksOf(wire: string): readonly JsonObject[] {
  const files = globSync("test/fixtures/{streams,gemini,responses}/*.sse").filter((file) => {
    const own = /(anthropic|gemini|responses|cohere)/.exec(file)?.[1] ?? "openai";
    return own === wire;
  });
  if (wire === "bedrock") {
    const lines = readFileSync("test/fixtures/streams/bedrock-thinking-tools.jsonl", "utf8").trim().split("\n");
    return lines.map((line): JsonObject => JSON.parse(line));
  }
  return files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split(/\r\n|\n/)
      .filter((line) => line.startsWith("data: {"))
      .map((line): JsonObject => JSON.parse(line.slice(6))),
  );
}

function keysOf(values: readonly JsonValue[]): readonly string[] {
  const keys = new Set<string>();
  const walk = (value: JsonValue): void => {
    if (Array.isArray(value)) for (const member of value) walk(member);
    else if (isJsonObject(value)) {
      for (const [key, member] of Object.entries(value)) {
        keys.add(key);
        walk(member ?? null);
      }
    } else if (typeof value === "string" && /^[a-z_]{2,24}$/.test(value)) keys.add(value);
  };
  for (const value of values) walk(value);
  return [...keys];
}

/** What becomes of events, whoever made them: metered, and written for both clients as JSON that a client can read. */
function digest(events: readonly ChatEvent[]): void {
  const meter = new UsageMeter({
    estimatedInputTokens: 10,
    contextLength: 1_000_000,
    maxOutputTokens: 100_000,
    choices: 128,
  });
  for (const event of events) meter.observe(event);
  const usage = meter.final();
  for (const value of Object.values(usage))
    if (typeof value === "number") expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
  for (const format of Object.values(FORMATS)) {
    JSON.parse(format.encodeReply(events, usage, CONTEXT));
    const encoder = format.createStreamEncoder(CONTEXT);
    eventsOf(events.map((event) => encoder.push(event)).join("") + encoder.finish(usage));
    eventsOf(encoder.fail(new GatewayError("provider_error", "x"), "req_1"));
  }
}

/** Wires that decode in a way of their own; Vertex's are Gemini's and Anthropic's. */
const DECODERS = {
  openai: candidateOf("openai").wire,
  anthropic: candidateOf("anthropic").wire,
  gemini: candidateOf("google-ai-studio").wire,
  responses: candidateOf("openai", "responses").wire,
  cohere: candidateOf("cohere").wire,
  bedrock: candidateOf("bedrock").wire,
} as const;

describe.each(["openai", "anthropic", "gemini", "responses", "cohere", "bedrock"] as const)(
  "Z2 the %s decoder",
  (name) => {
    const wire = DECODERS[name];
    const chunks = chunksOf(name);
    const keys = keysOf(chunks);

    const decode = (values: readonly JsonValue[]) => {
      const decoder = wire.createStreamDecoder();
      return values.flatMap((value) => {
        // Bedrock names its events outside of their data.
        const event = name === "bedrock" && isJsonObject(value) ? stringOf(value["event"]) : "message";
        const data = JSON.stringify(name === "bedrock" && isJsonObject(value) ? (value["data"] ?? null) : value);
        return decoder.push({ event, data, raw: `data: ${data}\n\n` });
      });
    };

    test("there are recordings to start from", () => expect(chunks.length).toBeGreaterThan(3));

    test("takes recorded chunks with anything in them changed", () => {
      const mutated = fc
        .tuple(fc.constantFrom(...chunks), mutationsOf(keys))
        .map(([chunk, mutations]) => mutate(chunk, mutations));
      fc.assert(
        fc.property(fc.array(mutated, { minLength: 1, maxLength: 8 }), (values) => digest(decode(values))),
        { numRuns: RUNS },
      );
    });

    test("takes any JSON, and any text that is none", () => {
      fc.assert(
        fc.property(fc.array(jsonOf(keys), { maxLength: 4 }), (values) => digest(decode(values))),
        { numRuns: RUNS },
      );
      fc.assert(
        fc.property(fc.string({ unit: "binary" }), (data) => {
          wire.createStreamDecoder().push({ event: "message", data, raw: data });
        }),
        { numRuns: RUNS },
      );
    });

    test("takes any object for a whole reply, and any text for a refusal", () => {
      const mutatedReply = fc
        .tuple(fc.constantFrom(...WHOLE[name]), mutationsOf(keysOf(WHOLE[name])))
        .map(([body, mutations]) => mutate(body, mutations));
      fc.assert(
        fc.property(fc.oneof(mutatedReply, jsonOf(keysOf(WHOLE[name]))), (value) => {
          if (isJsonObject(value)) digest(wire.decodeReply(value));
          const told = wire.decodeFailure(400, JSON.stringify(value));
          expect(told.message === null || told.message.length <= 300).toBe(true);
        }),
        { numRuns: RUNS },
      );
    });
  },
);

const WHOLE: Readonly<Record<keyof typeof DECODERS, readonly JsonObject[]>> = {
  openai: readAll("test/fixtures/simulator/openai-*.json"),
  anthropic: readAll("test/fixtures/simulator/anthropic-*.json"),
  gemini: readAll("test/fixtures/{simulator/gemini-,gemini/}*.json"),
  cohere: readAll("test/fixtures/simulator/cohere-*.json"),
  bedrock: readAll("test/fixtures/simulator/bedrock-*.json"),
  responses: readAll("test/fixtures/responses/*.json"),
};

function readAll(pattern: string): readonly JsonObject[] {
  return globSync(pattern).map((file) => JSON.parse(readFileSync(file, "utf8")));
}

const REQUESTS: Readonly<Record<keyof typeof FORMATS, JsonObject>> = {
  openai: {
    model: "openai/gpt-4o-mini",
    messages: [
      { role: "system", content: "s" },
      { role: "user", content: [{ type: "text", text: "a" }, { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } }, { type: "file", file: { file_data: "data:text/plain;base64,aGk=" } }, { type: "input_audio", input_audio: { data: "x", format: "wav" } }], name: "n" },
      { role: "assistant", content: null, tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }], reasoning_details: [{ type: "reasoning.text", text: "t", signature: "s", index: 0 }, { type: "reasoning.encrypted", data: "d" }] },
      { role: "tool", tool_call_id: "1", content: "r" },
      { role: "assistant", content: "b", function_call: { name: "f", arguments: "{}" }, refusal: "no" },
    ],
    max_tokens: 5, temperature: 1, top_p: 1, top_k: 1, n: 1, stop: ["x"], seed: 1, logprobs: true, top_logprobs: 1, user: "u",
    tools: [{ type: "function", function: { name: "f", description: "d", parameters: { type: "object" }, strict: true } }],
    tool_choice: { type: "function", function: { name: "f" } }, parallel_tool_calls: true,
    response_format: { type: "json_schema", json_schema: { name: "n", schema: {}, strict: true } },
    reasoning: { effort: "high", max_tokens: 2000, enabled: true }, reasoning_effort: "low", stream: true, stream_options: { include_usage: true },
    provider: { failover_on_rate_limit: true }, logit_bias: { "1": 1 }, metadata: { a: "b" },
  },
  anthropic: {
    model: "anthropic/claude-sonnet-4.5",
    max_tokens: 5000,
    system: [{ type: "text", text: "s", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: [{ type: "text", text: "a" }, { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } }, { type: "document", title: "t", source: { type: "text", media_type: "text/plain", data: "d" } }] },
      { role: "assistant", content: [{ type: "thinking", thinking: "t", signature: "s" }, { type: "redacted_thinking", data: "d" }, { type: "tool_use", id: "1", name: "f", input: { a: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "1", is_error: true, content: [{ type: "text", text: "r" }] }] },
    ],
    tools: [{ name: "f", description: "d", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } }, { type: "web_search_20250305", name: "web_search" }],
    tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true }, thinking: { type: "enabled", budget_tokens: 2000 },
    temperature: 1, top_p: 1, top_k: 1, stop_sequences: ["x"], metadata: { user_id: "u" }, stream: true,
    output_config: { effort: "high", format: { type: "json_schema", schema: {} } },
  },
  responses: {
    model: "openai/gpt-4o-mini", instructions: "i", previous_response_id: null,
    input: [
      { role: "developer", content: "s" },
      { role: "user", content: [{ type: "input_text", text: "a" }, { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "low" }, { type: "input_file", filename: "n", file_data: "data:text/plain;base64,aGk=" }, { type: "input_audio", input_audio: { data: "x", format: "wav" } }] },
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "t" }], encrypted_content: "gw1:signed:s" },
      { type: "message", id: "msg_1", role: "assistant", status: "completed", content: [{ type: "output_text", text: "b", annotations: [] }, { type: "refusal", refusal: "no" }] },
      { type: "function_call", call_id: "1", name: "f", arguments: "{}", extra_content: { google: { thought_signature: "s" } } },
      { type: "function_call_output", call_id: "1", output: [{ type: "input_text", text: "r" }] },
    ],
    max_output_tokens: 50, temperature: 1, top_p: 1, top_logprobs: 1, include: ["message.output_text.logprobs"], user: "u", safety_identifier: "u",
    tools: [{ type: "function", name: "f", description: "d", parameters: { type: "object" }, strict: true }],
    tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "f" }] }, parallel_tool_calls: true,
    text: { format: { type: "json_schema", name: "n", schema: {}, strict: true }, verbosity: "low" },
    reasoning: { effort: "high", summary: "auto" }, stream: true, store: false, truncation: "auto", metadata: { a: "b" },
    provider: { failover_on_rate_limit: true }, prompt_cache_key: "k",
  },
}; // biome-ignore format: data

const TARGETS = [
  ["openrouter", "vendor/model"], ["openai", "gpt-5-mini"], ["mistral", "mistral-small"], ["deepseek", "deepseek-reasoner"],
  ["bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"], ["bedrock", "amazon.nova-pro-v1:0"], ["bedrock", "openai.gpt-oss-120b-1:0"],
  ["cohere", "command-a-03-2025"], ["cohere", "command-a-reasoning-08-2025"], ["google-vertex", "gemini-2.5-flash"],
  ["anthropic", "claude-sonnet-4-5"], ["anthropic", "claude-opus-4-7"], ["google-ai-studio", "gemini-3-pro"], ["google-ai-studio", "gemini-2.5-flash"],
] as const; // biome-ignore format: a table

describe.each(["openai", "anthropic", "responses"] as const)("Z3 a request of an %s client", (client) => {
  const keys = keysOf([REQUESTS[client]]);

  /** What happens to a body on its way to a provider. Only a GatewayError may come out of it. */
  const send = (text: string): void => {
    try {
      const body = parseJsonBody(text);
      if (client === "anthropic") countedBy(body);
      const call = FORMATS[client].parse(body, text);
      expect(Number.isSafeInteger(call.estimatedInputTokens)).toBe(true);
      for (const [providerId, nativeModel] of TARGETS) {
        const { provider, baseUrl, wire } = candidateOf(providerId, client);
        const { request, ignoredParameters } = wire.encode({
          provider,
          baseUrl,
          nativeModel,
          maxOutputTokens: 64_000,
          call,
        });
        expect(isJsonObject(JSON.parse(request.body ?? ""))).toBe(true);
        expect(ignoredParameters.every((name) => typeof name === "string")).toBe(true);
      }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      expect(error.message.length).toBeLessThanOrEqual(300);
    }
  };

  test("goes through as it stands", () => {
    const text = JSON.stringify(REQUESTS[client]);
    const call = FORMATS[client].parse(JSON.parse(text), text);
    expect(call.model).toBe(REQUESTS[client]["model"]);
    send(text);
  });

  test("with anything in it changed is sent or refused, nothing else", () => {
    fc.assert(
      fc.property(mutationsOf(keys), (mutations) => send(JSON.stringify(mutate(REQUESTS[client], mutations)))),
      { numRuns: RUNS },
    );
  });

  test("of any JSON, and of any text, is refused", () => {
    fc.assert(
      fc.property(jsonOf(keys), (value) => send(JSON.stringify(value))),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => send(text)),
      { numRuns: RUNS },
    );
  });
});

/** Counting tokens has a shape of its own; it too may only refuse. */
function countedBy(body: JsonObject): void {
  try {
    parseCountTokens(body);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
  }
}
