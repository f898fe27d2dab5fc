import { createHash } from "node:crypto";
import { Redis as Connection, ReplyError } from "ioredis";
import type { RedisValue } from "../../ports/redis-script.ts";
import type { CommandReply, RedisEngine } from "./redis-engine.ts";
import { RedisReplyError } from "./reply-error.ts";

/**
 * A real Redis over TCP. Scripts go as EVALSHA, so that their text travels once; a server that has forgotten one is told
 * again. While the connection is down commands fail at once rather than wait: the guard above counts on it.
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
  const hashes = new Map<string, string>();

  function hashOf(lua: string): string {
    const known = hashes.get(lua);
    if (known !== undefined) return known;
    const hash = createHash("sha1").update(lua).digest("hex");
    hashes.set(lua, hash);
    return hash;
  }

  async function run(commands: readonly (readonly string[])[], transactional: boolean): Promise<CommandReply[]> {
    const batch = transactional ? connection.multi() : connection.pipeline();
    for (const [name = "", ...args] of commands) {
      const [lua] = args;
      if (lua === undefined || name.toUpperCase() !== "EVAL") batch.call(name, ...args);
      else batch.call("EVALSHA", hashOf(lua), ...args.slice(1));
    }
    const results = await batch.exec();
    if (results === null) throw new Error("The transaction was discarded.");
    return results.map(([error, value]) => {
      if (error === null) return { result: plain(value) };
      if (isReplyError(error)) return { error: error.message };
      throw error;
    });
  }

  /** Scripts that the server does not know are sent in full, in the order they stood in. */
  async function withScripts(
    commands: readonly (readonly string[])[],
    transactional: boolean,
  ): Promise<readonly CommandReply[]> {
    const replies = await run(commands, transactional);
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

  const together = coalesced((commands) => withScripts(commands, false));

  return {
    async call(command) {
      const [reply = {}] = await together([command]);
      if (reply.error !== undefined) throw new RedisReplyError(reply.error);
      return reply.result ?? null;
    },
    pipeline: together,
    transaction: (commands) => withScripts(commands, true),
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
