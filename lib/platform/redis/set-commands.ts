import type { Command, CommandContext } from "./commands.ts";
import { parseNumber } from "./integers.ts";
import { RedisReplyError, syntaxError } from "./reply-error.ts";

/** Sets and sorted sets. */
export const SET_COMMANDS: Readonly<Record<string, Command>> = {
  SADD: ({ keyspace }, [key = "", ...members]) => {
    const set = keyspace.openSet(key);
    const before = set.size;
    for (const member of members) set.add(member);
    return set.size - before;
  },
  SREM: ({ keyspace }, [key = "", ...members]) => {
    const set = keyspace.set(key);
    if (set === null) return 0;
    const removed = members.filter((member) => set.delete(member)).length;
    keyspace.dropIfEmpty(key);
    return removed;
  },
  SMEMBERS: ({ keyspace }, [key = ""]) => [...(keyspace.set(key) ?? [])],
  SISMEMBER: ({ keyspace }, [key = "", member = ""]) => (keyspace.set(key)?.has(member) === true ? 1 : 0),
  SCARD: ({ keyspace }, [key = ""]) => keyspace.set(key)?.size ?? 0,
  ZADD: zadd,
  ZREM: ({ keyspace }, [key = "", ...members]) => {
    const zset = keyspace.zset(key);
    if (zset === null) return 0;
    const removed = members.filter((member) => zset.delete(member)).length;
    keyspace.dropIfEmpty(key);
    return removed;
  },
  ZCARD: ({ keyspace }, [key = ""]) => keyspace.zset(key)?.size ?? 0,
  ZSCORE: ({ keyspace }, [key = "", member = ""]) => {
    const score = keyspace.zset(key)?.get(member);
    return score === undefined ? null : formatScore(score);
  },
  ZRANGE: zrange,
  ZRANGEBYSCORE: (context, [key = "", min = "", max = "", ...options]) =>
    zrange(context, [key, min, max, "BYSCORE", ...options]),
};

function zadd({ keyspace }: CommandContext, [key = "", ...pairs]: readonly string[]): number {
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw syntaxError();
  const scores = pairs.filter((_, index) => index % 2 === 0).map(parseScore);
  const zset = keyspace.openZset(key);
  let added = 0;
  for (const [index, score] of scores.entries()) {
    const member = pairs[index * 2 + 1] ?? "";
    if (!zset.has(member)) added += 1;
    zset.set(member, score);
  }
  return added;
}

/** By rank, or with BYSCORE by score; LIMIT and WITHSCORES as Redis has them. */
function zrange(
  { keyspace }: CommandContext,
  [key = "", from = "", to = "", ...options]: readonly string[],
): readonly string[] {
  const words = options.map((option) => option.toUpperCase());
  const sorted = [...(keyspace.zset(key) ?? [])].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  let chosen: [string, number][];
  if (words.includes("BYSCORE")) {
    const [min, max] = [parseBound(from), parseBound(to)];
    chosen = sorted.filter(([, score]) => above(score, min) && below(score, max));
    const limit = words.indexOf("LIMIT");
    if (limit >= 0) {
      const offset = parseNumber(options[limit + 1]);
      const count = parseNumber(options[limit + 2]);
      chosen = count < 0 ? chosen.slice(offset) : chosen.slice(offset, offset + count);
    }
  } else {
    const index = (text: string) => (parseNumber(text) < 0 ? sorted.length + parseNumber(text) : parseNumber(text));
    chosen = sorted.slice(Math.max(0, index(from)), index(to) + 1);
  }
  return words.includes("WITHSCORES")
    ? chosen.flatMap(([member, score]) => [member, formatScore(score)])
    : chosen.map(([member]) => member);
}

interface Bound {
  readonly score: number;
  readonly exclusive: boolean;
}

function parseBound(text: string): Bound {
  const exclusive = text.startsWith("(");
  return { score: parseScore(exclusive ? text.slice(1) : text), exclusive };
}

const above = (score: number, min: Bound) => (min.exclusive ? score > min.score : score >= min.score);
const below = (score: number, max: Bound) => (max.exclusive ? score < max.score : score <= max.score);

function parseScore(text: string): number {
  if (/^[+-]?inf(?:inity)?$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const score = text === "" ? Number.NaN : Number(text);
  if (Number.isNaN(score)) throw new RedisReplyError("ERR value is not a valid float");
  return score;
}

function formatScore(score: number): string {
  if (Number.isFinite(score)) return String(score);
  return score > 0 ? "inf" : "-inf";
}
