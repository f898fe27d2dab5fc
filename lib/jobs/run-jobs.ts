import { dropIncompleteFiles } from "../batches/file-store.ts";
import type { Gateway } from "../inference/gateway.ts";
import { dropExpiredReplies } from "../inference/kept-replies.ts";
import type { Ports } from "../ports/ports.ts";
import { runBatches } from "./run-batches.ts";
import { type SweepReport, sweep } from "./sweep.ts";

export interface JobsReport extends SweepReport {
  /** Kept replies past their day. */
  readonly repliesDropped: number;
  /** Uploads that were broken off. */
  readonly filesDropped: number;
  /** Batches that were not done. */
  readonly batches: number;
}

const MAX_DROPPED = 1_000;

/**
 * Everything that cron does, each minute where it can. A job that fails leaves the others alone.
 * @param sliceMs how long batches are gone on with: less than the runtime gives a cron, and than the time between two
 */
export async function runJobs(gateway: Gateway, ports: Ports, sliceMs: number): Promise<JobsReport> {
  const swept = await sweep(ports);
  const repliesDropped = await orZero(ports, "replies_not_dropped", dropExpiredReplies(ports, MAX_DROPPED));
  const filesDropped = await orZero(ports, "files_not_dropped", dropIncompleteFiles(ports));
  const batches = await orZero(ports, "batches_not_run", runBatches(gateway, ports, sliceMs));
  return { ...swept, repliesDropped, filesDropped, batches };
}

async function orZero(ports: Ports, event: string, job: Promise<number>): Promise<number> {
  try {
    return await job;
  } catch (error) {
    ports.log.warn(event, { reason: error instanceof Error ? error.name : "unknown" });
    return 0;
  }
}
