import { readFileSync } from "node:fs";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import type { Database } from "../../lib/database/tables.ts";
import { isJsonObject } from "../../lib/protocol/json.ts";
import type { ProviderDeclaration } from "../../lib/providers/provider-declaration.ts";
import { PROVIDERS, wireOf } from "../../lib/providers/provider-list.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { VENDOR_SECRET } from "../support/simulator/vendor-errors.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

/** Wires of one provider alone have suites of their own. */
const COMMON_WIRES: readonly string[] = ["openai", "anthropic", "gemini"];

/**
 * Every provider end to end: the real gateway over HTTP against the simulator in that provider's stead, at its own path,
 * with its own key and its own habits (test/support/simulator/openai-flavours.ts names their sources).
 */
const CHATTING = PROVIDERS.filter(
  ({ id, capabilities, wire }) =>
    id !== "gangway" && capabilities.includes("chat") && (wire === undefined || COMMON_WIRES.includes(wire)),
);

/** What the product's list says of each, not read from the declarations. */
const LISTED = new Map(
  z
    .array(
      z.object({
        slug: z.string(),
        baseUrl: z.string().nullable(),
        auth: z.tuple([z.string().nullable(), z.string().nullable()]),
        models: z.array(z.tuple([z.string(), z.string()])),
      }),
    )
    .parse(JSON.parse(readFileSync("test/fixtures/providers/providers.json", "utf8")))
    .map((listed) => [listed.slug, listed]),
);

/** The header that a provider's key goes into, and the path that a chat goes to, in each format that it speaks. */
interface Expected {
  readonly header: string;
  readonly value: string;
  readonly path: string;
}

const CHAT_PATHS = { openai: "/chat/completions", anthropic: "/messages" } as const;
/** Where another format of theirs takes its key, and at which path, by their documentation (see the declarations). */
const ANTHROPIC: Readonly<Record<string, readonly [header: string, path: string]>> = {
  deepseek: ["x-api-key", "/anthropic/v1/messages"],
  fireworks: ["authorization", "/inference/v1/messages"],
  minimax: ["authorization", "/anthropic/v1/messages"],
  moonshot: ["authorization", "/anthropic/v1/messages"],
  openrouter: ["authorization", "/api/v1/messages"],
  "vercel-ai-gateway": ["authorization", "/v1/messages"],
  xiaomi: ["authorization", "/anthropic/v1/messages"],
  zai: ["authorization", "/api/anthropic/v1/messages"],
};

function expectedOf(provider: ProviderDeclaration, nativeModel: string, stream: boolean): Expected {
  const listed = LISTED.get(provider.id);
  const base = (listed?.baseUrl ?? "https://provider.example/v1").replace(/[{}]/g, "");
  // Its one deployment has no path; the simulator gives it one, as an operator would.
  const root = provider.baseUrl === null ? "/v1" : new URL(base).pathname.replace(/\/$/, "");
  if (wireOf(provider).name === "gemini") {
    const method = stream ? "streamGenerateContent" : "generateContent";
    return { header: "x-goog-api-key", value: keyOf(provider), path: `${root}/models/${nativeModel}:${method}` };
  }
  const [header = "Authorization", format = "Bearer <key>"] = listed?.auth ?? [];
  const path = CHAT_PATHS[wireOf(provider).name === "anthropic" ? "anthropic" : "openai"];
  return {
    header: (header ?? "Authorization").toLowerCase(),
    value: (format ?? "Bearer <key>").replace("<key>", keyOf(provider)),
    path: root + path,
  };
}

const keyOf = ({ id }: ProviderDeclaration) => `key-of-${id}`;
const modelOf = ({ id }: ProviderDeclaration) => `conformance/${id}`;
/** The product's example of what a provider calls a model, or what stands for one. */
const nativeOf = ({ id }: ProviderDeclaration) => LISTED.get(id)?.models[0]?.[1] ?? "Vendor/Model-1.5";

const INPUT_PER_MILLION = 1_000_000_000n;
const OUTPUT_PER_MILLION = 4_000_000_000n;

/** A model of each provider that nobody else has. */
async function insertModels(database: Kysely<Database>): Promise<void> {
  const rows = CHATTING.map((provider) => ({
    id: modelOf(provider),
    provider: provider.id,
    native: nativeOf(provider),
  }));
  const given = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as m(id text, provider text, native text)`;
  await sql`insert into model (id, name, context_length, max_output_tokens, modality, capabilities)
    select m.id, m.id, 100000, 8000, 'text->text', '["tools"]'::jsonb from ${given}`.execute(database);
  await sql`insert into model_price (version, input, output)
    select m.id, ${INPUT_PER_MILLION}, ${OUTPUT_PER_MILLION} from ${given}`.execute(database);
  await sql`insert into model_offer (model_id, provider, native_model, price_version)
    select m.id, m.provider, m.native, m.id from ${given}`.execute(database);
}

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({
    simulator,
    providers: CHATTING.map(({ id }) => id),
    environment: {
      RATE_LIMIT_WAIT_MS: "1",
      OPENROUTER_SITE_URL: "https://site.example",
      OPENROUTER_SITE_NAME: "The Site",
      AIHUBMIX_APP_CODE: "APP1",
    },
  });
  await insertModels(gateway.stores.database);
}, 60_000);
afterAll(async () => {
  expect(await gateway.checkLedger()).toEqual([]);
  await gateway.stop();
  await simulator.close();
});

const messages = [{ role: "user", content: "hello" }];
const chat = (provider: ProviderDeclaration, more: object = {}) =>
  gateway.post("/v1/chat/completions", { model: modelOf(provider), messages, max_tokens: 200, ...more });
const message = (provider: ProviderDeclaration, more: object = {}) =>
  gateway.post("/v1/messages", { model: modelOf(provider), messages, max_tokens: 200, ...more });

/** Headers that name the operator to a provider, where he has said how. */
const NAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  openrouter: { "http-referer": "https://site.example", "x-title": "The Site" },
  aihubmix: { "app-code": "APP1" },
};

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; readonly finish_reason?: string }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly cost: number } | null;
}

function chunksOf(text: string): readonly Chunk[] {
  const data = text.split("\n").flatMap((line) => (line.startsWith("data: {") ? [line.slice(6)] : []));
  return data.map((each) => JSON.parse(each));
}

/** Names of all members, wherever they are in `value`. */
function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  return isJsonObject(value) ? Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)]) : [];
}

/** What may be in a chat completion or its chunks: OpenAI's members, those that OpenRouter's clients read, and the cost. */
const COMPLETION_MEMBERS = new Set(
  `id object created model choices usage service_tier system_fingerprint obfuscation
  index message delta finish_reason native_finish_reason logprobs role content refusal annotations reasoning
  reasoning_content reasoning_details type text tool_calls
  prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details cost
  cached_tokens cache_write_tokens audio_tokens reasoning_tokens accepted_prediction_tokens rejected_prediction_tokens
  prompt_cache_hit_tokens`.split(/\s+/),
);
/** What a search is for stays in its answer. */
const SEARCH_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  perplexity: ["citations", "search_results", "title", "url", "date"],
};
const strangeNames = ({ id }: ProviderDeclaration, value: unknown) =>
  namesIn(value).filter((name) => !COMPLETION_MEMBERS.has(name) && SEARCH_MEMBERS[id]?.includes(name) !== true);

describe.each(CHATTING.map((provider) => [provider.id, provider] as const))("%s", (_, provider) => {
  const answer = "You said: hello";

  test("CM-18.2 CM-18.3 is asked at its own address, with its own key and its own name of the model", async () => {
    for (const stream of [false, true]) {
      const reply = await chat(provider, { stream });
      await reply.text();
      expect([reply.status, reply.headers.get("x-gateway-provider")]).toEqual([200, provider.id]);
      const sent = simulator.log.last;
      const { header, value, path } = expectedOf(provider, nativeOf(provider), stream);
      expect(sent.path).toBe(`/${provider.id}${path}`);
      if (provider.apiKeyVariable !== null) expect(sent.headers[header]).toBe(value);
      expect(sent.query).not.toContain("key");
      expect(sent.model).toBe(nativeOf(provider));
      expect(sent.headers).toMatchObject(NAMED[provider.id] ?? {});
    }
  });

  test("an OpenAI client gets a whole reply: text, finish, usage, the right price", async () => {
    await gateway.settled();
    const before = await gateway.balance();
    const reply = await chat(provider);
    const body = await reply.json();
    expect(body).toMatchObject({
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
    });
    const { prompt_tokens: input, completion_tokens: output, cost } = body.usage;
    expect([input > 0, output > 0]).toEqual([true, true]);
    const nanoUsd = (BigInt(input) * INPUT_PER_MILLION + BigInt(output) * OUTPUT_PER_MILLION) / 1_000_000n;
    expect(cost).toBeCloseTo(Number(nanoUsd) / 1e9, 12);
    await gateway.settled();
    expect(before - (await gateway.balance())).toBe(nanoUsd);
  });

  test("an OpenAI client gets a stream: the same text, one end, usage because it asked", async () => {
    const text = await (await chat(provider, { stream: true, stream_options: { include_usage: true } })).text();
    const chunks = chunksOf(text);
    const content = chunks.flatMap(({ choices = [] }) => choices.map(({ delta }) => delta?.content ?? ""));
    expect(content.join("")).toBe(answer);
    const ends = chunks.flatMap(({ choices = [] }) => choices.flatMap(({ finish_reason: end }) => end ?? []));
    expect(ends).toEqual(["stop"]);
    const usage = chunks.findLast((chunk) => isJsonObject(chunk.usage))?.usage;
    const { usage: whole } = await (await chat(provider)).json();
    expect(usage).toMatchObject({
      prompt_tokens: whole.prompt_tokens,
      completion_tokens: whole.completion_tokens,
      cost: whole.cost,
    });
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(text.match(/\[DONE\]/g)).toHaveLength(1);
  });

  test("an Anthropic client gets a whole reply and a stream", async () => {
    const whole = await (await message(provider)).json();
    expect(whole).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn" });
    // A model that reasons says what it thinks first.
    expect(whole.content.at(-1)).toMatchObject({ type: "text", text: answer });
    expect([whole.usage.input_tokens > 0, whole.usage.output_tokens > 0]).toEqual([true, true]);
    const sent = simulator.log.last;
    const spoken = ANTHROPIC[provider.id];
    if (spoken !== undefined) {
      const [header, path] = spoken;
      expect([sent.wire, sent.path]).toEqual(["anthropic", `/${provider.id}${path}`]);
      expect(sent.headers[header]).toBe(`${header === "authorization" ? "Bearer " : ""}${keyOf(provider)}`);
    }
    expect(sent.model).toBe(nativeOf(provider));
    const streamed = await (await message(provider, { stream: true })).text();
    const deltas = [...streamed.matchAll(/"text_delta","text":("(?:[^"\\]|\\.)*")/g)].map(([, text = ""]) =>
      JSON.parse(text),
    );
    expect(deltas.join("")).toBe(answer);
    expect(streamed.match(/^event: message_stop$/gm)).toHaveLength(1);
  });

  test("CM-10.3.1 CM-10.3.2 what it adds to a reply or a stream does not reach the client", async () => {
    expect(strangeNames(provider, await (await chat(provider)).json())).toEqual([]);
    const streamed = await (await chat(provider, { stream: true, stream_options: { include_usage: true } })).text();
    expect(strangeNames(provider, chunksOf(streamed))).toEqual([]);
  });

  test("fields that it would refuse stay here and are named; others get its own names", async () => {
    const fields = {
      logit_bias: { "1": 1 }, logprobs: true, seed: 1, user: "u", top_logprobs: 1, frequency_penalty: 1,
      presence_penalty: 1, service_tier: "auto", parallel_tool_calls: true, stop: ["never"],
    }; // biome-ignore format: a table
    const reply = await gateway.post("/v1/chat/completions", {
      model: modelOf(provider), messages, max_completion_tokens: 200, ...fields,
    }); // biome-ignore format: a line
    expect(reply.status).toBe(200);
    const ignored = (reply.headers.get("x-gateway-ignored-parameters") ?? "").split(", ");
    const { body } = simulator.log.last;
    for (const field of provider.drop ?? []) {
      expect(body[field]).toBeUndefined();
      if (field in fields) expect(ignored).toContain(field);
    }
    for (const [from, to] of Object.entries(provider.rename ?? {})) {
      expect([body[from], body[to]]).toEqual([undefined, from === "seed" ? 1 : 200]);
    }
  });

  test.each([
    [401, 502, "provider_error"],
    [429, 429, "provider_rate_limited"],
    [400, 400, "provider_rejected_request"],
    [500, 502, "provider_error"],
  ])("its %i is our %i %s, and nothing of it leaks", async (theirs, ours, code) => {
    await gateway.settled();
    const before = await gateway.balance();
    simulator.script.always(provider.id, fault.status(theirs));
    const reply = await chat(provider);
    const text = await reply.text();
    simulator.reset();
    expect([reply.status, JSON.parse(text).error.code]).toEqual([ours, code]);
    expect(text).not.toContain(VENDOR_SECRET);
    expect(text).not.toContain(keyOf(provider));
    await gateway.settled();
    expect(await gateway.balance()).toBe(before);
    await gateway.resetBreakers();
  });
});
