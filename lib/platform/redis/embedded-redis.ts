import { createHash } from "node:crypto";
import type { Clock } from "../../ports/clock.ts";
import type { RedisScript, RedisValue, ScriptCall } from "../../ports/redis-script.ts";
import { COMMANDS, type CommandContext } from "./commands.ts";
import { parseNumber } from "./integers.ts";
import { Keyspace } from "./keyspace.ts";
import type { CommandReply, RedisEngine } from "./redis-engine.ts";
import { RedisReplyError } from "./reply-error.ts";

export interface EmbeddedRedis extends RedisEngine {
  /** Every key with its type and value, for tests that compare two stores. */
  snapshot(): Readonly<Record<string, unknown>>;
}

/**
 * A Redis inside the process: for the first start without any server, and for tests. Commands are synchronous, so that
 * each, each script and each transaction is atomic by nature. A script is found by its Lua text and run as its native form.
 */
export function createEmbeddedRedis(options: {
  readonly clock: Clock;
  readonly scripts: readonly RedisScript[];
}): EmbeddedRedis {
  const keyspace = new Keyspace(options.clock);
  const context: CommandContext = { keyspace, clock: options.clock };
  const scripts = new Map(options.scripts.map((script) => [script.lua, script]));
  const byHash = new Map(options.scripts.map((script) => [sha1(script.lua), script]));

  function run(command: readonly string[]): RedisValue {
    const [name = "", ...args] = command;
    const upper = name.toUpperCase();
    if (upper === "EVAL") return evaluate(scripts.get(args[0] ?? ""), args);
    if (upper === "EVALSHA") return evaluate(byHash.get(args[0] ?? ""), args);
    const implementation = COMMANDS.get(upper);
    if (implementation === undefined) throw new RedisReplyError(`ERR unknown command '${name}'`);
    return implementation(context, args);
  }

  function evaluate(script: RedisScript | undefined, [, count, ...rest]: readonly string[]): RedisValue {
    if (script === undefined)
      throw new RedisReplyError("NOSCRIPT this script has no native form in the embedded engine");
    const keys = parseNumber(count);
    const call: ScriptCall = (command, ...args) => run([command, ...args.map(String)]);
    return script.native(call, rest.slice(0, keys), rest.slice(keys));
  }

  /** A server keeps bytes: half of a surrogate pair, which has none, reaches it as the replacement character. */
  const received = (command: readonly string[]) => command.map((argument) => argument.toWellFormed());

  function reply(command: readonly string[]): CommandReply {
    try {
      return { result: run(received(command)) };
    } catch (error) {
      if (error instanceof RedisReplyError) return { error: error.message };
      throw error;
    }
  }

  return {
    call: async (command) => run(received(command)),
    pipeline: async (commands) => commands.map(reply),
    transaction: async (commands) => commands.map(reply),
    close: async () => {},
    snapshot: () =>
      Object.fromEntries(
        keyspace
          .keys()
          .toSorted()
          .map((key) => [key, plain(keyspace.get(key)?.value)]),
      ),
  };
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return value instanceof Set ? [...value].toSorted() : value;
}
