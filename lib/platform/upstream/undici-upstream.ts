import { Readable } from "node:stream";
import { Pool } from "undici";
import type { CallUpstream, UpstreamRequest } from "../../ports/upstream.ts";
import { UndiciExchange } from "./undici-exchange.ts";

export interface UndiciUpstream {
  readonly call: CallUpstream;
  close(): Promise<void>;
}

/** Providers are a handful; past the bound the oldest pool ends once its calls have. */
const MAX_ORIGINS = 100;
const CONNECTIONS_PER_ORIGIN = 512;

/** Outgoing calls on Node: a pool of kept-alive connections an origin (docs/decisions/0001). */
export function createUndiciUpstream(options: { readonly connectTimeoutMs: number }): UndiciUpstream {
  const pools = new Map<string, Pool>();

  function retireOldest(): void {
    const [oldest] = pools;
    if (oldest === undefined) return;
    pools.delete(oldest[0]);
    oldest[1].close().catch(() => {}); // its calls have told of their own failures
  }

  function poolFor(origin: string): Pool {
    const existing = pools.get(origin);
    if (existing !== undefined) return existing;
    if (pools.size >= MAX_ORIGINS) retireOldest();
    const pool = new Pool(origin, {
      connections: CONNECTIONS_PER_ORIGIN,
      pipelining: 1,
      connect: { timeout: options.connectTimeoutMs },
      keepAliveTimeout: 30_000,
      // The gateway's own timers know more: they tell silence from an answer.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    pools.set(origin, pool);
    return pool;
  }

  return {
    async call(request, signal) {
      const exchange = new UndiciExchange(signal);
      const { origin, path } = splitUrl(request.url);
      poolFor(origin).dispatch(
        {
          path,
          method: request.method,
          headers: { ...request.headers, "accept-encoding": "identity" },
          body: bodyOf(request),
        },
        exchange,
      );
      return exchange.reply;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** A stream's failure ends the call with that failure. */
function bodyOf({ body }: UpstreamRequest): string | Readable | null {
  return body === null || typeof body === "string" ? body : Readable.from(body, { objectMode: false });
}

/** Cheaper than parsing: our own URLs are `scheme://host/path`. */
function splitUrl(url: string): { readonly origin: string; readonly path: string } {
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  return slash < 0 ? { origin: url, path: "/" } : { origin: url.slice(0, slash), path: url.slice(slash) };
}
