import { errors, Redis } from "@upstash/redis";
import type { Clock } from "../../ports/clock.ts";
import type { CommandReply, RedisEngine } from "./redis-engine.ts";
import { RedisReplyError } from "./reply-error.ts";
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
  return clientWith(options.url, options.token, new StoreGuard(options.clock), restRequester);
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
    // Not `false`, which means one more try: a command whose reply was lost would be done twice.
    retry: { retries: 0 },
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

async function ask(engine: RedisEngine, path: readonly string[] | undefined, body: unknown): Promise<unknown> {
  switch (path?.[0]) {
    case "pipeline":
      return engine.pipeline(commandsOf(body));
    case "multi-exec":
      return engine.transaction(commandsOf(body));
    default:
      return single(engine, commandOf(body));
  }
}

async function single(engine: RedisEngine, command: readonly string[]): Promise<CommandReply> {
  try {
    return { result: await engine.call(command) };
  } catch (error) {
    if (error instanceof RedisReplyError) return { error: error.message };
    throw error;
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
