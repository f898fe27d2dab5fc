import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { nativeModelOf } from "../../lib/catalog/native-ids.ts";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { createTestApp, get, post, type TestApp } from "../http/test-app.ts";

const KEYED = ["openai", "anthropic", "openrouter", "groq", "together", "deepinfra", "deepseek"];
const setting = { apiKeys: ["sk-provider-canary-0123456789"], baseUrl: null, variables: {} };
const LLAMA = "meta-llama/llama-3.3-70b-instruct";

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp({ providers: Object.fromEntries(KEYED.map((id) => [id, setting])) });
});

interface Asked {
  readonly status: number;
  readonly error: { readonly code: string; readonly param: string; readonly message: string } | undefined;
  readonly usage:
    | { readonly cost: number; readonly prompt_tokens: number; readonly completion_tokens: number }
    | undefined;
  /** The hosts that were asked, in order, and what each was asked for. */
  readonly hosts: readonly string[];
  readonly models: readonly unknown[];
  readonly bodies: readonly string[];
}

async function ask(model: string, more: object = {}, path = "/v1/chat/completions"): Promise<Asked> {
  const before = app.upstreamCalls.length;
  const body = { model, max_tokens: 3_000, messages: [{ role: "user", content: "hi" }], ...more };
  const reply = await app.fetch(post(path, body, { "x-api-key": app.key }));
  const { error, usage } = (await reply.json()) as Partial<Pick<Asked, "error" | "usage">>;
  await app.settle();
  const calls = app.upstreamCalls.slice(before);
  const bodies = calls.map((call) => String(call.body));
  return {
    status: reply.status,
    error,
    usage,
    hosts: calls.map(({ url }) => new URL(url).hostname),
    models: bodies.map((text) => JSON.parse(text).model),
    bodies,
  };
}

async function addModel(id: string, offers: readonly { provider: string; native: string; price: number }[]) {
  const { database } = app.ports;
  await sql`insert into model (id, name, context_length, modality, capabilities, open_weights)
    values (${id}, ${id}, 100000, 'text->text', '[]'::jsonb, false)`.execute(database);
  for (const { provider, native, price } of offers) {
    const version = `test:${provider}:${id}`;
    await sql`insert into model_price (version, input, output) values (${version}, ${price}, ${price})`.execute(
      database,
    );
    await sql`insert into model_offer (model_id, provider, native_model, price_version)
      values (${id}, ${provider}, ${native}, ${version})`.execute(database);
  }
}

describe("who is asked, and by which id", () => {
  test.each([
    [`groq/${LLAMA}`, "api.groq.com", "llama-3.3-70b-versatile"],
    [`together/${LLAMA}`, "api.together.xyz", "meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ["together_ai/llama-3.3-70b", "api.together.xyz", "meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ["openrouter/gpt-4o", "openrouter.ai", "openai/gpt-4o"],
    ["GPT-4o", "api.openai.com", "gpt-4o"],
    // Set for the id (CM-3.5), before the vendor itself.
    ["deepseek/deepseek-chat", "openrouter.ai", "deepseek/deepseek-chat"],
  ])("CM-3.9 %s is asked of %s", async (name, host, native) => {
    const { status, hosts, models } = await ask(name);
    expect(status).toBe(200);
    expect([hosts, models]).toEqual([[host], [native]]);
  });

  test("CM-3.9 a pinned provider that the catalog has no offer of is asked by its convention, at the default price", async () => {
    const model = seedModels().find(
      ({ id, openWeights, offers, capabilities }) =>
        openWeights && !id.includes(":") && capabilities.length > 0 && nativeModelOf("deepinfra", { id, offers }) !== null &&
        !offers.some(({ provider }) => provider === "deepinfra"),
    ); // biome-ignore format: one condition a line would hide the last
    if (model === undefined) throw new Error("The seed has an offer of DeepInfra for every open model.");
    const { status, hosts, models, usage } = await ask(`deepinfra/${model.id}`);
    expect([status, hosts, models]).toEqual([200, ["api.deepinfra.com"], [nativeModelOf("deepinfra", model)]]);
    // 0.00002 USD a token, whatever it is of.
    expect(usage?.cost).toBeCloseTo(0.000_02 * ((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0)), 12);
    // Without the pin it takes no part.
    expect((await ask(model.id)).hosts).not.toContain("api.deepinfra.com");
  });

  test("CM-3.7 an operator's new model is asked first of the provider that suits its organisation", async () => {
    const offers = ["openrouter", "groq", "deepinfra"].map((provider) => ({
      provider,
      native: `${provider}-x`,
      price: 1_000,
    }));
    await addModel("groq/brand-new", offers);
    expect((await ask("groq/brand-new")).models).toEqual(["groq-x"]);
    await addModel("Acme/Brand-New", offers.toReversed());
    expect((await ask("Acme/Brand-New")).models).toEqual(["openrouter-x"]);
  });

  test("CM-3.10 an unknown name is passed on in its own case, and refused with what it may have been", async () => {
    expect(await ask("Acme/Brand-NEW")).toMatchObject({ status: 404, hosts: [], error: { code: "model_not_found" } });
    const { error, hosts } = await ask("claude-sonet-4.5");
    expect([error?.code, hosts]).toEqual(["model_not_found", []]);
    expect(error?.message).toContain("anthropic/claude-sonnet-4.5");
  });
});

describe("suffixes", () => {
  test(":free is served by an offer that costs nothing, and by no other", async () => {
    expect(await ask("llama-3.3-70b:free")).toMatchObject({
      status: 200,
      hosts: ["openrouter.ai"],
      models: [`${LLAMA}:free`],
    });
    const { status, error, hosts } = await ask("openai/gpt-4o:free");
    expect([status, error?.code, hosts]).toEqual([404, "model_not_found", []]);
    await addModel("acme/half-free", [
      { provider: "openrouter", native: "paid", price: 5_000 },
      { provider: "groq", native: "gratis", price: 0 },
    ]);
    expect((await ask("acme/half-free")).models).toEqual(["paid"]);
    expect((await ask("acme/half-free:free")).models).toEqual(["gratis"]);
  });

  test.each(["online", "extended"])(
    ":%s is refused without an entry of its own, and served with one",
    async (suffix) => {
      expect(await ask(`openai/gpt-4o:${suffix}`)).toMatchObject({
        status: 400,
        hosts: [],
        error: { code: "unsupported_suffix", param: "model" },
      });
      const id = `openai/gpt-4o-mini:${suffix}`;
      await addModel(id, [{ provider: "openrouter", native: id, price: 7_000_000 }]);
      expect(await ask(id)).toMatchObject({ status: 200, hosts: ["openrouter.ai"], models: [id] });
      expect(await ask(`no/such:${suffix}`)).toMatchObject({ status: 404 });
    },
  );

  test(":exacto is asked of OpenRouter alone, by that name", async () => {
    expect(await ask("deepseek/deepseek-r1:exacto")).toMatchObject({
      status: 200,
      hosts: ["openrouter.ai"],
      models: ["deepseek/deepseek-r1:exacto"],
    });
  });

  test(":thinking switches thinking on in the client's own format, unless the request speaks of it", async () => {
    const [chat = ""] = (await ask("openai/gpt-5:thinking")).bodies;
    expect(JSON.parse(chat)).toMatchObject({ model: "gpt-5", reasoning_effort: "medium" });
    const [own = ""] = (await ask("openai/gpt-5:thinking", { reasoning_effort: "low" })).bodies;
    expect(JSON.parse(own)).toMatchObject({ reasoning_effort: "low" });
    const [message = ""] = (await ask("anthropic/claude-sonnet-4.5:thinking", {}, "/v1/messages")).bodies;
    expect(JSON.parse(message)).toMatchObject({
      thinking: { type: "enabled", budget_tokens: 1_976 },
      max_tokens: 3_000,
    });
    const [newer = ""] = (await ask("anthropic/claude-opus-4.8:thinking", {}, "/v1/messages")).bodies;
    expect(JSON.parse(newer)).toMatchObject({ thinking: { type: "adaptive" } });
    const off = { thinking: { type: "disabled" } };
    const [disabled = ""] = (await ask("anthropic/claude-sonnet-4.5:thinking", off, "/v1/messages")).bodies;
    expect(JSON.parse(disabled)).toMatchObject(off);
  });

  test(":thinking is refused by a model that cannot, and where there is no room for a thought", async () => {
    const refused = await ask("openai/gpt-4o:thinking");
    expect([refused.status, refused.error?.code]).toEqual([400, "unsupported_suffix"]);
    const tight = await ask("anthropic/claude-sonnet-4.5:thinking", { max_tokens: 100 }, "/v1/messages");
    expect([tight.status, tight.hosts]).toEqual([400, []]);
    expect(tight.error?.message).toContain("max_tokens");
  });

  test("a model whose variant nobody can look up at the moment stands in for it", async () => {
    const model = "deepseek/deepseek-r1-0528:exacto";
    await ask("deepseek/deepseek-r1-0528");
    app.breakDatabase(true);
    const reply = await ask(model);
    app.breakDatabase(false);
    expect(reply.models).toEqual([model]);
  });
});

describe("GET /v1/models/…", () => {
  test.each([
    ["gpt-4o", "openai/gpt-4o"],
    ["~anthropic/claude-sonnet-latest", "anthropic/claude-sonnet-5"],
    ["~openai%2Fgpt-latest", "openai/gpt-5.5"],
    ["openai/gpt-4o:floor", "openai/gpt-4o"],
    [`groq%2F${encodeURIComponent(LLAMA)}`, LLAMA],
    ["meta-llama/llama-3.3-70b-instruct:free", `${LLAMA}:free`],
  ])("%s is %s", async (path, id) => {
    const reply = await app.fetch(get(`/v1/models/${path}`));
    expect([reply.status, await reply.json()]).toMatchObject([200, { id }]);
  });

  test("a suffix that cannot be is refused as in a call", async () => {
    const reply = await app.fetch(get("/v1/models/openai/gpt-4o:online"));
    expect([reply.status, await reply.json()]).toMatchObject([400, { error: { code: "unsupported_suffix" } }]);
  });
});
