import { Redis } from "@upstash/redis";
import type { Clock } from "../../ports/clock.ts";
import type { RedisEngine } from "./redis-engine.ts";
import { StoreGuard } from "./store-guard.ts";

/** What `@upstash/redis` asks of the layer under it (its own type is not exported). */
interface Requester {
  request<Result = unknown>(request: {
    path?: string[] | undefined;
    body?: unknown;
  }): Promise<{ result?: Result; error?: string }>;
}

/**
 * The `@upstash/redis` client over an engine in or near this process, guarded. The client is the same as at the edge; only
 * the way to the server differs.
 */
export function createEngineRedis(engine: RedisEngine, clock: Clock): Redis {
  const guard = new StoreGuard(clock);
  return clientWith("http://engine.invalid", "none", guard, () => engineRequester(engine));
}

/** The client over Upstash's REST API (or the local server that speaks it), guarded. */
export function createUpstashRedis(options: {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
}): Redis {
  return clientWith(options.url, options.token, new StoreGuard(options.clock), (own) => own);
}

/**
 * A client whose requester is replaced where it lives: its constructor takes either a requester or options, and we need
 * both, for it must not guess the types of replies ("123" is a string here).
 */
function clientWith(url: string, token: string, guard: StoreGuard, over: (own: Requester) => Requester): Redis {
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    readYourWrites: false,
    retry: false,
    signal: () => guard.signal(),
  });
  const own: unknown = Reflect.get(redis, "client");
  if (!isRequester(own)) throw new Error("The Redis client keeps its requester elsewhere than expected.");
  Reflect.set(redis, "client", guarded(over({ request: own.request.bind(own) }), guard));
  return redis;
}

function isRequester(value: unknown): value is Requester {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "request") === "function";
}

/** Passes calls on while the store answers; rejects at once while it does not. */
function guarded(requester: Requester, guard: StoreGuard): Requester {
  return { request: (request) => guard.run(() => requester.request(request)) };
}

function engineRequester(engine: RedisEngine): Requester {
  return {
    // The client knows the shape of each command's reply; it is what the engine gave.
    request: <Result>({ path, body }: { path?: string[] | undefined; body?: unknown }) =>
      ask(engine, path, body) as Promise<{ result?: Result; error?: string }>,
  };
}

function ask(engine: RedisEngine, path: readonly string[] | undefined, body: unknown): Promise<unknown> {
  switch (path?.[0]) {
    case "pipeline":
      return engine.pipeline(commandsOf(body));
    case "multi-exec":
      return engine.transaction(commandsOf(body));
    default:
      return engine.pipeline([commandOf(body)]).then(([reply]) => reply);
  }
}

function commandsOf(body: unknown): readonly (readonly string[])[] {
  return Array.isArray(body) ? body.map(commandOf) : [];
}

/** Every argument as text, as Upstash's REST API takes them. */
export function commandOf(body: unknown): readonly string[] {
  if (!Array.isArray(body)) return [];
  return body.map((part) => {
    if (typeof part === "string") return part;
    return typeof part === "object" ? JSON.stringify(part) : String(part);
  });
}
