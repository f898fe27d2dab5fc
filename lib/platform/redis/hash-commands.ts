import type { Command, CommandContext } from "./commands.ts";
import { addIntegers, integerReply } from "./integers.ts";
import { RedisReplyError } from "./reply-error.ts";

export const HASH_COMMANDS: Readonly<Record<string, Command>> = {
  HGET: ({ keyspace }, [key = "", field = ""]) => keyspace.hash(key)?.get(field) ?? null,
  HMGET: ({ keyspace }, [key = "", ...fields]) => {
    const hash = keyspace.hash(key);
    return fields.map((field) => hash?.get(field) ?? null);
  },
  HGETALL: ({ keyspace }, [key = ""]) => [...(keyspace.hash(key) ?? [])].flat(),
  HKEYS: ({ keyspace }, [key = ""]) => [...(keyspace.hash(key)?.keys() ?? [])],
  HVALS: ({ keyspace }, [key = ""]) => [...(keyspace.hash(key)?.values() ?? [])],
  HLEN: ({ keyspace }, [key = ""]) => keyspace.hash(key)?.size ?? 0,
  HEXISTS: ({ keyspace }, [key = "", field = ""]) => (keyspace.hash(key)?.has(field) === true ? 1 : 0),
  HSET: hset,
  HMSET: (context, args) => {
    hset(context, args);
    return "OK";
  },
  HSETNX: ({ keyspace }, [key = "", field = "", value = ""]) => {
    const hash = keyspace.openHash(key);
    if (hash.has(field)) return 0;
    hash.set(field, value);
    return 1;
  },
  HDEL: ({ keyspace }, [key = "", ...fields]) => {
    const hash = keyspace.hash(key);
    if (hash === null) return 0;
    const removed = fields.filter((field) => hash.delete(field)).length;
    keyspace.dropIfEmpty(key);
    return removed;
  },
  HINCRBY: ({ keyspace }, [key = "", field = "", by]) => {
    const hash = keyspace.hash(key);
    let sum: string;
    try {
      sum = addIntegers(hash?.get(field) ?? null, by);
    } catch (error) {
      // Redis tells a bad increment from a bad stored value.
      if (hash?.get(field) !== undefined && /^-?\d+$/.test(by ?? ""))
        throw new RedisReplyError("ERR hash value is not an integer");
      throw error;
    }
    keyspace.openHash(key).set(field, sum);
    return integerReply(sum);
  },
};

function hset({ keyspace }: CommandContext, [key = "", ...pairs]: readonly string[]): number {
  if (pairs.length === 0 || pairs.length % 2 !== 0) {
    throw new RedisReplyError("ERR wrong number of arguments for 'hset' command");
  }
  const hash = keyspace.openHash(key);
  let added = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const field = pairs[index] ?? "";
    if (!hash.has(field)) added += 1;
    hash.set(field, pairs[index + 1] ?? "");
  }
  return added;
}
