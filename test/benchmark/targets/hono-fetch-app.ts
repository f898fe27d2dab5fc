import { Hono } from "hono";

/** The least that a proxy can do on Hono and fetch: no keys, no limits, no metering. Runs on Node and in workerd. */
export function honoFetchProxy(upstream: string): Hono {
  const app = new Hono();
  app.post("/v1/chat/completions", async (c) => {
    const reply = await fetch(`${upstream}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer upstream" },
      body: await c.req.text(),
    });
    const contentType = reply.headers.get("content-type") ?? "application/json";
    return new Response(reply.body, { status: reply.status, headers: { "content-type": contentType } });
  });
  return app;
}
