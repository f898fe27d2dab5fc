import { Log, LogLevel, Miniflare } from "miniflare";
import { bundleEntry } from "./bundle-worker.ts";

export interface RunningWorker {
  readonly url: string;
  /** Runs what the cron runs. */
  runScheduled(): Promise<void>;
  stop(): Promise<void>;
}

/** The bundled worker in real workerd, with `bindings` for its environment. */
export async function startWorker(bindings: Readonly<Record<string, string>>): Promise<RunningWorker> {
  const { code } = await bundleEntry("api/_worker.ts", "workerd");
  const miniflare = new Miniflare({
    modules: true,
    script: code,
    cf: false,
    // As in wrangler.toml.
    compatibilityDate: "2026-07-30",
    compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
    bindings,
    log: new Log(LogLevel.WARN),
  });
  const url = await miniflare.ready;
  return {
    url: url.href.replace(/\/$/, ""),
    async runScheduled() {
      // Its declared type has only what a service binding has; a worker's own fetcher can be told to run its cron.
      const worker: unknown = await miniflare.getWorker();
      await (worker as { scheduled(event: { cron: string }): Promise<unknown> }).scheduled({ cron: "* * * * *" });
    },
    stop: () => miniflare.dispose(),
  };
}
