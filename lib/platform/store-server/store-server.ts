import { serve } from "@hono/node-server";
import type { RedisEngine } from "../redis/redis-engine.ts";
import { handleNeon } from "./neon-handler.ts";
import type { RawSql } from "./raw-sql.ts";
import { handleUpstash } from "./upstash-handler.ts";

export interface StoreServer {
  /** For UPSTASH_REDIS_REST_URL. */
  readonly redisUrl: string;
  /** For NEON_HTTP_ENDPOINT. */
  readonly sqlEndpoint: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * One server on the loopback that speaks Upstash's and Neon's protocols over whatever stores it is given, so that a worker
 * without TCP, and an operator without those services, run on the unmodified clients.
 */
export function serveStores(options: {
  readonly redis: RedisEngine;
  readonly sql: RawSql;
  readonly token: string;
  readonly port?: number;
}): Promise<StoreServer> {
  const { redis, sql, token } = options;
  const fetch = (request: Request) =>
    new URL(request.url).pathname === "/sql" ? handleSql(request, sql, token) : handleUpstash(request, redis, token);
  return new Promise((resolve) => {
    const server = serve({ fetch, port: options.port ?? 0, hostname: "127.0.0.1" }, ({ port }) =>
      resolve({
        redisUrl: `http://127.0.0.1:${port}`,
        sqlEndpoint: `http://127.0.0.1:${port}/sql`,
        port,
        close: () => new Promise<void>((closed) => server.close(() => closed())),
      }),
    );
  });
}

/** Neon authenticates by the password of the connection string; here it is the token. */
function handleSql(request: Request, sql: RawSql, token: string): Promise<Response> | Response {
  const connection = request.headers.get("neon-connection-string") ?? "";
  const password = URL.canParse(connection) ? decodeURIComponent(new URL(connection).password) : "";
  if (password !== token) return Response.json({ message: "password authentication failed" }, { status: 401 });
  return handleNeon(request, sql);
}
