import { beforeAll, describe, expect, test } from "vitest";
import { allRoutes } from "../../api/_routes/all-routes.ts";
import { ADMIN_KEY, createTestApp, type TestApp } from "./test-app.ts";

/**
 * The authorization matrix of design/security, as far as this product has roles: every route, whoever calls. A route
 * that is not in this table fails the test, so that none is ever open by accident.
 */
const POLICIES: Readonly<Record<string, "public" | "key" | "admin" | "key-or-admin">> = {
  "POST /v1/chat/completions": "key",
  "POST /v1/messages": "key",
  "POST /v1/messages/count_tokens": "key",
  "POST /v1/completions": "key",
  "POST /v1/embeddings": "key",
  "POST /v1/moderations": "key",
  "POST /v1/rerank": "key",
  "POST /v1/images/generations": "key",
  "POST /v1/images/edits": "key",
  "POST /v1/audio/transcriptions": "key",
  "POST /v1/audio/translations": "key",
  "POST /v1/audio/speech": "key",
  "POST /v1/responses": "key",
  "GET /v1/responses/{response_id}": "key",
  "DELETE /v1/responses/{response_id}": "key",
  "GET /v1/responses/{response_id}/input_items": "key",
  "POST /v1beta/models/{model+}:generateContent": "key",
  "POST /v1beta/models/{model+}:streamGenerateContent": "key",
  "POST /v1beta/models/{model+}:countTokens": "key",
  "GET /v1beta/models": "public",
  "GET /v1beta/models/{model+}": "public",
  "GET /v1/models": "public",
  "GET /v1/models/{model}": "public",
  "GET /v1/models/{vendor}/{model}": "public",
  "GET /user/balance": "key-or-admin",
  "GET /user/credit-transactions": "key-or-admin",
  "POST /v1/files": "key",
  "GET /v1/files": "key",
  "GET /v1/files/{file_id}": "key",
  "DELETE /v1/files/{file_id}": "key",
  "GET /v1/files/{file_id}/content": "key",
  "POST /v1/batches": "key",
  "GET /v1/batches": "key",
  "GET /v1/batches/{batch_id}": "key",
  "POST /v1/batches/{batch_id}/cancel": "key",
  "POST /user/provider-keys": "key-or-admin",
  "GET /user/provider-keys": "key-or-admin",
  "DELETE /user/provider-keys/{id}": "key-or-admin",
  "POST /auth/register": "admin",
  "POST /user/api-keys": "admin",
  "GET /user/api-keys": "admin",
  "DELETE /user/api-keys/{id}": "admin",
  "POST /credits/add": "admin",
  "GET /circuit-breakers": "admin",
  "POST /circuit-breakers/reset-all": "admin",
  "POST /circuit-breakers/{provider}/reset": "admin",
  "GET /health": "public",
  "GET /openapi.json": "public",
  "GET /docs": "public",
  "GET /docs/style.css": "public",
};

/** What each caller is told: "in" for anything that is not a refusal of who they are. */
const EXPECTED = {
  public: { nobody: "in", key: "in", admin: "in" },
  key: { nobody: 401, key: "in", admin: 401 },
  admin: { nobody: 401, key: 403, admin: "in" },
  "key-or-admin": { nobody: 401, key: "in", admin: "in" },
} as const;

let app: TestApp;
beforeAll(async () => {
  app = await createTestApp();
});

test("every route is in the table, with its policy", () => {
  const declared = allRoutes().map((route) => [`${route.method} ${route.path}`, route.policy]);
  expect(Object.fromEntries(declared)).toEqual(POLICIES);
  expect(declared).toHaveLength(Object.keys(POLICIES).length);
});

describe.each(Object.entries(POLICIES))("%s", (name, policy) => {
  const [method = "", pattern = ""] = name.split(" ");
  const ask = (credential: string | null) => {
    const headers = new Headers({ "content-type": "application/json" });
    if (credential !== null) headers.set("authorization", `Bearer ${credential}`);
    const body = method === "POST" ? "{}" : null;
    return app.fetch(
      new Request(`http://gateway.test${pattern.replace(/\{\w+\+?\}/g, "x")}`, { method, headers, body }),
    );
  };
  const outcome = ({ status }: Response) => (status === 401 || status === 403 ? status : "in");

  test.each(["nobody", "key", "admin"] as const)(`as ${policy} route lets in the right ones: %s`, async (caller) => {
    const credential = { nobody: null, key: app.key, admin: ADMIN_KEY }[caller];
    expect(outcome(await ask(credential))).toBe(EXPECTED[policy][caller]);
  });
});

test("without ADMIN_API_KEY the operator routes say how to open them, whatever is sent", async () => {
  const closed = await createTestApp({ adminApiKey: null });
  for (const credential of [ADMIN_KEY, closed.key, ""]) {
    const response = await closed.fetch(
      new Request("http://gateway.test/circuit-breakers", { headers: { authorization: `Bearer ${credential}` } }),
    );
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("ADMIN_API_KEY");
  }
});

test("an operator's key that is nearly right opens nothing", async () => {
  for (const wrong of [ADMIN_KEY.slice(0, -1), `${ADMIN_KEY}0`, ADMIN_KEY.toUpperCase()]) {
    const request = new Request("http://gateway.test/circuit-breakers", { headers: { "x-api-key": wrong } });
    expect((await app.fetch(request)).status).toBe(401);
  }
});
