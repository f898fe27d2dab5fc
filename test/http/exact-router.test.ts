import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { ExactRouter } from "../../api/_http/exact-router.ts";

describe("the router", () => {
  test("finds exact routes and patterns by method, decodes parameters, and nothing else", async () => {
    const app = new Hono({ router: new ExactRouter() });
    app.get("/breakers", (c) => c.text("list"));
    app.post("/breakers/reset-all", (c) => c.text("all"));
    app.post("/breakers/:provider/reset", (c) => c.text(`one ${c.req.param("provider")}`));
    app.get("/models/:vendor/:model", (c) => c.text(`${c.req.param("vendor")} ${c.req.param("model")}`));
    const ask = async (method: string, path: string) => {
      const response = await app.request(path, { method });
      return response.status === 200 ? response.text() : response.status;
    };
    expect(await ask("GET", "/breakers")).toBe("list");
    expect(await ask("HEAD", "/breakers")).toBe("");
    expect(await ask("POST", "/breakers")).toBe(404);
    expect(await ask("POST", "/breakers/reset-all")).toBe("all");
    expect(await ask("POST", "/breakers/reset-all/reset")).toBe("one reset-all");
    expect(await ask("GET", "/models/a/b%2Fc")).toBe("a b/c");
    expect(await ask("GET", "/models/a")).toBe(404);
    expect(await ask("GET", "/breakers/")).toBe(404);
    expect(await ask("GET", "/constructor")).toBe(404);
  });

  test("refuses a middleware, which would be passed by", () => {
    const app = new Hono({ router: new ExactRouter() });
    expect(() => app.use("*", async (_c, next) => next())).toThrow(/no middleware/);
    expect(() => app.use("/v1/x", async (_c, next) => next())).toThrow(/no middleware/);
  });
});
