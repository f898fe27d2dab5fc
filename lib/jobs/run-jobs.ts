import type { Gateway } from "../inference/gateway.ts";
import { dropExpiredReplies } from "../inference/kept-replies.ts";
import type { Ports } from "../ports/ports.ts";
import { type SweepReport, sweep } from "./sweep.ts";

export interface JobsReport extends SweepReport {
  /** Kept replies past their day. */
  readonly repliesDropped: number;
}

const MAX_DROPPED = 1_000;

/** Everything that cron does, each minute where it can. A job that fails leaves the others alone. */
export async function runJobs(_gateway: Gateway, ports: Ports): Promise<JobsReport> {
  const swept = await sweep(ports);
  const repliesDropped = await orZero(ports, "replies_not_dropped", dropExpiredReplies(ports, MAX_DROPPED));
  return { ...swept, repliesDropped };
}

async function orZero(ports: Ports, event: string, job: Promise<number>): Promise<number> {
  try {
    return await job;
  } catch (error) {
    ports.log.warn(event, { reason: error instanceof Error ? error.name : "unknown" });
    return 0;
  }
}
