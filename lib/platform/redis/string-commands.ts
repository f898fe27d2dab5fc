import type { Command, CommandContext } from "./commands.ts";
import { addIntegers, integerReply, parseNumber } from "./integers.ts";
import { notAnInteger, syntaxError } from "./reply-error.ts";

export const STRING_COMMANDS: Readonly<Record<string, Command>> = {
  GET: ({ keyspace }, [key = ""]) => keyspace.string(key),
  MGET: ({ keyspace }, keys) =>
    keys.map((key) => {
      const stored = keyspace.get(key);
      return stored?.type === "string" ? stored.value : null;
    }),
  SET: set,
  SETEX: ({ keyspace, clock }, [key = "", seconds, value = ""]) => {
    keyspace.putString(key, value, clock.now() + parseNumber(seconds) * 1000);
    return "OK";
  },
  SETNX: ({ keyspace }, [key = "", value = ""]) => {
    if (keyspace.get(key) !== null) return 0;
    keyspace.putString(key, value, null);
    return 1;
  },
  MSET: ({ keyspace }, args) => {
    for (let index = 0; index + 1 < args.length; index += 2)
      keyspace.putString(args[index] ?? "", args[index + 1] ?? "", null);
    return "OK";
  },
  GETDEL: ({ keyspace }, [key = ""]) => {
    const value = keyspace.string(key);
    keyspace.delete(key);
    return value;
  },
  STRLEN: ({ keyspace }, [key = ""]) => new TextEncoder().encode(keyspace.string(key) ?? "").length,
  INCR: (context, [key = ""]) => increment(context, key, "1"),
  DECR: (context, [key = ""]) => increment(context, key, "-1"),
  INCRBY: (context, [key = "", by]) => increment(context, key, by),
  DECRBY: (context, [key = "", by = ""]) => increment(context, key, by.startsWith("-") ? by.slice(1) : `-${by}`),
};

function increment({ keyspace }: CommandContext, key: string, by: string | undefined): number {
  const sum = addIntegers(keyspace.string(key), by);
  keyspace.putString(key, sum, undefined);
  return integerReply(sum);
}

function set(
  { keyspace, clock }: CommandContext,
  [key = "", value = "", ...options]: readonly string[],
): string | null {
  let expiresAtMs: number | null | undefined = null;
  let wanted: "absent" | "present" | null = null;
  let returnOld = false;
  for (let index = 0; index < options.length; index++) {
    switch (options[index]?.toUpperCase()) {
      case "NX":
        wanted = "absent";
        break;
      case "XX":
        wanted = "present";
        break;
      case "GET":
        returnOld = true;
        break;
      case "KEEPTTL":
        expiresAtMs = undefined;
        break;
      case "EX":
        expiresAtMs = clock.now() + positive(options[++index]) * 1000;
        break;
      case "PX":
        expiresAtMs = clock.now() + positive(options[++index]);
        break;
      default:
        throw syntaxError();
    }
  }
  const old = returnOld ? keyspace.string(key) : null;
  const exists = keyspace.get(key) !== null;
  if ((wanted === "absent" && exists) || (wanted === "present" && !exists)) return old;
  keyspace.putString(key, value, expiresAtMs);
  return returnOld ? old : "OK";
}

function positive(text: string | undefined): number {
  const value = parseNumber(text);
  if (value <= 0) throw notAnInteger();
  return value;
}
