import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { allRoutes } from "../../api/_routes/all-routes.ts";
import { createTestApp, get, post, type TestApp } from "./test-app.ts";

let app: TestApp;

describe("GET /health", () => {
  beforeEach(async () => {
    app = await createTestApp();
  });
  const health = async () => {
    const response = await app.fetch(get("/health"));
    return { status: response.status, body: await response.json() };
  };

  test("is healthy with both stores", async () => {
    expect(await health()).toEqual({
      status: 200,
      body: {
        status: "healthy",
        timestamp: new Date(app.clock.now()).toISOString(),
        version: "0.0.0-test",
        database: "connected",
        redis: "connected",
      },
    });
  });

  test("stays 200 and says which store is away", async () => {
    app.breakDatabase(true);
    expect(await health()).toMatchObject({ status: 200, body: { status: "degraded", database: "unavailable" } });
    await app.clock.advance(1_000);
    app.breakDatabase(false);
    app.breakRedis(true);
    expect(await health()).toMatchObject({ status: 200, body: { status: "degraded", redis: "unavailable" } });
  });

  test("does not wait for a store that hangs", async () => {
    Reflect.set(app.ports.redis, "ping", () => new Promise(() => {}));
    const answer = health();
    await app.clock.advance(400);
    expect(await answer).toMatchObject({ status: 200, body: { redis: "unavailable", database: "connected" } });
  });

  test("asks the stores once a second at most", async () => {
    await health();
    const before = app.redisCalls();
    for (let call = 0; call < 10; call++) await health();
    expect(app.redisCalls()).toBe(before);
  });
});

describe("models", () => {
  beforeAll(async () => {
    app = await createTestApp();
  });

  test("are listed in OpenAI's shape, those that somebody serves here", async () => {
    const response = await app.fetch(get("/v1/models"));
    const { object, data } = (await response.json()) as { object: string; data: { id: string; owned_by: string }[] };
    expect(object).toBe("list");
    expect(data.length).toBeGreaterThan(5);
    expect(data.map(({ id }) => id)).toContain("openai/gpt-4o-mini");
    expect(new Set(data.map(({ owned_by: vendor }) => vendor))).toEqual(new Set(["openai"]));
  });

  test("are listed in Anthropic's shape for its clients", async () => {
    const response = await app.fetch(get("/v1/models", { "anthropic-version": "2023-06-01" }));
    const list = (await response.json()) as {
      data: { id: string; type: string }[];
      has_more: boolean;
      first_id: string;
    };
    expect(list).toMatchObject({ has_more: false, first_id: list.data[0]?.id });
    expect(list.data.every(({ type }) => type === "model")).toBe(true);
    expect(response.headers.get("request-id")).toMatch(/^req_/);
  });

  test("are paged in Anthropic's shape, forwards and back", async () => {
    type Page = { data: { id: string }[]; has_more: boolean; first_id: string; last_id: string };
    const page = async (query: string): Promise<Page> => {
      const response = await app.fetch(get(`/v1/models${query}`, { "anthropic-version": "2023-06-01" }));
      expect([query, response.status]).toEqual([query, 200]);
      return (await response.json()) as Page;
    };
    const all = (await page("")).data.map(({ id }) => id);
    const walked: string[] = [];
    let current = await page("?limit=2");
    walked.push(...current.data.map(({ id }) => id));
    while (current.has_more) {
      current = await page(`?limit=2&after_id=${encodeURIComponent(current.last_id)}`);
      walked.push(...current.data.map(({ id }) => id));
    }
    expect(walked).toEqual(all);
    const back = await page(`?limit=2&before_id=${encodeURIComponent(String(all[3]))}`);
    expect([back.data.map(({ id }) => id), back.has_more]).toEqual([all.slice(1, 3), true]);
    const bad = await app.fetch(get("/v1/models?limit=0", { "anthropic-version": "2023-06-01" }));
    expect([bad.status, await bad.json()]).toMatchObject([
      400,
      { type: "error", error: { type: "invalid_request_error" } },
    ]);
  });

  test("are found by vendor and name, by an encoded slash, and by an alias", async () => {
    for (const path of ["openai/gpt-4o-mini", "openai%2Fgpt-4o-mini", "gpt-4o-mini"]) {
      const response = await app.fetch(get(`/v1/models/${path}`));
      expect([path, response.status]).toEqual([path, 200]);
      expect(await response.json()).toMatchObject({ id: "openai/gpt-4o-mini", object: "model" });
    }
  });

  test("B42 B44 are not found by a wrong name", async () => {
    for (const path of ["openai/gpt-4o-mimi", "..%2f..%2fetc", "anthropic/claude-sonnet-4.5", "a%00b/c"]) {
      const response = await app.fetch(get(`/v1/models/${path}`));
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.json()).toMatchObject({ error: { code: "model_not_found" } });
    }
  });

  test("are still listed while the database is away", async () => {
    const cold = await createTestApp();
    cold.breakDatabase(true);
    const { data } = (await (await cold.fetch(get("/v1/models"))).json()) as { data: unknown[] };
    expect(data.length).toBeGreaterThan(5);
    app = await createTestApp();
  });

  test("count_tokens estimates without asking anybody", async () => {
    const body = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(400) }] };
    const response = await app.fetch(post("/v1/messages/count_tokens", body, { "x-api-key": app.key }));
    const { input_tokens: tokens } = (await response.json()) as { input_tokens: number };
    expect(tokens).toBeGreaterThanOrEqual(100);
    expect(tokens).toBeLessThan(130);
    expect(app.upstreamCalls).toEqual([]);
    const unknown = await app.fetch(
      post("/v1/messages/count_tokens", { ...body, model: "no/such" }, { "x-api-key": app.key }),
    );
    expect(unknown.status).toBe(404);
  });
});

describe("the description", () => {
  beforeAll(async () => {
    app = await createTestApp();
  });

  test("OpenAPI 3.1 has every route, with its credentials and schemas", async () => {
    const document = (await (await app.fetch(get("/openapi.json"))).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { security: object[]; requestBody?: object; operationId: string }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const operationIds = new Set<string>();
    for (const { method, path, policy, documentation } of allRoutes()) {
      const operation = document.paths[path.replace("+}", "}")]?.[method.toLowerCase()];
      expect(operation).toBeDefined();
      expect(operation?.security.length === 0).toBe(policy === "public");
      expect(operation?.requestBody !== undefined).toBe(documentation.body !== undefined);
      operationIds.add(String(operation?.operationId));
    }
    expect(operationIds.size).toBe(allRoutes().length);
    const chat = JSON.stringify(document.paths["/v1/chat/completions"]);
    expect(chat).toContain('"temperature"');
    expect(chat).toContain('"maximum":2');
    expect(chat).toContain("text/event-stream");
  });

  test("the reference page names every route and loads nothing from elsewhere", async () => {
    const response = await app.fetch(get("/docs"));
    const page = await response.text();
    for (const { path, documentation } of allRoutes()) {
      expect(page).toContain(path);
      expect(page).toContain(documentation.summary.replaceAll("'", "&#39;"));
    }
    expect(page).not.toMatch(/<script|\son\w+=|style="|<style/);
    expect(
      [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => String(url)).filter((url) => !/^[/#]/.test(url)),
    ).toEqual([]);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const style = await app.fetch(get("/docs/style.css"));
    expect(style.headers.get("content-type")).toContain("text/css");
  });

  test("HEAD is answered like GET, without a body", async () => {
    const response = await app.fetch(new Request("http://gateway.test/docs", { method: "HEAD" }));
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});
