import { secretsMatch } from "../lib/accounts/key-hasher.ts";
import { runJobs } from "../lib/jobs/run-jobs.ts";
import { createEdgeApp } from "./_edge-app.ts";

/** Vercel, on its edge runtime: every path is rewritten to this function (vercel.json). */
export const config = { runtime: "edge" };

/** An edge function that has not begun its reply after 25 s is ended. */
const SLICE_MS = 15_000;

interface VercelContext {
  waitUntil(task: Promise<unknown>): void;
}

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

const edge = createEdgeApp(process.env);

export default function handle(request: Request, context: VercelContext): Response | Promise<Response> {
  if (new URL(request.url).pathname === "/api/cron/sweep") return runCron(request, context);
  const executionContext = {
    waitUntil: (task: Promise<unknown>) => context.waitUntil(task),
    passThroughOnException: () => {},
    props: {},
  };
  return edge.app.fetch(request, {}, executionContext);
}

/** Called by Vercel's cron with the secret of CRON_SECRET; without one set nobody may call it. */
async function runCron(request: Request, context: VercelContext): Promise<Response> {
  const given = request.headers.get("authorization") ?? "";
  const { cronSecret } = edge.settings;
  if (cronSecret === null || !(await secretsMatch(given, `Bearer ${cronSecret}`))) {
    return Response.json(
      { error: { code: "invalid_cron_secret", message: "This route is for the cron." } },
      { status: 401 },
    );
  }
  const background = (task: Promise<unknown>) => context.waitUntil(task);
  return Response.json(await runJobs(edge.gateway, { ...edge.ports, background }, SLICE_MS));
}
