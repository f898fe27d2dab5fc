import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SecretBox } from "../../lib/accounts/secret-box.ts";
import { storeResponse } from "../../lib/responses/response-store.ts";
import { createTestApp, get, post } from "../http/test-app.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({
    simulator,
    environment: { ENCRYPTION_KEYS: `first:${Buffer.alloc(32, 7).toString("base64")}` },
    providers: ["openai", "anthropic", "google-ai-studio", "openrouter", "groq"],
  });
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

const MODELS = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash"];
const ask = (model: string, more: object = {}) =>
  gateway.post("/v1/responses", { model, input: "Say hello.", max_output_tokens: 100, ...more });
const read = (path: string, key = gateway.key, method = "GET") =>
  fetch(`${gateway.url}${path}`, { method, headers: { authorization: `Bearer ${key}` } });

describe.each(MODELS)("a response of %s", (model) => {
  test("CM-10.3.1 has the same members whoever serves it", async () => {
    const members = async (asked: string) => Object.keys(await (await ask(asked)).json()).sort();
    expect(await members(model)).toEqual(await members("openai/gpt-4o-mini"));
  });
  test("CM-14.3 is charged by the provider's usage, and tells the cost in it and in the header", async () => {
    const before = await gateway.balance();
    const reply = await ask(model);
    const { usage } = await reply.json();
    await gateway.settled();
    expect(usage.cost).toBeGreaterThan(0);
    expect(reply.headers.get("x-gateway-cost")).toBe(usage.cost.toString());
    expect(before - (await gateway.balance())).toBe(BigInt(Math.round(usage.cost * 1e9)));
  });
  test.each([false, true])(
    "CM-14.2 is estimated where the provider reports no usage (streamed: %s)",
    async (stream) => {
      const [provider = ""] = { openai: ["openai"], anthropic: ["anthropic"], google: ["google-ai-studio"] }[
        model.split("/")[0] ?? ""
      ] ?? [""];
      simulator.next(provider, fault.usage({ kind: "none" }));
      const reply = await ask(model, { stream });
      const text = await reply.text();
      const last = stream ? JSON.parse(text.slice(text.lastIndexOf("data: ") + 6)).response : JSON.parse(text);
      // `You said: Say hello.` is 20 characters.
      expect(last.usage).toMatchObject({ output_tokens: 5 });
      expect(last.usage.cost).toBeGreaterThan(0);
    },
  );
  test("a failure before the first word goes elsewhere, or is a status of its own", async () => {
    for (const provider of ["openai", "anthropic", "google-ai-studio"]) simulator.next(provider, fault.status(503));
    const reply = await ask(model, { stream: true });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-gateway-provider")).toBe("openrouter");
    expect(await reply.text()).toContain("event: response.completed");
  });
});

describe("tools that run at a provider", () => {
  const tools = [{ type: "web_search" }];
  test("are passed to one that speaks responses", async () => {
    const { output } = await (await ask("openai/gpt-4o-mini", { tools })).json();
    expect(output[0].type).toBe("web_search_call");
    const streamed = await (await ask("openai/gpt-4o-mini", { tools, stream: true })).text();
    expect(streamed).toContain("event: response.web_search_call.searching");
  });
  test("are refused for another, before anything is held", async () => {
    const reply = await ask("anthropic/claude-sonnet-4.5", { tools });
    expect(reply.status).toBe(400);
    const { error } = await reply.json();
    expect(error).toMatchObject({ code: "unsupported_parameter", param: "tools[0].type" });
    expect(error.message).toContain("web_search");
    expect(simulator.log.all).toHaveLength(0);
  });
});

describe("stored responses", () => {
  test("B101 are another account's for nobody", async () => {
    const { id } = await (await ask("openai/gpt-4o-mini")).json();
    await gateway.settled();
    const other = await gateway.register("5");
    for (const [path, method] of [
      [`/v1/responses/${id}`, "GET"],
      [`/v1/responses/${id}/input_items`, "GET"],
      [`/v1/responses/${id}`, "DELETE"],
    ] as const) {
      const reply = await read(path, other.key, method);
      expect(reply.status).toBe(404);
      expect((await reply.json()).error).toMatchObject({ code: "not_found", param: "response_id" });
    }
    const going = await gateway.post(
      "/v1/responses",
      { model: "openai/gpt-4o-mini", input: "On", previous_response_id: id },
      { authorization: `Bearer ${other.key}` },
    );
    expect(going.status).toBe(400);
    expect((await going.json()).error.code).toBe("previous_response_not_found");
    expect((await read(`/v1/responses/${id}`)).status).toBe(200);
  });

  test("are sealed: the database does not tell what was said", async () => {
    const { id } = await (await ask("anthropic/claude-sonnet-4.5", { input: "PROMPTCANARY" })).json();
    await gateway.settled();
    const { rows } = await sql<{ content: string }>`select content from stored_response where id = ${id}`.execute(
      gateway.stores.database,
    );
    expect(rows[0]?.content).toMatch(/^first\./);
    expect(JSON.stringify(rows)).not.toContain("PROMPTCANARY");
    expect(await (await read(`/v1/responses/${id}/input_items`)).text()).toContain("PROMPTCANARY");
  });

  test("are deleted by the sweep after 30 days", async () => {
    const { id } = await (await ask("openai/gpt-4o-mini")).json();
    await gateway.settled();
    const age = (days: number) =>
      sql`update stored_response set created_at = now() - make_interval(days => ${days}::int) where id = ${id}`.execute(
        gateway.stores.database,
      );
    await age(29);
    await gateway.sweep();
    expect((await read(`/v1/responses/${id}`)).status).toBe(200);
    await age(31);
    expect(await gateway.sweep()).toMatchObject({ expiredResponses: 1 });
    expect((await read(`/v1/responses/${id}`)).status).toBe(404);
  });

  test("C4 reading one costs nothing", async () => {
    const { id } = await (await ask("openai/gpt-4o-mini")).json();
    await gateway.settled();
    const before = await gateway.balance();
    for (let time = 0; time < 3; time++) await read(`/v1/responses/${id}`);
    await gateway.settled();
    expect(await gateway.balance()).toBe(before);
  });

  test("a conversation goes on at another vendor's model", async () => {
    let previous: string | null = null;
    for (const [turn, model] of [...MODELS, ...MODELS].entries()) {
      const reply: Response = await ask(model, { input: `Turn ${turn}`, previous_response_id: previous });
      const { id, previous_response_id: told, output } = await reply.json();
      expect(reply.status).toBe(200);
      expect(told).toBe(previous);
      expect(output.at(-1).content[0].text).toBe(`You said: Turn ${turn}`);
      previous = id;
      for (let earlier = 0; earlier <= turn; earlier++) {
        expect(simulator.log.last.text).toContain(`You said: Turn ${earlier}`.slice(earlier === turn ? 10 : 0));
      }
    }
  });

  test("items are found by their ids", async () => {
    const { output } = await (await ask("anthropic/claude-sonnet-4.5", { input: "Remember" })).json();
    const reference = { type: "item_reference", id: output[0].id };
    await gateway.settled();
    const reply = await ask("google/gemini-2.5-flash", {
      input: [{ role: "user", content: "Remember" }, reference, { role: "user", content: "And?" }],
    });
    expect(reply.status).toBe(200);
    expect(simulator.log.last.text).toContain("You said: Remember");
    const unknown = await ask("google/gemini-2.5-flash", { input: [{ ...reference, id: "msg_none" }] });
    expect((await unknown.json()).error).toMatchObject({ code: "invalid_value", param: "input[0].id" });
  });

  test("B99 pages: bad limits and cursors", async () => {
    const { id } = await (await ask("openai/gpt-4o-mini")).json();
    await gateway.settled();
    const refused = async (query: string) =>
      (await (await read(`/v1/responses/${id}/input_items?${query}`)).json()).error;
    expect(await refused("limit=0")).toMatchObject({ code: "out_of_range", param: "limit" });
    expect(await refused("limit=1000000000")).toMatchObject({ code: "out_of_range", param: "limit" });
    expect(await refused("after=msg_forged")).toMatchObject({ code: "invalid_value", param: "after" });
    expect(await refused("order=up")).toMatchObject({ code: "invalid_enum", param: "order" });
  });

  test("one that was cut is kept as incomplete, one that failed is not kept", async () => {
    simulator.next("anthropic", fault.errorEvent(3, 503));
    const failed = await (await ask("anthropic/claude-sonnet-4.5", { stream: true, input: "count to 9" })).text();
    const end = JSON.parse(failed.slice(failed.lastIndexOf("data: ") + 6));
    expect(end).toMatchObject({ type: "response.failed", response: { status: "failed" } });
    await gateway.settled();
    expect((await read(`/v1/responses/${end.response.id}`)).status).toBe(404);
    const { id, status } = await (
      await ask("anthropic/claude-sonnet-4.5", { input: "count to 50", max_output_tokens: 4 })
    ).json();
    expect(status).toBe("incomplete");
    await gateway.settled();
    expect(await (await read(`/v1/responses/${id}`)).json()).toMatchObject({ status: "incomplete" });
  });
});

describe("without Postgres", () => {
  test("a response is answered, and the next one says that it may not be kept; going on and reading are refused", async () => {
    const app = await createTestApp();
    const headers = { authorization: `Bearer ${app.key}` };
    const body = { model: "openai/gpt-4o-mini", input: "hi" };
    app.setUpstreamReply(NATIVE_REPLY);
    const first = await app.fetch(post("/v1/responses", body, headers));
    expect(first.status).toBe(200);
    await app.settle();
    app.breakDatabase(true);
    const blind = await app.fetch(post("/v1/responses", body, headers));
    expect(blind.status).toBe(200);
    await app.settle();
    const told = await app.fetch(post("/v1/responses", body, headers));
    expect(told.status).toBe(200);
    expect(told.headers.get("x-degraded")).toContain("storage");
    await app.settle();
    const calls = app.upstreamCalls.length;
    for (const request of [
      post("/v1/responses", { ...body, previous_response_id: "resp_00000001" }, headers),
      get("/v1/responses/resp_00000001", headers),
      get("/v1/responses/resp_00000001/input_items", headers),
    ]) {
      const refused = await app.fetch(request);
      expect(refused.status).toBe(503);
      expect((await refused.json()).error.code).toBe("storage_unavailable");
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(app.upstreamCalls).toHaveLength(calls);
    app.breakDatabase(false);
  });
});

test("what is too large is not kept", async () => {
  const access = { database: gateway.stores.database, secrets: new SecretBox([]) };
  const stored = { id: "resp_large", input: [{ type: "message", content: "x".repeat(9_000_000) }], responseText: "{}" };
  expect(await storeResponse(access, gateway.accountId, stored, Date.now())).toBe(false);
});

const NATIVE_REPLY = JSON.stringify({
  id: "resp_00000001",
  object: "response",
  status: "completed",
  model: "gpt-4o-mini",
  output: [{ id: "msg_1", type: "message", role: "assistant", content: [{ type: "output_text", text: "hello" }] }],
  usage: { input_tokens: 5, output_tokens: 1, total_tokens: 6 },
});
