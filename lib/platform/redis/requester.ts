import { errors, Redis } from "@upstash/redis";
import type { Clock } from "../../ports/clock.ts";
import type { RedisEngine } from "./redis-engine.ts";
import { withScriptHashes } from "./script-hashes.ts";
import { StoreGuard } from "./store-guard.ts";

/** What `@upstash/redis` asks of the layer under it (its own type is not exported). */
export interface Requester {
  request<Result = unknown>(request: {
    path?: string[] | undefined;
    body?: unknown;
    signal?: AbortSignal;
  }): Promise<{ result?: Result; error?: string }>;
}

/**
 * The `@upstash/redis` client over an engine in or near this process, guarded. The client is the same as at the edge; only
 * the way to the server differs.
 */
export function createEngineRedis(engine: RedisEngine, clock: Clock): Redis {
  const guard = new StoreGuard(clock);
  const own = engineRequester(engine);
  return clientWith("http://engine.invalid", "none", () => ({
    request: (request) => guard.run(() => own.request(request)),
  }));
}

/** The client over Upstash's REST API (or the local server that speaks it), guarded. */
export function createUpstashRedis(options: {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
}): Redis {
  const guard = new StoreGuard(options.clock);
  return clientWith(options.url, options.token, (own) => {
    const server = withScriptHashes(restRequester(own));
    return { request: (request) => guard.run((signal) => server.request({ ...request, signal: signal() })) };
  });
}

/**
 * A client whose requester is replaced where it lives: its constructor takes either a requester or options, and we need
 * both, for it must not guess the types of replies ("123" is a string here).
 */
function clientWith(url: string, token: string, over: (own: Requester) => Requester): Redis {
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    readYourWrites: false,
    responseEncoding: false,
    // Not `false`, which means one more try: a command whose reply was lost would be done twice.
    retry: { retries: 0 },
  });
  const own: unknown = Reflect.get(redis, "client");
  if (!isRequester(own)) throw new Error("The Redis client keeps its requester elsewhere than expected.");
  Reflect.set(redis, "client", over({ request: own.request.bind(own) }));
  return redis;
}

function isRequester(value: unknown): value is Requester {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "request") === "function";
}

/** Complaints about the client rather than the command: none will be answered (upstash.com/docs/redis/troubleshooting, read 2026-11-24). */
const REFUSED = /^(?:WRONGPASS|NOAUTH)\b|limit exceeded/;

/**
 * Upstash replies to a command's error with status 400, of which its client makes an exception that repeats the whole
 * command. Here it is a reply again, as from any Redis: the store is well, and what was sent stays out of the message.
 */
function restRequester(own: Requester): Requester {
  return {
    async request(request) {
      try {
        return await own.request(request);
      } catch (error) {
        if (!(error instanceof errors.UpstashError) || error instanceof errors.UpstashJSONParseError) throw error;
        const complaint = error.message.replace(`, command was: ${JSON.stringify(request.body)}`, "");
        const isOfCommand = (request.path ?? []).length === 0 && !REFUSED.test(complaint);
        if (isOfCommand) return { error: complaint };
        throw new errors.UpstashError(complaint);
      }
    },
  };
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

/** A list of commands as the client sends it; what is no command is an empty one. */
export function commandsOf(body: unknown): readonly (readonly string[])[] {
  return Array.isArray(body) ? body.map(commandOf) : [];
}

/** Every argument as text, as Upstash's REST API takes them. */
function commandOf(body: unknown): readonly string[] {
  if (!Array.isArray(body)) return [];
  return body.map((part) => {
    if (typeof part === "string") return part;
    return typeof part === "object" ? JSON.stringify(part) : String(part);
  });
}
