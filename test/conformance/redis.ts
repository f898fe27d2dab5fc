import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LIMIT_SCRIPTS, takeRequestScript } from "../../lib/limits/take-request-script.ts";
import type { RedisScript } from "../../lib/ports/redis-script.ts";

export interface OpenRedis {
  readonly redis: Redis;
  /** What an operator's SCRIPT FLUSH does; nothing where no script is kept. */
  forgetScripts(): Promise<void>;
  close(): Promise<void>;
}

/** Runs a command with its arguments and gives what it replies: the way to what only our scripts use. KEYS as given. */
function commandScript(name: string): RedisScript {
  return {
    name: `conformance-${name}`,
    lua: `return redis.call('${name}', KEYS[1], unpack(ARGV))`,
    native: (call, keys, args) => call(name, keys[0] ?? "", ...args),
  };
}

const command = (name: string) => {
  const { lua } = commandScript(name);
  return (redis: Redis, key: string, ...args: readonly string[]) => redis.eval(lua, [key], [...args]);
};
const expire = command("EXPIRE");
const hincrby = command("HINCRBY");
const hsetnx = command("HSETNX");
const incr = command("INCR");
const incrby = command("INCRBY");
const pexpire = command("PEXPIRE");
const zadd = command("ZADD");

/** Every kind of reply that a script can give, at every depth that ours have. */
const repliesScript: RedisScript = {
  name: "conformance-replies",
  lua: `
redis.call('SET', KEYS[1], ARGV[1])
return {redis.call('GET', KEYS[1]), 'OK', 7, -1, {'nested', 'OK', {3}}, redis.call('GET', KEYS[2]), #KEYS, #ARGV}`,
  native: (call, keys, args) => {
    const [first = "", second = ""] = keys;
    call("SET", first, args[0] ?? "");
    return [call("GET", first), "OK", 7, -1, ["nested", "OK", [3]], call("GET", second), keys.length, args.length];
  },
};
const statusScript: RedisScript = {
  name: "conformance-status",
  lua: "return redis.call('SET', KEYS[1], ARGV[1])",
  native: (call, keys, args) => call("SET", keys[0] ?? "", args[0] ?? ""),
};
/** Used by one test alone, so that it is new there. */
const firstSeenScript: RedisScript = {
  ...statusScript,
  name: "conformance-first-seen",
  lua: `${statusScript.lua} -- 1`,
};
const nothingScript: RedisScript = { name: "conformance-nothing", lua: "return nil", native: () => null };
/** Writes, and then fails: Redis does not take the write back. */
const failingScript: RedisScript = {
  name: "conformance-failing",
  lua: "redis.call('SET', KEYS[1], 'written')\nreturn redis.call('HGET', KEYS[1], 'field')",
  native: (call, keys) => {
    call("SET", keys[0] ?? "", "written");
    return call("HGET", keys[0] ?? "", "field");
  },
};

/** What an implementation under test has to know, where it runs scripts by their native form. */
export const CONFORMANCE_SCRIPTS: readonly RedisScript[] = [
  ...["EXPIRE", "HINCRBY", "HSETNX", "INCR", "INCRBY", "PEXPIRE", "ZADD"].map(commandScript),
  ...[repliesScript, statusScript, firstSeenScript, nothingScript, failingScript],
  ...LIMIT_SCRIPTS,
];

/** Values that some layer on the way could take for something else than text. */
const TEXTS: readonly (readonly [string, string])[] = [
  ["a number", "123"],
  ["a number past 2^53", "9007199254740993"],
  ["JSON", '{"a":[1,null]}'],
  ["null", "null"],
  ["true", "true"],
  ["Redis' own OK", "OK"],
  ["base64", "T0s="],
  ["nothing", ""],
  ["quotes, line ends and NUL", "'\"\\\r\n\0 end"],
  ["other scripts and astral characters", "ünïcode 漢字 \u{1f680} e\u0301"],
];

/** One suite for the Redis port: every way to a Redis has to pass it. */
export function describeRedis(name: string, open: () => Promise<OpenRedis>): void {
  describe(`the Redis port: ${name}`, () => {
    let opened: OpenRedis;
    let redis: Redis;
    let key: string;
    const keys: string[] = [];
    const named = (suffix: string) => {
      const made = `conformance:${crypto.randomUUID()}:${suffix}`;
      keys.push(made);
      return made;
    };
    beforeAll(async () => {
      opened = await open();
      ({ redis } = opened);
    });
    beforeEach(() => {
      key = named("key");
    });
    afterAll(async () => {
      await redis.del(...keys);
      await opened.close();
    });
    const gone = (of: string) => expect.poll(() => redis.get(of), { interval: 5 }).toBeNull();

    test("answers a ping", async () => {
      expect(await redis.ping()).toBe("PONG");
    });

    describe("strings", () => {
      test.each(TEXTS)("%s comes back as it was written, by each way to read it", async (_, text) => {
        expect(await redis.set(key, text)).toBe("OK");
        expect(await redis.get(key)).toBe(text);
        expect(await redis.mget(key)).toEqual([text]);
        expect(await redis.eval(repliesScript.lua, [named("other"), key], [text])).toEqual([
          text,
          ...["OK", 7, -1, ["nested", "OK", [3]], text, 2, 1],
        ]);
        const replies = await redis.pipeline().get(key).mget(key, named("none")).exec({ keepErrors: true });
        expect(replies.map(({ result }) => result)).toEqual([text, [text, null]]);
      });

      test("a half of a surrogate pair is no text: it becomes the replacement character", async () => {
        await redis.set(key, "a\ud800b");
        expect(await redis.get(key)).toBe("a\ufffdb");
      });

      test("what is not there is null, alone and among others, and so is what is of another type among others", async () => {
        const hash = named("hash");
        await redis.set(key, "here");
        await redis.hset(hash, { field: "value" });
        expect(await redis.get(named("none"))).toBeNull();
        expect(await redis.mget(named("none"), key, hash)).toEqual([null, "here", null]);
      });

      test("EX sets an expiry, and a write without one takes it away", async () => {
        await redis.set(key, "short", { ex: 100 });
        expect(await redis.ttl(key)).toBeGreaterThan(95);
        expect(await redis.ttl(key)).toBeLessThanOrEqual(100);
        await redis.set(key, "long");
        expect(await redis.ttl(key)).toBe(-1);
      });

      test("EX with NX writes only where nothing is, and leaves what is there with its expiry", async () => {
        expect(await redis.set(key, "first", { ex: 100, nx: true })).toBe("OK");
        expect(await redis.set(key, "second", { ex: 5000, nx: true })).toBeNull();
        expect(await redis.get(key)).toBe("first");
        expect(await redis.ttl(key)).toBeLessThanOrEqual(100);
      });

      test("writes over a key of any type", async () => {
        await redis.hset(key, { field: "value" });
        expect(await redis.set(key, "text")).toBe("OK");
        expect(await redis.get(key)).toBe("text");
      });

      test("counts exactly, and keeps the expiry while it does", async () => {
        expect(await incr(redis, key)).toBe(1);
        expect(await incrby(redis, key, "4")).toBe(5);
        expect(await pexpire(redis, key, "90000")).toBe(1);
        expect(await incrby(redis, key, "9007199254740986")).toBe(9_007_199_254_740_991);
        expect(await redis.get(key)).toBe("9007199254740991");
        expect(await redis.ttl(key)).toBeGreaterThan(80);
        await redis.set(key, "9223372036854775807");
        await expect(incrby(redis, key, "1")).rejects.toThrow("ERR");
        await expect(incr(redis, key)).rejects.toThrow("ERR");
        expect(await redis.get(key)).toBe("9223372036854775807");
      });
    });

    test("an expired key is gone for every command, and its name is free", async () => {
      const hash = named("hash");
      const count = named("count");
      await redis.set(key, "soon gone");
      await redis.hset(hash, { field: "value" });
      await incrby(redis, count, "41");
      for (const each of [key, hash, count]) expect(await pexpire(redis, each, "1")).toBe(1);
      await gone(key);
      await expect.poll(() => redis.hgetall(hash), { interval: 5 }).toEqual([]);
      await gone(count);
      expect(await redis.exists(key, hash, count)).toBe(0);
      expect(await redis.set(key, "again", { ex: 100, nx: true })).toBe("OK");
      expect(await incrby(redis, count, "1")).toBe(1);
      expect(await pexpire(redis, named("none"), "1000")).toBe(0);
    });

    test("EXPIRE counts in seconds, and an expired key's name is free for any type", async () => {
      await redis.hset(key, { field: "value" });
      expect(await expire(redis, key, "86400")).toBe(1);
      expect(await redis.ttl(key)).toBeGreaterThan(86_390);
      await redis.hset(key, { field: "other" });
      expect(await redis.ttl(key)).toBeGreaterThan(86_390);
      expect(await expire(redis, named("none"), "1")).toBe(0);
      expect(await pexpire(redis, key, "1")).toBe(1);
      await expect.poll(() => redis.exists(key), { interval: 5 }).toBe(0);
      expect(await zadd(redis, key, "1", "member")).toBe(1);
      expect(await redis.ttl(key)).toBe(-1);
    });

    test("an expiry in the past, or of nothing, takes the key away", async () => {
      await redis.set(key, "here");
      expect(await pexpire(redis, key, "0")).toBe(1);
      expect(await redis.get(key)).toBeNull();
    });

    test("DEL says how many there were", async () => {
      await redis.set(key, "one");
      const hash = named("hash");
      await redis.hset(hash, { field: "two" });
      expect(await redis.del(key, hash, named("none"))).toBe(2);
      expect(await redis.del(key)).toBe(0);
    });

    describe("hashes", () => {
      test("a whole hash is a flat list of text, whatever its fields are called", async () => {
        const fields = { b: "1", "10": "ten", "2": "two", __proto__x: "p", "": "empty", ü: "OK" };
        expect(await redis.hset(key, fields)).toBe(6);
        const reply: unknown = await redis.hgetall(key);
        const list = Array.isArray(reply) ? reply : [];
        expect(list).toHaveLength(12);
        expect(Object.fromEntries(list.flatMap((_, at) => (at % 2 === 0 ? [[list[at], list[at + 1]]] : [])))).toEqual(
          fields,
        );
      });

      test("a field called __proto__ is a field", async () => {
        await redis.hset(key, { ["__proto__"]: "value" });
        expect(await redis.hgetall(key)).toEqual(["__proto__", "value"]);
      });

      test("what is not there is null, and a hash that is not there is empty", async () => {
        await redis.hset(key, { here: "1" });
        expect(await redis.hget(key, "here")).toBe("1");
        expect(await redis.hget(key, "none")).toBeNull();
        expect(await redis.hget(named("none"), "here")).toBeNull();
        expect(await redis.hmget(key, "none", "here")).toEqual([null, "1"]);
        expect(await redis.hmget(named("none"), "a", "b")).toEqual([null, null]);
        expect(await redis.hgetall(named("none"))).toEqual([]);
      });

      test("a write says how many fields are new, HSETNX leaves what is there", async () => {
        expect(await redis.hset(key, { a: "1", b: "2" })).toBe(2);
        expect(await redis.hset(key, { b: "3", c: "4" })).toBe(1);
        expect(await hsetnx(redis, key, "a", "other")).toBe(0);
        expect(await hsetnx(redis, key, "d", "5")).toBe(1);
        expect(await redis.hmget(key, "a", "b", "c", "d")).toEqual(["1", "3", "4", "5"]);
      });

      test("HINCRBY counts both ways, from nothing, up to 64 bits and no further", async () => {
        expect(await hincrby(redis, key, "n", "5")).toBe(5);
        expect(await hincrby(redis, key, "n", "-7")).toBe(-2);
        await redis.hset(key, { n: "9007199254740993", text: "x" });
        await hincrby(redis, key, "n", "-1");
        expect(await redis.hget(key, "n")).toBe("9007199254740992");
        for (const [field, by] of [
          ["n", "9223372036854775807"],
          ["text", "1"],
          ["n", "x"],
          ["n", "-0"],
          ["n", "1.5"],
        ] as const)
          await expect(hincrby(redis, key, field, by)).rejects.toThrow("ERR");
        expect(await redis.hget(key, "n")).toBe("9007199254740992");
      });

      test("HDEL says how many there were, and a hash goes with its last field", async () => {
        await redis.hset(key, { a: "1", b: "2" });
        expect(await redis.hdel(key, "a", "none")).toBe(1);
        expect(await redis.hdel(key, "b")).toBe(1);
        expect(await redis.exists(key)).toBe(0);
        expect(await redis.hdel(key, "b")).toBe(0);
      });
    });

    describe("sorted sets", () => {
      const due = (max: number | "+inf", count: number, offset = 0) =>
        redis.zrange(key, "-inf", max, { byScore: true, offset, count });

      test("give members by score, ties by name, a page at a time", async () => {
        const now = 1_767_225_600_000;
        const members = [
          ["c", now + 1],
          ["b", now],
          ["a", now],
          ["first", 0],
          ["before all", -1.5],
        ] as const;
        for (const [member, score] of members) expect(await zadd(redis, key, String(score), member)).toBe(1);
        expect(await due(now, 200)).toEqual(["before all", "first", "a", "b"]);
        expect(await due(now, 2)).toEqual(["before all", "first"]);
        expect(await due(now, 2, 3)).toEqual(["b"]);
        expect(await due("+inf", -1, 3)).toEqual(["b", "c"]);
        expect(await redis.zrange(named("none"), "-inf", now, { byScore: true, offset: 0, count: 200 })).toEqual([]);
      });

      test("keep a member once, with its last score, and go with the last member", async () => {
        expect(await zadd(redis, key, "1", "account request")).toBe(1);
        expect(await zadd(redis, key, "5", "account request")).toBe(0);
        expect(await redis.zcard(key)).toBe(1);
        expect(await due(4, 10)).toEqual([]);
        expect(await due(5, 10)).toEqual(["account request"]);
        expect(await redis.zrem(key, "account request", "none")).toBe(1);
        expect(await redis.zcard(key)).toBe(0);
        expect(await redis.exists(key)).toBe(0);
        expect(await redis.zrem(key, "account request")).toBe(0);
      });
    });

    describe("errors of a command", () => {
      test("the wrong type is said in Redis' words by every command, and nothing is written", async () => {
        const hash = named("hash");
        await redis.set(key, "text");
        await redis.hset(hash, { field: "value" });
        const wrong: readonly (() => Promise<unknown>)[] = [
          () => redis.get(hash),
          () => redis.hget(key, "field"),
          () => redis.hmget(key, "field"),
          () => redis.hgetall(key),
          () => redis.hset(key, { field: "value" }),
          () => redis.hdel(key, "field"),
          () => redis.zcard(key),
          () => redis.zrem(key, "member"),
          () => redis.zrange(key, "-inf", 1, { byScore: true, offset: 0, count: 1 }),
          () => hincrby(redis, key, "field", "1"),
          () => hsetnx(redis, key, "field", "1"),
          () => incrby(redis, hash, "1"),
          () => zadd(redis, hash, "1", "member"),
        ];
        for (const call of wrong) await expect(call()).rejects.toThrow(/^WRONGTYPE /);
        expect(await redis.get(key)).toBe("text");
        expect(await redis.hgetall(hash)).toEqual(["field", "value"]);
      });

      test("its message does not repeat the command: there may be a secret in it", async () => {
        await redis.set(key, "text");
        const error = await redis.hset(key, { field: "canary-value" }).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(Error);
        expect(String(error)).not.toContain("canary-value");
      });

      test("however many of them, the store that says so is well: the next command is asked of it", async () => {
        await redis.set(key, "text");
        for (let times = 0; times < 10; times++) await expect(redis.hgetall(key)).rejects.toThrow("WRONGTYPE");
        expect(await redis.get(key)).toBe("text");
      });
    });

    describe("pipelines", () => {
      test("an error in the middle is that command's alone, and is told beside the other replies", async () => {
        await redis.set(key, "text");
        const after = named("after");
        const replies = await redis
          .pipeline()
          .get(key)
          .hgetall(key)
          .eval(failingScript.lua, [named("failing")], [])
          .set(after, "written")
          .get(after)
          .exec({ keepErrors: true });
        expect(replies).toEqual([
          { result: "text", error: undefined },
          { result: undefined, error: expect.stringMatching(/^WRONGTYPE /) },
          { result: undefined, error: expect.stringMatching(/^WRONGTYPE /) },
          { result: "OK", error: undefined },
          { result: "written", error: undefined },
        ]);
      });

      test("without keepErrors the first error is thrown, after everything was done", async () => {
        await redis.set(key, "text");
        const after = named("after");
        const pipeline = redis.pipeline().hgetall(key).set(after, "written");
        await expect(pipeline.exec()).rejects.toThrow(/Command 1 .*WRONGTYPE/);
        expect(await redis.get(after)).toBe("written");
      });

      test("commands run in their order, a script among them that the server sees for the first time", async () => {
        await opened.forgetScripts();
        await redis.set(key, "before");
        const replies = await redis
          .pipeline()
          .get(key)
          .eval(firstSeenScript.lua, [key], ["by the script"])
          .get(key)
          .set(key, "after")
          .get(key)
          .exec({ keepErrors: true });
        expect(replies.map(({ result }) => result)).toEqual(["before", "OK", "by the script", "OK", "after"]);
      });

      test("many at once: each gets its own replies", async () => {
        const one = async (number: number) => {
          const own = named(String(number));
          const pipeline = redis.pipeline().set(own, String(number)).hgetall(own).get(own);
          return (await pipeline.exec({ keepErrors: true })).map(({ result, error }) => error?.slice(0, 9) ?? result);
        };
        const replies = await Promise.all(Array.from({ length: 50 }, (_, number) => one(number)));
        for (const [number, reply] of replies.entries()) expect(reply).toEqual(["OK", "WRONGTYPE", String(number)]);
      });

      test("of five hundred commands", async () => {
        const pipeline = redis.pipeline();
        for (let number = 0; number < 500; number++) pipeline.hset(key, { [`field ${number}`]: String(number) });
        const replies = await pipeline.exec({ keepErrors: true });
        expect(replies).toEqual(Array.from({ length: 500 }, () => ({ result: 1, error: undefined })));
        expect(await redis.hget(key, "field 499")).toBe("499");
      });
    });

    describe("scripts", () => {
      const replies = (text: string) => redis.eval(repliesScript.lua, [key, named("none")], [text, "second"]);
      const expected = (text: string) => [text, "OK", 7, -1, ["nested", "OK", [3]], null, 2, 2];

      test("work the first time, again, and after the server has forgotten them", async () => {
        await opened.forgetScripts();
        expect(await replies("first")).toEqual(expected("first"));
        expect(await replies("second")).toEqual(expected("second"));
        await opened.forgetScripts();
        expect(await replies("third")).toEqual(expected("third"));
        await opened.forgetScripts();
        // It may come after the other commands then, but come it does, and its reply stands where it belongs.
        const pipeline = redis
          .pipeline()
          .ping()
          .eval(repliesScript.lua, [key, named("none")], ["fourth", "second"])
          .ping();
        const found = await pipeline.exec({ keepErrors: true });
        expect(found.map(({ result }) => result)).toEqual(["PONG", expected("fourth"), "PONG"]);
      });

      test("a status is text, and nothing is null", async () => {
        expect(await redis.eval(statusScript.lua, [key], ["value"])).toBe("OK");
        expect(await redis.eval(nothingScript.lua, [key], [])).toBeNull();
      });

      test("one that fails rejects in Redis' words, and what it wrote before stays", async () => {
        await expect(redis.eval(failingScript.lua, [key], [])).rejects.toThrow(/^WRONGTYPE /);
        expect(await redis.get(key)).toBe("written");
      });

      test("fifty at once on one key are one after the other", async () => {
        const take = () => redis.eval(takeRequestScript.lua, [key, named("last")], ["20", "0"]);
        const replies = await Promise.all(Array.from({ length: 50 }, take));
        const taken = replies.flatMap((reply) => (Array.isArray(reply) && reply[0] === 1 ? [Number(reply[1])] : []));
        expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
        expect(await redis.get(key)).toBe("20");
        expect(await redis.pttl(key)).toBeGreaterThan(110_000);
      });
    });

    describe("large values", () => {
      const large = "ü\u{1f680}".repeat(150_000);

      test("a string of most of a megabyte, and as an argument and a reply of a script", async () => {
        expect(await redis.set(key, large)).toBe("OK");
        expect((await redis.get(key)) === large).toBe(true);
        const reply = await redis.eval(repliesScript.lua, [key, named("none")], [large]);
        expect(Array.isArray(reply) && reply[0] === large).toBe(true);
      });

      test("a hash of two thousand fields", async () => {
        const fields = Object.fromEntries(Array.from({ length: 2_000 }, (_, number) => [`f${number}`, `v${number}`]));
        await redis.hset(key, fields);
        expect(await redis.hgetall(key)).toHaveLength(4_000);
      });
    });
  });
}
