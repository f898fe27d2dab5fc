import { beforeEach, describe, expect, test } from "vitest";
import { ADMIN_KEY, createTestApp, get, post, type TestApp } from "./test-app.ts";

let app: TestApp;
beforeEach(async () => {
  app = await createTestApp();
});

const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` };
const CHAT_BODY = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "hi" }] };

async function json(
  response: Response | Promise<Response>,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, body } = await text(response);
  // Every route under test answers with a JSON object.
  return { status, body: JSON.parse(body) as Record<string, unknown> };
}

async function text(response: Response | Promise<Response>): Promise<{ status: number; body: string }> {
  const settled = await response;
  return { status: settled.status, body: await settled.text() };
}

const admin = (path: string, body: unknown) => json(app.fetch(post(path, body, ADMIN)));

describe("registering", () => {
  test("an account comes with a key that works and the credit that was asked", async () => {
    const { status, body } = await admin("/auth/register", { name: "Team", email: "t@example.com", credit_usd: "2.5" });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      account: { id: expect.stringMatching(/^acct_[0-9a-f]{32}$/), name: "Team", email: "t@example.com" },
      key: { api_key: expect.stringMatching(/^gw_dev_[\w-]{43}$/), requests_per_minute: 250 },
      credited_usd: "2.5",
    });
    const { api_key: key } = body["key"] as { api_key: string };
    const balance = await json(app.fetch(get("/user/balance", { authorization: `Bearer ${key}` })));
    expect(balance.body).toMatchObject({ balance_usd: "2.5", available_usd: "2.5", held_usd: "0", status: "active" });
    const chat = await app.fetch(post("/v1/chat/completions", CHAT_BODY, { authorization: `Bearer ${key}` }));
    expect(chat.status).toBe(200);
  });

  test("nothing is required, and nothing unknown or malformed is taken", async () => {
    expect((await admin("/auth/register", {})).status).toBe(201);
    for (const wrong of [
      { email: "nobody" },
      { credit_usd: 5 },
      { credit_usd: "0" },
      { name: "" },
      { role: "admin" },
    ]) {
      expect([wrong, (await admin("/auth/register", wrong)).status]).toEqual([wrong, 400]);
    }
  });
});

describe("keys", () => {
  test("a key of its own limit is shown once, listed masked, and stops working when revoked", async () => {
    const made = await admin("/user/api-keys", { account_id: "acct_a", name: "ci", requests_per_minute: 2 });
    expect(made.status).toBe(201);
    const { id, api_key: key } = made.body as { id: string; api_key: string };
    const call = () => app.fetch(post("/v1/chat/completions", CHAT_BODY, { "x-api-key": key }));
    expect([(await call()).status, (await call()).status, (await call()).status]).toEqual([200, 200, 429]);

    const listed = await text(app.fetch(get("/user/api-keys?account_id=acct_a", ADMIN)));
    expect(listed.body).toContain(key.slice(-4));
    expect(listed.body).not.toContain(key.slice(0, -4));
    expect(listed.body).not.toMatch(/[0-9a-f]{64}/);

    const remove = () =>
      json(app.fetch(new Request(`http://gateway.test/user/api-keys/${id}`, { method: "DELETE", headers: ADMIN })));
    expect(await remove()).toEqual({ status: 200, body: { id, revoked: true } });
    expect((await call()).status).toBe(401);
    expect((await remove()).status).toBe(404);
  });

  test("B104 a limit or a date out of range, an account that is not there", async () => {
    const wish = { account_id: "acct_a" };
    for (const wrong of [{ requests_per_minute: 0 }, { requests_per_minute: 1e9 }, { expires_at: "tomorrow" }]) {
      expect([wrong, (await admin("/user/api-keys", { ...wish, ...wrong })).status]).toEqual([wrong, 400]);
    }
    expect((await admin("/user/api-keys", { account_id: "acct_none" })).status).toBe(404);
    expect((await json(app.fetch(get("/user/api-keys?account_id=acct_none", ADMIN)))).status).toBe(404);
    expect((await json(app.fetch(get("/user/api-keys", ADMIN)))).body).toMatchObject({
      error: { code: "missing_field", param: "account_id" },
    });
  });
});

describe("credits", () => {
  const balance = async () => {
    const { body } = await json(app.fetch(get("/user/balance?account_id=acct_a", ADMIN)));
    return body["balance_usd"];
  };

  test("are added exactly, to the nano-dollar, and once per idempotency key", async () => {
    const grant = { account_id: "acct_a", amount_usd: "0.000000001", idempotency_key: "g1" };
    expect((await admin("/credits/add", grant)).body).toMatchObject({ amount_usd: "0.000000001", replayed: false });
    expect((await admin("/credits/add", grant)).body).toMatchObject({ replayed: true });
    expect(await admin("/credits/add", { ...grant, amount_usd: "2" })).toMatchObject({
      status: 422,
      body: { error: { code: "idempotency_mismatch", param: "idempotency_key" } },
    });
    expect(await balance()).toBe("5.000000001");
    await admin("/credits/add", { account_id: "acct_a", amount_usd: "1" });
    await admin("/credits/add", { account_id: "acct_a", amount_usd: "1" });
    expect(await balance()).toBe("7.000000001");
  });

  test("are refused as anything but a positive decimal string up to 1,000", async () => {
    for (const amount of [5, "0", "-1", "1000.000000001", "1e3", "0.0000000001", "", " 1", "1,5", null, "NaN"]) {
      const { status, body } = await admin("/credits/add", { account_id: "acct_a", amount_usd: amount });
      expect([amount, status]).toEqual([amount, 400]);
      expect(body).toMatchObject({ error: { param: "amount_usd" } });
    }
    expect((await admin("/credits/add", { account_id: "acct_none", amount_usd: "1" })).status).toBe(404);
    expect((await admin("/credits/add", { account_id: "acct_a", amount_usd: "1000" })).status).toBe(200);
    expect(await balance()).toBe("1005");
  });
});

describe("balance and transactions", () => {
  const own = () => ({ authorization: `Bearer ${app.key}` });

  test("a call's charge and the credit before it, newest first, page by page", async () => {
    const chat = await app.fetch(post("/v1/chat/completions", CHAT_BODY, own()));
    const requestId = chat.headers.get("x-request-id");
    const cost = String(chat.headers.get("x-gateway-cost"));
    await app.settle();

    const first = await json(app.fetch(get("/user/credit-transactions?limit=1", own())));
    expect(first.body["data"]).toMatchObject([
      {
        type: "settle",
        amount_usd: `-${cost}`,
        request_id: requestId,
        detail: { model: "openai/gpt-4o-mini", provider: "openai" },
      },
    ]);
    const second = await json(app.fetch(get(`/user/credit-transactions?limit=1&before=${first.body["next"]}`, own())));
    expect(second.body).toMatchObject({
      data: [{ type: "admin_credit", amount_usd: "5", request_id: null }],
      next: null,
    });
  });

  test("B102 a key sees its own account only; the operator names one", async () => {
    await admin("/auth/register", {});
    for (const path of ["/user/balance", "/user/credit-transactions"]) {
      expect((await json(app.fetch(get(`${path}?account_id=acct_b`, own())))).body).toMatchObject({
        error: { code: "forbidden_field", param: "account_id" },
      });
      expect((await app.fetch(get(`${path}?account_id=acct_a`, own()))).status).toBe(200);
      expect((await app.fetch(get(`${path}?account_id=acct_a`, ADMIN))).status).toBe(200);
      expect((await json(app.fetch(get(path, ADMIN)))).body).toMatchObject({ error: { code: "missing_field" } });
    }
    expect((await app.fetch(get("/user/balance?account_id=acct_none", ADMIN))).status).toBe(404);
  });

  test("B99 a page out of range", async () => {
    for (const query of ["limit=0", "limit=1000000000", "limit=x", "limit=1.5", "before=abc", "before=-1"]) {
      const { status } = await json(app.fetch(get(`/user/credit-transactions?${query}`, own())));
      expect([query, status]).toEqual([query, 400]);
    }
  });
});

describe("circuit breakers", () => {
  test("are listed with what is known, and closed one by one or all together", async () => {
    const state = async () => {
      const { body } = await json(app.fetch(get("/circuit-breakers", ADMIN)));
      return body["data"];
    };
    expect(await state()).toEqual([
      { provider: "openai", state: "closed", consecutive_failures: 0, opened_at: null, retry_in_seconds: 0, keys: [] },
    ]);
    const trip = async () => {
      for (let failure = 0; failure < 5; failure++) await app.gateway.breakers.record(app.ports, "openai", "failure");
    };
    await trip();
    expect(await state()).toMatchObject([{ state: "open", consecutive_failures: null, retry_in_seconds: 300 }]);
    expect(await admin("/circuit-breakers/openai/reset", {})).toMatchObject({ status: 200, body: { state: "closed" } });
    expect(await state()).toMatchObject([{ state: "closed" }]);
    await trip();
    await admin("/circuit-breakers/reset-all", {});
    expect(await state()).toMatchObject([{ state: "closed" }]);
    expect((await admin("/circuit-breakers/nobody/reset", {})).status).toBe(404);
  });

  test("are shown from this instance's view while Redis is away", async () => {
    app.breakRedis(true);
    expect((await app.fetch(get("/circuit-breakers", ADMIN))).status).toBe(200);
    const refused = await admin("/circuit-breakers/openai/reset", {});
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "shared_state_unavailable" } } });
  });
});
