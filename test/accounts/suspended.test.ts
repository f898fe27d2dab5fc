import { afterEach, beforeEach, expect, test } from "vitest";
import { createApp } from "../../api/_app.ts";
import { checkLedger } from "../../lib/billing/ledger-store.ts";
import { createGateway } from "../../lib/inference/gateway.ts";
import { CHAT, expectRefused, MESSAGES } from "../http/expect-refused.ts";
import { createTestApp, get, post, type TestApp } from "../http/test-app.ts";

const COUNT = "/v1/messages/count_tokens";
/** A model of Ollama's costs nothing: no credit is held for it, so that no hold can refuse it. */
const FREE = "ollama/llama3.2";
const PAID = "openai/gpt-4o-mini";
/** The time in which every isolate has heard of it (docs/decisions/0006). */
const MINUTE_MS = 60_001;

let app: TestApp;
beforeEach(async () => {
  app = await createTestApp({
    providers: {
      ollama: { apiKeys: [], baseUrl: "http://127.0.0.1:11434/v1", variables: {} },
      openai: { apiKeys: ["sk-provider-canary-0123456789"], baseUrl: null, variables: {} },
    },
  });
});
afterEach(async () => {
  await app.settle();
  expect(await checkLedger(app.ports.database)).toEqual([]);
});

const call = (path: string, model: string, more: object = {}) =>
  post(
    path,
    { model, max_tokens: 16, messages: [{ role: "user", content: "hi" }], ...more },
    { authorization: `Bearer ${app.key}` },
  );
const setStatus = (status: "active" | "frozen") =>
  app.ports.database.updateTable("credit_account").set({ status }).where("account_id", "=", "acct_a").execute();
const warmUp = async () => {
  for (const path of [CHAT, MESSAGES]) expect((await app.fetch(call(path, FREE))).status).toBe(200);
  await app.settle();
};
/** Another isolate on the same stores. */
const elsewhere = (): TestApp => {
  const other = createApp(createGateway(app.gateway.configuration, app.gateway.settler), app.ports);
  return { ...app, fetch: async (request) => other.fetch(request) };
};

test("B19 a suspended account is refused free models too, in both formats, whole, streamed and counted", async () => {
  await warmUp();
  await setStatus("frozen");
  await app.clock.advance(MINUTE_MS);
  for (const path of [CHAT, MESSAGES, COUNT]) {
    for (const more of [{}, { stream: true }]) {
      for (const model of [FREE, PAID]) {
        const { message } = await expectRefused(app, call(path, model, more), "account_suspended");
        expect(message).toBe("This account is suspended; contact the operator.");
      }
    }
  }
});

test("B19 a suspended account is told so before what its response goes on from is looked for", async () => {
  await warmUp();
  await setStatus("frozen");
  await app.clock.advance(MINUTE_MS);
  const before = app.sqlCalls();
  const body = { input: "hi", previous_response_id: `resp_${"0".repeat(32)}` };
  await expectRefused(app, call("/v1/responses", PAID, body), "account_suspended");
  await expectRefused(app, call("/v1/responses", PAID, body), "account_suspended");
  // The account itself is read once; the response never is.
  expect(app.sqlCalls() - before).toBeLessThanOrEqual(1);
});

test("B19 within a minute in every isolate, one that had it from Redis at the last moment included", async () => {
  await warmUp();
  await setStatus("frozen");
  await app.clock.advance(29_000);
  const late = elsewhere();
  await late.fetch(call(CHAT, FREE));
  await app.clock.advance(31_001);
  for (const isolate of [app, late, elsewhere()]) await expectRefused(isolate, call(CHAT, FREE), "account_suspended");
});

test("B19 costs a warm call no store call: the refusal comes from memory", async () => {
  await warmUp();
  await setStatus("frozen");
  await app.clock.advance(MINUTE_MS);
  await expectRefused(app, call(CHAT, FREE), "account_suspended");
  const before = [app.redisCalls(), app.sqlCalls()];
  await expectRefused(app, call(CHAT, FREE), "account_suspended");
  expect([app.redisCalls(), app.sqlCalls()]).toEqual(before);
});

test("B19 a small account's paid call is refused at once, by the hold", async () => {
  // Of the account's $5: from then on it is a small one.
  expect((await app.fetch(call(CHAT, PAID))).status).toBe(200);
  await app.settle();
  await setStatus("frozen");
  await expectRefused(app, call(CHAT, PAID), "account_suspended");
});

test("what is the account's own stays readable, and it works again within a minute of its release", async () => {
  await setStatus("frozen");
  await expectRefused(app, call(CHAT, FREE), "account_suspended");
  const balance = await app.fetch(get("/user/balance", { authorization: `Bearer ${app.key}` }));
  expect(balance.status).toBe(200);
  await setStatus("active");
  await app.clock.advance(MINUTE_MS);
  expect((await app.fetch(call(CHAT, FREE))).status).toBe(200);
});

test("one that is known to be suspended stays so while no store answers", async () => {
  await setStatus("frozen");
  await expectRefused(app, call(CHAT, FREE), "account_suspended");
  app.breakRedis(true);
  app.breakDatabase(true);
  await app.clock.advance(300_000);
  await expectRefused(app, call(CHAT, FREE), "account_suspended");
  app.breakDatabase(false);
});
