import type { Redis } from "@upstash/redis";
import type { Kysely } from "kysely";
import type { Database } from "../database/tables.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { CallUpstream } from "./upstream.ts";

/** The outside world, passed in. A function asks for the ports that it uses: `Pick<Ports, "clock" | "redis">`. */
export interface Ports {
  readonly clock: Clock;
  /**
   * `@upstash/redis` everywhere; what differs is the requester under it. `automaticDeserialization` is off: replies
   * are strings. A call rejects within 150 ms when the store does not answer (the platform's guard).
   */
  readonly redis: Redis;
  /** One statement a call; no interactive transactions (Neon HTTP has none). bigint columns arrive as strings. */
  readonly database: Kysely<Database>;
  readonly callUpstream: CallUpstream;
  /** Keeps the isolate alive until `task` settles. Never awaited by the request. */
  readonly background: (task: Promise<unknown>) => void;
  readonly log: Log;
}
