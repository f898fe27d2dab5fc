import { serve } from "@hono/node-server";
import { honoFetchProxy } from "./hono-fetch-app.ts";

/** The bare proxy on Node: Hono in, global fetch out, the body passed through. Prints its port. */
const app = honoFetchProxy(process.env["UPSTREAM"] ?? "");
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.stdout.write(`${port}\n`));
