import { beforeEach, describe, expect, test } from "vitest";
import { errorResponse } from "../../api/_http/error-response.ts";
import { createApiKey } from "../../lib/accounts/api-key.ts";
import { ERROR_CATALOG, type ErrorCode } from "../../lib/errors/error-catalog.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { CHAT, expectNoSecrets, expectRefused, MESSAGES, VALID_BODY } from "./expect-refused.ts";
import { createTestApp, get, post, type TestApp } from "./test-app.ts";

/** Every header that an answered call may carry. */
const RESPONSE_HEADERS = new Set([
  "cache-control",
  "content-type",
  "request-id",
  "server-timing",
  "x-accel-buffering",
  "x-degraded",
  "x-gateway-cost",
  "x-gateway-ignored-parameters",
  "x-gateway-model",
  "x-gateway-provider",
  "x-generation-id",
  "x-ratelimit-limit",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset",
  "x-ratelimit-reset-requests",
  "x-request-id",
]);

let app: TestApp;
beforeEach(async () => {
  app = await createTestApp();
});

describe.each([CHAT, MESSAGES])("errors on %s", (path) => {
  const call = (key: string = app.key) => post(path, VALID_BODY, { authorization: `Bearer ${key}` });

  test("B114 a fault of ours is a fixed text with the request id; the log has the rest", async () => {
    Reflect.set(app.gateway.catalog, "resolve", () => {
      throw new Error("boom at /srv/secret-path");
    });
    const { message } = await expectRefused(app, call(), "internal_error");
    expect(message).not.toContain("boom");
    const logged = app.logLines.find((line) => line.includes("request_failed"));
    expect(logged).toContain("boom at /srv/secret-path");
    expect(logged).toMatch(/"requestId":"req_[0-9a-f]{32}"/);
  });

  test("B115 both stores down", async () => {
    expect((await app.fetch(call())).status).toBe(200);
    await app.settle();
    const balance = await app.ports.database.selectFrom("credit_account").select("purchased").execute();
    app.breakRedis(true);
    app.breakDatabase(true);
    const { headers } = await expectRefused(app, call(), "billing_unavailable");
    expect(headers.get("retry-after")).toBe("5");
    app.breakDatabase(false);
    expect(await app.ports.database.selectFrom("credit_account").select("purchased").execute()).toEqual(balance);
  });

  test("a good key that nothing remembers is not called wrong while no store answers", async () => {
    app.breakRedis(true);
    app.breakDatabase(true);
    const { headers } = await expectRefused(app, call(), "accounts_unavailable");
    expect(headers.get("retry-after")).toBe("5");
    await expectRefused(app, call("gw_dev_nonsense"), "invalid_api_key");
  });

  test("B33 of duplicate keys the last wins, for us and for the provider", async () => {
    const rest = JSON.stringify(VALID_BODY).slice(1);
    const twice = `{"model":"no/such-model",${rest}`;
    expect((await app.fetch(post(path, twice, { "x-api-key": app.key }))).status).toBe(200);
    const sent: unknown = JSON.parse(String(app.upstreamCalls.at(-1)?.body));
    expect(sent).toMatchObject({ model: "gpt-4o-mini" });
    expect(String(app.upstreamCalls.at(-1)?.body)).not.toContain("no/such-model");
    await app.settle();
  });

  test("K24 response headers are ours, none of them the provider's", async () => {
    const { headers } = await app.fetch(call());
    expect([...headers.keys()].filter((name) => !RESPONSE_HEADERS.has(name))).toEqual([]);
  });

  test("no canary in any log line or reply of a call that is answered", async () => {
    const response = await app.fetch(call());
    const text = await response.text();
    await app.settle();
    expect(response.status).toBe(200);
    expect(app.logLines.length).toBeGreaterThan(0);
    expectNoSecrets(app, text, [...response.headers].join("\n"));
    expect(text).not.toContain("org-canary");
  });
});

test("request ids are unique, sort by time and are on every response", async () => {
  const ids: string[] = [];
  for (const request of [get("/health"), get("/nowhere"), get("/v1/models"), get("/docs"), get("/openapi.json")]) {
    await app.clock.advance(1);
    const response = await app.fetch(request);
    ids.push(String(response.headers.get("x-request-id")));
  }
  expect(ids.every((id) => /^req_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id))).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test("an unknown key is 401 once a store has answered", async () => {
  app.breakRedis(true);
  await expectRefused(app, post(CHAT, VALID_BODY, { "x-api-key": createApiKey("dev") }), "invalid_api_key");
});

test("anthropic-version asks for Anthropic's shape anywhere", async () => {
  await expectRefused(app, get("/nowhere", { "anthropic-version": "2023-06-01" }), "unknown_route");
});

test("x-should-retry is said where the clients' own rule is wrong", () => {
  const advice = (error: GatewayError) => errorResponse(error, get("/"), "req_1").headers.get("x-should-retry");
  const clientsRetry = (status: number) => [408, 409, 429].includes(status) || status >= 500;
  for (const [name, { status }] of Object.entries(ERROR_CATALOG)) {
    const code = name as ErrorCode; // the catalog's own keys
    // Without a time to wait for, a limit and a conflict stand for ever.
    const without = clientsRetry(status) && status !== 429 && status !== 409 ? null : "false";
    expect([code, advice(new GatewayError(code, "x"))]).toEqual([code, without]);
    const withTime = advice(new GatewayError(code, "x", { retryAfterSeconds: 2 }));
    expect([code, withTime]).toEqual([code, clientsRetry(status) ? null : "true"]);
  }
});

test("Retry-After is whole seconds, rounded up", () => {
  const error = new GatewayError("rate_limit_exceeded", "x", { retryAfterSeconds: 0.2 });
  expect(errorResponse(error, get("/"), "req_1").headers.get("retry-after")).toBe("1");
});
