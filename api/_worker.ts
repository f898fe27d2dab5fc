import { runJobs } from "../lib/jobs/run-jobs.ts";
import { createEdgeApp, type EdgeApp } from "./_edge-app.ts";

/** Cloudflare Workers: `fetch` for requests, `scheduled` for the jobs (wrangler.toml). */
type WorkerEnvironment = Readonly<Record<string, string>>;
interface WorkerContext {
  waitUntil(task: Promise<unknown>): void;
  passThroughOnException(): void;
}

/** Less than the time between two crons. */
const SLICE_MS = 50_000;

/** One app an isolate and environment; the environment object is the isolate's own and outlives its requests. */
const apps = new WeakMap<WorkerEnvironment, EdgeApp>();

function edgeApp(environment: WorkerEnvironment): EdgeApp {
  const existing = apps.get(environment);
  if (existing !== undefined) return existing;
  const created = createEdgeApp(environment);
  apps.set(environment, created);
  return created;
}

export default {
  fetch: (request: Request, environment: WorkerEnvironment, context: WorkerContext) =>
    edgeApp(environment).app.fetch(request, environment, contextOf(context)),
  scheduled(_event: unknown, environment: WorkerEnvironment, context: WorkerContext) {
    const { gateway, ports } = edgeApp(environment);
    const background = (task: Promise<unknown>) => context.waitUntil(task);
    context.waitUntil(runJobs(gateway, { ...ports, background }, SLICE_MS));
  },
};

/** The context's methods need their own `this`. */
function contextOf(context: WorkerContext) {
  return {
    waitUntil: (task: Promise<unknown>) => context.waitUntil(task),
    passThroughOnException: () => context.passThroughOnException(),
    props: {},
  };
}
