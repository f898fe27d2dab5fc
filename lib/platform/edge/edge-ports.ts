import type { Ports } from "../../ports/ports.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../configuration.ts";
import { createLog } from "../log.ts";
import { createNeonPostgres } from "../postgres/neon-postgres.ts";
import { createUpstashRedis } from "../redis/requester.ts";
import { createFetchUpstream } from "../upstream/fetch-upstream.ts";

/**
 * The outside world of an isolate that has only HTTP: Upstash, Neon, fetch. Made once an isolate; it holds nothing of a
 * request's, and each request brings its own `background`.
 */
export function createEdgePorts({ stores }: Settings): Ports {
  const { redis, postgres } = stores;
  if (redis.kind !== "upstash" || postgres.kind === "embedded")
    throw new Error("The edge reaches its stores over HTTP.");
  const log = createLog((line) => console.log(line));
  return {
    clock: systemClock,
    redis: createUpstashRedis({ ...redis, clock: systemClock }),
    database: createNeonPostgres(postgres.url, postgres.endpoint),
    callUpstream: createFetchUpstream((input, init) => fetch(input, init)),
    background: (task) => void task.catch((error: unknown) => log.error("background_task_failed", error)),
    log,
  };
}
