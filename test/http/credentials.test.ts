import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiKey } from "../../lib/accounts/api-key.ts";
import { CHAT, expectRefused, expectUncharged, MESSAGES, VALID_BODY } from "./expect-refused.ts";
import { createTestApp, get, post, type TestApp } from "./test-app.ts";

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp();
});
afterAll(() => expectUncharged(app));

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** The same key with one character of its random part changed. */
function withWrongChecksum(key: string): string {
  return `${key.slice(0, 10)}${key[10] === "A" ? "B" : "A"}${key.slice(11)}`;
}

describe.each([CHAT, MESSAGES])("credentials on %s", (path) => {
  const call = (headers: Readonly<Record<string, string>>) => post(path, VALID_BODY, headers);

  test("B1 no credential is told how to send one", async () => {
    const { message } = await expectRefused(app, call({}), "missing_api_key");
    expect(message).toContain("Authorization: Bearer");
    expect(message).toContain("x-api-key");
  });

  test("B2 another scheme is refused", async () => {
    const { message } = await expectRefused(app, call({ authorization: "Basic dXNlcjpwYXNz" }), "invalid_auth_scheme");
    expect(message).toContain("Bearer");
    await expectRefused(app, call({ authorization: app.key }), "invalid_auth_scheme");
  });

  test("B3 Bearer with nothing is a missing key", async () => {
    await expectRefused(app, call({ authorization: "Bearer" }), "missing_api_key");
    await expectRefused(app, call({ authorization: "Bearer   " }), "missing_api_key");
    await expectRefused(app, call({ "x-api-key": "" }), "missing_api_key");
  });

  test.each([
    ["B4 wrong shape", "sk-not-one-of-ours"],
    ["B4 an environment that there is not", createApiKey("dev").replace("gw_dev_", "gw_prod_")],
    ["B5 bad checksum", withWrongChecksum(createApiKey("dev"))],
    ["B9 SQL as a key", "' OR 1=1--"],
    ["B10 a key of 100 kB", "k".repeat(100_000)],
    ["B10 a key of 100 kB with our prefix", `gw_dev_${"A".repeat(100_000)}`],
    ["B14 a key with characters beyond ASCII", "gw_dev_clé\u00ff"],
    ["B14 a key with a tab", `${createApiKey("dev").slice(0, 20)}\t${createApiKey("dev").slice(21)}`],
  ])("%s asks no store", async (_row, key) => {
    const before = [app.redisCalls(), app.sqlCalls()];
    await expectRefused(app, call(bearer(key)), "invalid_api_key");
    await expectRefused(app, call({ "x-api-key": key }), "invalid_api_key");
    expect([app.redisCalls(), app.sqlCalls()]).toEqual(before);
  });

  test("B10 a key of 100 kB costs less than 5 ms", async () => {
    const request = () => call(bearer(`gw_dev_${"A".repeat(100_000)}`));
    await app.fetch(request());
    const times: number[] = [];
    for (let round = 0; round < 9; round++) {
      const built = request();
      const start = performance.now();
      await app.fetch(built);
      times.push(performance.now() - start);
    }
    expect(times.toSorted((a, b) => a - b)[4]).toBeLessThan(5);
  });

  test("B6 B7 an unknown and a revoked key read like one with a bad checksum", async () => {
    const { id, apiKey } = await app.newKey();
    expect((await app.fetch(get("/user/balance", bearer(apiKey)))).status).toBe(200);
    const { adminApiKey } = app.gateway.configuration;
    const revoked = await app.fetch(
      new Request(`http://gateway.test/user/api-keys/${id}`, {
        method: "DELETE",
        headers: bearer(String(adminApiKey)),
      }),
    );
    expect(revoked.status).toBe(200);
    const bad = await expectRefused(app, call(bearer(withWrongChecksum(apiKey))), "invalid_api_key");
    const unknown = await expectRefused(app, call(bearer(createApiKey("dev"))), "invalid_api_key");
    const gone = await expectRefused(app, call(bearer(apiKey)), "invalid_api_key");
    expect(unknown.message).toBe(bad.message);
    expect(gone.message).toBe(bad.message);
  });

  test("B8 an expired key is told the date", async () => {
    const { apiKey } = await app.newKey({ expiresAt: "2025-12-31T00:00:00.000Z" });
    const { message } = await expectRefused(app, call(bearer(apiKey)), "expired_api_key");
    expect(message).toContain("2025-12-31");
  });

  test("B11 two Authorization headers, or two keys", async () => {
    const twice = new Headers([
      ["content-type", "application/json"],
      ["authorization", `Bearer ${app.key}`],
      ["authorization", `Bearer ${app.key}`],
    ]);
    const request = (headers: Headers) =>
      new Request(`http://gateway.test${path}`, { method: "POST", headers, body: JSON.stringify(VALID_BODY) });
    const refused = await expectRefused(app, request(twice), "duplicate_header");
    if (path === CHAT) expect(refused.param).toBe("authorization");
    const keys = new Headers([
      ["content-type", "application/json"],
      ["x-api-key", app.key],
      ["x-api-key", "other"],
    ]);
    await expectRefused(app, request(keys), "duplicate_header");
  });

  test("B12 Authorization and x-api-key that differ", async () => {
    const other = createApiKey("dev");
    await expectRefused(app, call({ ...bearer(app.key), "x-api-key": other }), "conflicting_credentials");
  });

  test("B13 a key in the query string", async () => {
    for (const query of [`api_key=${app.key}`, `key=${app.key}`, `anything=${app.key}`, `Token=${app.key}`]) {
      const request = post(`${path}?${query}`, VALID_BODY, bearer(app.key));
      const { message } = await expectRefused(app, request, "key_in_query");
      expect(message).toContain("revoke");
    }
  });

  test("both headers work, together too, and the scheme in any case", async () => {
    // An empty list of messages is refused only after the key was accepted.
    for (const headers of [
      bearer(app.key),
      { "x-api-key": app.key },
      { authorization: `bearer ${app.key}` },
      { ...bearer(app.key), "x-api-key": app.key },
    ]) {
      await expectRefused(app, post(path, { ...VALID_BODY, messages: [] }, headers), "too_few_items");
    }
    await expectRefused(
      app,
      post(`${path}?beta=true`, { ...VALID_BODY, messages: [] }, bearer(app.key)),
      "too_few_items",
    );
  });
});

test("B6 takes as long as B5, within 10 ms over 1,000", async () => {
  const bad: number[] = [];
  const unknown: number[] = [];
  const time = async (key: string) => {
    const request = post(CHAT, VALID_BODY, bearer(key));
    const start = performance.now();
    const response = await app.fetch(request);
    expect(response.status).toBe(401);
    return performance.now() - start;
  };
  for (let round = 0; round < 1_000; round++) {
    const key = createApiKey("dev");
    bad.push(await time(withWrongChecksum(key)));
    unknown.push(await time(key));
  }
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length / 2] ?? Number.NaN;
  expect(Math.abs(median(bad) - median(unknown))).toBeLessThan(10);
});
