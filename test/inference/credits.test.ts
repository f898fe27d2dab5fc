import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { seedModels } from "../../lib/catalog/seed-models.ts";
import { formatUsd } from "../../lib/money/nano-usd.ts";
import { fault } from "../support/simulator/fault.ts";
import { type Simulator, startSimulator } from "../support/simulator/start-simulator.ts";
import { startGateway, type TestGateway } from "../support/start-gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ simulator, providers: ["openai", "anthropic", "openrouter", "together"] });
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

const message = { role: "user", content: "Say hello." };
const chat = (key: string, more: object = {}) =>
  gateway.post(
    "/v1/chat/completions",
    { model: "openai/gpt-4o-mini", messages: [message], ...more },
    { authorization: `Bearer ${key}` },
  );
const settledBalance = async (accountId?: string) => {
  await gateway.settled();
  return gateway.balance(accountId);
};

describe("pre-flight", () => {
  test("CM-6.3.1 CM-6.3.4 B92 a call that could cost more than the balance gets 402, and no provider hears of it", async () => {
    const poor = await gateway.register("0.001");
    const reply = await chat(poor.key, { max_tokens: 16_000 });
    expect(reply.status).toBe(402);
    const { error } = await reply.json();
    expect(error.code).toBe("insufficient_credits");
    expect(error.message).toMatch(
      /may cost \$0\.0096\d* and \$0\.001 is available, enough for about 1666 output tokens/,
    );
    expect(simulator.log.all).toHaveLength(0);
    expect(await gateway.transactions(poor.accountId)).toHaveLength(1); // the credit it was given
  });

  test("CM-6.3.4 no provider is called when the pre-flight check fails, streamed or not", async () => {
    const broke = await gateway.register("0");
    for (const stream of [false, true]) expect((await chat(broke.key, { stream })).status).toBe(402);
    expect(simulator.log.all).toHaveLength(0);
  });

  test("CM-6.3.2 the estimate is the prompt's price plus max_tokens, or the model's default, at the completion price", async () => {
    // gpt-4o-mini: $0.60 per million output tokens; its default cap is 16,384.
    const enoughForDefault = await gateway.register("0.0100");
    expect((await chat(enoughForDefault.key)).status).toBe(200);
    const tooLittle = await gateway.register("0.0098");
    expect((await chat(tooLittle.key)).status).toBe(402);
    expect((await chat(tooLittle.key, { max_tokens: 16_000 })).status).toBe(200);
  });

  test("CM-6.3.3 with enough credit the call goes through", async () => {
    const account = await gateway.register("0.01");
    expect((await chat(account.key, { max_tokens: 100 })).status).toBe(200);
    expect(simulator.log.all).toHaveLength(1);
  });
});

describe("charges", () => {
  test("CM-6.4.1 CM-6.4.2 each call is charged once, under its own id", async () => {
    const before = await settledBalance();
    const costs: bigint[] = [];
    for (let call = 0; call < 3; call++) {
      const { usage } = await (await chat(gateway.key, { max_tokens: 50 })).json();
      costs.push(BigInt(Math.round(usage.cost * 1e9)));
    }
    expect(before - (await settledBalance())).toBe(costs.reduce((sum, cost) => sum + cost, 0n));
    const settles = (await gateway.transactions()).filter(({ kind }) => kind === "settle");
    expect(new Set(settles.map(({ requestId }) => requestId)).size).toBe(settles.length);
  });

  test("CM-6.2.1 CM-6.2.2 the allowance is used first, purchased credit for the rest of the same charge", async () => {
    const account = await gateway.register("1");
    await sql`select ledger_set_allowance(${account.accountId}, '2026-11', 1)`.execute(gateway.stores.database);
    await (await chat(account.key, { max_tokens: 50 })).json();
    await gateway.settled();
    const [charge] = await gateway.transactions(account.accountId);
    const { rows } = await sql<{ allowance: string; from_allowance: string; from_purchased: string }>`
      select c.allowance, t.from_allowance, t.from_purchased from credit_account c
      join credit_transaction t on t.key = ${charge?.key ?? ""} where c.account_id = ${account.accountId}`.execute(
      gateway.stores.database,
    );
    expect(rows[0]).toMatchObject({ allowance: "0", from_allowance: "1" });
    expect(BigInt(rows[0]?.from_purchased ?? 0)).toBe((charge?.amountNanoUsd ?? 0n) - 1n);
  });

  test("x-gateway-cost, usage.cost and the ledger say the same", async () => {
    const reply = await chat(gateway.key, { max_tokens: 50 });
    const { usage } = await reply.json();
    await gateway.settled();
    const [charge] = await gateway.transactions();
    expect(reply.headers.get("x-gateway-cost")).toBe(formatUsd(charge?.amountNanoUsd ?? 0n));
    expect(String(usage.cost)).toBe(String(Number(reply.headers.get("x-gateway-cost"))));
  });
});

describe("what a customer does not pay for", () => {
  test.each([500, 502, 503])("CM-6.5.1 a provider's %i gives the credit back", async (status) => {
    const before = await settledBalance();
    for (const provider of ["openai", "openrouter"]) simulator.next(provider, fault.status(status));
    expect((await chat(gateway.key)).status).toBeGreaterThanOrEqual(500);
    expect(await settledBalance()).toBe(before);
  });

  test("CM-6.5.3 R5 a stream that ends without content costs nothing", async () => {
    const before = await settledBalance();
    simulator.next("openai", fault.says(""));
    const reply = await chat(gateway.key, { stream: true });
    expect(await reply.text()).toContain("[DONE]");
    expect(await settledBalance()).toBe(before);
  });

  test("CM-6.5.4 a refused request is not charged, so there is nothing to refund", async () => {
    const before = (await gateway.transactions()).length;
    expect((await chat(gateway.key, { temperature: 5 })).status).toBe(400);
    await gateway.settled();
    expect(await gateway.transactions()).toHaveLength(before);
  });
});

describe("prices", () => {
  const withoutPrice = async (id: string, provider: string, native: string) => {
    await sql`insert into model (id, name, context_length, modality, open_weights)
      values (${id}, ${id}, 8192, 'text->text', true) on conflict do nothing`.execute(gateway.stores.database);
    await sql`insert into model_offer (model_id, provider, native_model, price_version)
      values (${id}, ${provider}, ${native}, null) on conflict do nothing`.execute(gateway.stores.database);
  };

  test.each(["openai/gpt-4-mystery", "openai/o3-mystery", "anthropic/claude-mystery", "google/gemini-mystery"])(
    "CM-6.6.1 %s without a price is refused before any provider is called",
    async (model) => {
      await withoutPrice(model, "openrouter", model);
      const reply = await chat(gateway.key, { model });
      expect(reply.status).toBe(422);
      expect((await reply.json()).error).toMatchObject({ type: "pricing_unavailable", code: "model_pricing_missing" });
      expect(simulator.log.all).toHaveLength(0);
    },
  );

  test("CM-6.6.2 a premium model with a price of its own is served", async () => {
    expect(seedModels().some(({ id }) => id === "openai/gpt-4o")).toBe(true);
    expect((await chat(gateway.key, { model: "openai/gpt-4o", max_tokens: 50 })).status).toBe(200);
  });

  test("CM-6.6.3 another model without a price costs 0.00002 USD per token", async () => {
    await withoutPrice("acme/mystery", "together", "acme/mystery");
    const reply = await chat(gateway.key, { model: "acme/mystery", max_tokens: 50 });
    expect(reply.status).toBe(200);
    const { usage } = await reply.json();
    expect(usage.cost).toBeCloseTo(usage.total_tokens * 0.00002, 9);
  });
});
