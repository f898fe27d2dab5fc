import { createHash } from "node:crypto";
import { Redis as Connection, ReplyError } from "ioredis";
import type { RedisValue } from "../../ports/redis-script.ts";
import type { CommandReply, RedisEngine } from "./redis-engine.ts";
import { RedisReplyError } from "./reply-error.ts";

/** A connection that has owed a reply for so long is made anew: a firewall forgets one without a word to either side. */
const SILENT_MS = 2_000;

/**
 * A real Redis over TCP. A script's text travels once a connection, then its hash does; a server that was made to forget
 * it is told again, after the rest of that pipeline. While the connection is down commands fail at once rather than wait:
 * the guard above counts on it.
 */
export function createTcpRedis(url: string): RedisEngine {
  const connection = new Connection(url, {
    enableOfflineQueue: true,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
    lazyConnect: false,
  });
  // Each failed command has told its caller already.
  connection.on("error", () => {});
  /** Scripts that this connection has sent in full. The next one may lead to a server that knows none. */
  const hashes = new Map<string, string>();
  connection.on("close", () => hashes.clear());

  /** The script's hash, or undefined when this connection has to be told its text first. */
  function knownHash(lua: string): string | undefined {
    const known = hashes.get(lua);
    if (known === undefined) hashes.set(lua, createHash("sha1").update(lua).digest("hex"));
    return known;
  }

  async function run(commands: readonly (readonly string[])[], transactional: boolean): Promise<CommandReply[]> {
    const batch = transactional ? connection.multi() : connection.pipeline();
    for (const [name = "", ...args] of commands) {
      const [lua] = args;
      // What stands between MULTI and EXEC must not be missing there.
      const isScript = lua !== undefined && !transactional && name.toUpperCase() === "EVAL";
      const hash = isScript ? knownHash(lua) : undefined;
      if (hash === undefined) batch.call(name, ...args);
      else batch.call("EVALSHA", hash, ...args.slice(1));
    }
    const silent = setTimeout(() => connection.disconnect(true), SILENT_MS);
    const results = await batch.exec().finally(() => clearTimeout(silent));
    if (results === null) throw new Error("The transaction was discarded.");
    return results.map(([error, value]) => {
      if (error === null) return { result: plain(value) };
      if (isReplyError(error)) return { error: error.message };
      throw error;
    });
  }

  /** Scripts that the server has forgotten are sent in full, in the order they stood in. */
  async function withScripts(commands: readonly (readonly string[])[]): Promise<readonly CommandReply[]> {
    const replies = await run(commands, false);
    for (let index = 0; index < replies.length; index++) {
      if (replies[index]?.error?.startsWith("NOSCRIPT") === true) replies[index] = await whole(commands[index] ?? []);
    }
    return replies;
  }

  async function whole(command: readonly string[]): Promise<CommandReply> {
    const [name = "", ...args] = command;
    try {
      return { result: plain(await connection.call(name, ...args)) };
    } catch (error) {
      if (isReplyError(error)) return { error: error.message };
      throw error;
    }
  }

  const together = coalesced(withScripts);

  return {
    async call(command) {
      const [reply = {}] = await together([command]);
      if (reply.error !== undefined) throw new RedisReplyError(reply.error);
      return reply.result ?? null;
    },
    pipeline: together,
    transaction: (commands) => run(commands, true),
    async close() {
      connection.disconnect();
    },
  };
}

type RunCommands = (commands: readonly (readonly string[])[]) => Promise<readonly CommandReply[]>;

/**
 * Pipelines that are asked for in one turn of the event loop travel in one write: under load that is most of what a
 * request costs on the way to Redis.
 */
function coalesced(run: RunCommands): RunCommands {
  let waiting: {
    readonly commands: readonly (readonly string[])[];
    resolve(replies: readonly CommandReply[]): void;
    reject(error: unknown): void;
  }[] = [];

  function flush(): void {
    const batch = waiting;
    waiting = [];
    run(batch.flatMap(({ commands }) => commands)).then(
      (replies) => {
        let from = 0;
        for (const { commands, resolve } of batch) {
          resolve(replies.slice(from, from + commands.length));
          from += commands.length;
        }
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }

  return (commands) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ commands, resolve, reject });
    });
}

function isReplyError(error: unknown): error is Error {
  return error instanceof ReplyError;
}

/** ioredis gives some replies a friendlier shape when it knows the command; through `call` it gives what came. */
function plain(value: unknown): RedisValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.entries(value).flatMap(([key, member]) => [key, plain(member)]);
  return String(value);
}
