import { secretsMatch } from "../lib/accounts/key-hasher.ts";
import { sweep } from "../lib/jobs/sweep.ts";
import { createEdgeApp } from "./_edge-app.ts";

/** Vercel, on its edge runtime: every path is rewritten to this function (vercel.json). */
export const config = { runtime: "edge" };

interface VercelContext {
  waitUntil(task: Promise<unknown>): void;
}

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

const edge = createEdgeApp(process.env);

export default function handle(request: Request, context: VercelContext): Response | Promise<Response> {
  if (new URL(request.url).pathname === "/api/cron/sweep") return runSweep(request);
  const executionContext = {
    waitUntil: (task: Promise<unknown>) => context.waitUntil(task),
    passThroughOnException: () => {},
    props: {},
  };
  return edge.app.fetch(request, {}, executionContext);
}

/** Called by Vercel's cron with the secret of CRON_SECRET; without one set nobody may call it. */
async function runSweep(request: Request): Promise<Response> {
  const given = request.headers.get("authorization") ?? "";
  const { cronSecret } = edge.settings;
  if (cronSecret === null || !(await secretsMatch(given, `Bearer ${cronSecret}`))) {
    return Response.json(
      { error: { code: "invalid_cron_secret", message: "This route is for the cron." } },
      { status: 401 },
    );
  }
  return Response.json(await sweep(edge.ports));
}
