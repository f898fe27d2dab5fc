import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { holdOnceScript } from "../../../lib/billing/idempotency-script.ts";
import {
  ackScript,
  checkpointScript,
  extendScript,
  holdScript,
  initScript,
  LEDGER_SCRIPTS,
  releaseScript,
  spendScript,
} from "../../../lib/billing/ledger-scripts.ts";
import { takeForgivenessScript } from "../../../lib/billing/partial-answer-allowance.ts";
import { claimProbeScript, recordOutcomeScript } from "../../../lib/health/breaker-scripts.ts";
import { admitScript } from "../../../lib/inference/admit-script.ts";
import { ALL_SCRIPTS } from "../../../lib/inference/redis-scripts.ts";
import { takeRequestScript } from "../../../lib/limits/take-request-script.ts";
import { createEmbeddedRedis } from "../../../lib/platform/redis/embedded-redis.ts";
import type { RedisEngine } from "../../../lib/platform/redis/redis-engine.ts";
import { RedisReplyError } from "../../../lib/platform/redis/reply-error.ts";
import { createTcpRedis } from "../../../lib/platform/redis/tcp-redis.ts";
import type { RedisScript } from "../../../lib/ports/redis-script.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 150);
const redisUrl = process.env["TEST_REDIS_URL"];
const [MIRROR, OPEN] = ["t:mirror", "t:open"];

type Command = readonly string[];
const evaluate = ({ lua }: RedisScript, keys: readonly string[], args: readonly string[]): Command => [
  "EVAL",
  lua,
  String(keys.length),
  ...keys,
  ...args,
];
const embedded = () => createEmbeddedRedis({ clock: createFakeClock(), scripts: ALL_SCRIPTS });

const request = fc.constantFrom("p", "q", "r");
const amount = fc
  .oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(1_000_000_000_000_001, 9_007_199_254_740_991))
  .map(String);
const version = fc.integer({ min: 1, max: 6 }).map(String);
const nonce = fc.constantFrom("g1", "g2", "g3");
const keysOf = (id: string) => [MIRROR, `t:${id}`, OPEN];
const ackKeysOf = (ids: readonly string[]) => [MIRROR, OPEN, ...ids.map((id) => `t:${id}`)];

/** A hold under an Idempotency-Key: of this window or the last, now or days later. */
const onceInput = fc
  .tuple(
    fc.constantFrom(["p", "q"], ["q", "p"], ["r", "q"]),
    fc.constantFrom("f1", "f2"),
    amount,
    fc.constantFrom("1000", "90000000", "200000000"),
  )
  .map(([[id = "", previous = ""], fingerprint, n, now]) => ({
    keys: [`t:s:${id}`, `t:s:${previous}`, MIRROR, `t:${id}`, `t:${previous}`, OPEN],
    args: [fingerprint, now, n, "1000", "0", `a ${id}`, `a ${previous}`],
  }));

/** Everything that may happen to a mirror and its requests, in any order. */
const ledgerCommand: fc.Arbitrary<Command> = fc.oneof(
  fc
    .tuple(request, amount, fc.constantFrom("0", "100", "5000"))
    .map(([id, n, strict]) => evaluate(holdScript, keysOf(id), [n, "1000", strict, `a ${id}`])),
  fc.tuple(amount, version, nonce).map((args) => evaluate(initScript, [MIRROR], args)),
  fc.tuple(request, amount).map(([id, n]) => evaluate(extendScript, [MIRROR, `t:${id}`], [n])),
  fc.tuple(request, amount).map(([id, n]) => evaluate(checkpointScript, [`t:${id}`], [n])),
  fc.tuple(request, amount, nonce).map(([id, n, g]) => evaluate(spendScript, keysOf(id), [n, `a ${id}`, g, "{}"])),
  fc
    .tuple(fc.uniqueArray(request, { minLength: 1 }), amount, version, nonce)
    .map(([ids, n, v, g]) => evaluate(ackScript, ackKeysOf(ids), [n, v, g, ...ids.map((id) => `a ${id}`)])),
  request.map((id) => evaluate(releaseScript, keysOf(id), [`a ${id}`])),
  onceInput.map(({ keys, args }) => evaluate(holdOnceScript, keys, args)),
  fc
    .tuple(request, fc.constantFrom("", "-2", "-3"), fc.constantFrom("failed", "12"))
    .map(([id, run, end]) => ["HSET", `t:${id}${run}`, "end", end]),
  fc.constantFrom<Command>(["DEL", MIRROR], ["DEL", "t:p"]),
);
const otherCommand: fc.Arbitrary<Command> = fc.oneof(
  fc
    .tuple(fc.constantFrom("x", "y"), fc.constantFrom("success", "failure", "credentials-refused"), fc.nat(900_000))
    .map(([p, o, at]) => evaluate(recordOutcomeScript, ["t:breakers"], [p, o, String(at)])),
  fc
    .tuple(fc.constantFrom("x", "y"), fc.nat(900_000), fc.constantFrom("0", "1"))
    .map(([p, at, early]) => evaluate(claimProbeScript, ["t:breakers"], [p, String(at), early])),
  fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.nat(59_999), fc.constantFrom("1", "2"))
    .map(([limit, at, minute]) =>
      evaluate(takeRequestScript, [`t:m${minute}`, `t:m${Number(minute) - 1}`], [String(limit), String(at)]),
    ),
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(59_999), fc.option(fc.tuple(request, amount)))
    .map(([limit, at, wish]) => {
      const held =
        wish === null ? { keys: [], args: [] } : { keys: keysOf(wish[0]), args: [wish[1], "1000", "0", "m"] };
      const keys = ["t:m2", "t:m1", "t:breakers", ...held.keys];
      return evaluate(admitScript, keys, [String(limit), String(at), ...held.args]);
    }),
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), onceInput)
    .map(([limit, { keys, args }]) =>
      evaluate(admitScript, ["t:m2", "t:m1", "t:breakers", ...keys], [String(limit), "5", ...args]),
    ),
  fc.constantFrom<Command>(["SET", "t:breakers", "garbage"], ["SET", "t:mirror", "garbage"], ["SET", "t:m2", "x"]),
  fc.tuple(amount, version, nonce).map((args) => evaluate(initScript, [MIRROR], args)),
  fc.tuple(amount, fc.constant("1000")).map((args) => evaluate(takeForgivenessScript, ["t:forgiven"], args)),
);

async function ask(engine: RedisEngine, command: Command): Promise<unknown> {
  try {
    return await engine.call(command);
  } catch (error) {
    if (error instanceof RedisReplyError) return "an error";
    throw error;
  }
}

/** The keyspace under our prefix, as plain data. */
async function contents(engine: RedisEngine): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  const names = await engine.call(["KEYS", "t:*"]);
  for (const key of Array.isArray(names) ? names.map(String).toSorted() : []) {
    const type = await engine.call(["TYPE", key]);
    const value = await engine.call(
      type === "hash" ? ["HGETALL", key] : type === "zset" ? ["ZRANGE", key, "0", "-1", "WITHSCORES"] : ["GET", key],
    );
    result[key] =
      type === "hash" && Array.isArray(value)
        ? Object.fromEntries(value.flatMap((field, index) => (index % 2 === 0 ? [[field, value[index + 1]]] : [])))
        : value;
  }
  return result;
}

describe.skipIf(redisUrl === undefined)(
  "scripts as Lua on a real Redis and as functions on the embedded engine",
  () => {
    test.each([
      ["ledger", ledgerCommand],
      ["breakers, limits and the rest", otherCommand],
    ] as const)(
      "give the same replies and leave the same keys: %s",
      async (_, command) => {
        const real = createTcpRedis(redisUrl ?? "");
        try {
          await fc.assert(
            fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25 }), async (commands) => {
              const own = embedded();
              const old = await real.call(["KEYS", "t:*"]);
              if (Array.isArray(old) && old.length > 0) await real.call(["DEL", ...old.map(String)]);
              for (const each of commands) expect(await ask(own, each)).toEqual(await ask(real, each));
              expect(await contents(own)).toEqual(await contents(real));
            }),
            { numRuns: RUNS },
          );
        } finally {
          await real.close();
        }
      },
      120_000,
    );
  },
);

/** A planted bug: the script with one of its steps changed. */
function planted(script: RedisScript, change: (native: RedisScript["native"]) => RedisScript["native"]): RedisScript {
  return { ...script, native: change(script.native) };
}

describe("the ledger's scripts", () => {
  const setUp = async (scripts: readonly RedisScript[] = LEDGER_SCRIPTS) => {
    const engine = createEmbeddedRedis({ clock: createFakeClock(), scripts });
    await engine.call(evaluate(initScript, [MIRROR], ["1000", "1", "g1"]));
    return engine;
  };
  const sums = async (engine: RedisEngine) =>
    (await engine.call(["HMGET", MIRROR, "base", "held", "pend"])) as unknown[];
  const hold = (engine: RedisEngine, id: string, n: string) =>
    engine.call(evaluate(holdScript, keysOf(id), [n, "1", "0", `a ${id}`]));
  const spend = (engine: RedisEngine, id: string, n: string) =>
    engine.call(evaluate(spendScript, keysOf(id), [n, `a ${id}`, "gx", "{}"]));
  const ack = (engine: RedisEngine, id: string, base: string, ver: string) =>
    engine.call(evaluate(ackScript, ackKeysOf([id]), [base, ver, "gy", `a ${id}`]));

  const outOfOrder = async (scripts?: readonly RedisScript[]) => {
    const engine = await setUp(scripts);
    await hold(engine, "p", "100");
    await hold(engine, "q", "100");
    await ack(engine, "q", "850", "6");
    await ack(engine, "p", "900", "5");
    return sums(engine);
  };
  const twice = async (scripts?: readonly RedisScript[]) => {
    const engine = await setUp(scripts);
    await hold(engine, "p", "100");
    await hold(engine, "p", "100");
    await spend(engine, "p", "60");
    await spend(engine, "p", "60");
    const pending = await sums(engine);
    await ack(engine, "p", "940", "2");
    await ack(engine, "p", "940", "2");
    return [pending, await sums(engine)];
  };
  const reborn = async (scripts?: readonly RedisScript[]) => {
    const engine = await setUp(scripts);
    await hold(engine, "p", "100");
    await engine.call(["DEL", MIRROR]);
    await engine.call(evaluate(initScript, [MIRROR], ["1000", "2", "g2"]));
    await ack(engine, "p", "940", "3");
    return sums(engine);
  };

  test("P9 acknowledgements in any order leave the base of the highest version", async () => {
    expect(await outOfOrder()).toEqual(["850", "0", "0"]);
  });

  test("P10 each script twice changes nothing more", async () => {
    expect(await twice()).toEqual([
      ["1000", "0", "60"],
      ["940", "0", "0"],
    ]);
  });

  test("F7 a mirror that was lost with a hold open is not brought below zero by it", async () => {
    expect(await reborn()).toEqual(["940", "0", "0"]);
  });

  test("large amounts stay exact", async () => {
    const engine = embedded();
    await engine.call(evaluate(initScript, [MIRROR], ["9007199254740991", "1", "g1"]));
    await hold(engine, "p", "1000000000000001");
    expect(await engine.call(["HGET", MIRROR, "held"])).toBe("1000000000000001");
    expect(await hold(engine, "q", "1")).toEqual(["ok", "8007199254740989"]);
  });

  test("planted bugs are caught: no version fence, a spend that counts twice, no generation", async () => {
    const others = (script: RedisScript) => LEDGER_SCRIPTS.filter(({ name }) => name !== script.name);
    const nofence = planted(ackScript, (native) => (call, keys, args) => {
      const reply = native(call, keys, args);
      call("HSET", keys[0] ?? "", "base", args[0] ?? "", "ver", args[1] ?? "");
      return reply;
    });
    expect(await outOfOrder([...others(ackScript), nofence])).not.toEqual(["850", "0", "0"]);
    const spendtwice = planted(spendScript, (native) => (call, keys, args) => {
      call("HSET", keys[1] ?? "", "st", "held");
      return native(call, keys, args);
    });
    expect((await twice([...others(spendScript), spendtwice]))[0]).not.toEqual(["1000", "0", "60"]);
    const nogen = planted(ackScript, (native) => (call, keys, args) => {
      call("HSET", keys[2] ?? "", "gen", String(call("HGET", keys[0] ?? "", "gen")));
      return native(call, keys, args);
    });
    expect(await reborn([...others(ackScript), nogen])).not.toEqual(["940", "0", "0"]);
  });
});
