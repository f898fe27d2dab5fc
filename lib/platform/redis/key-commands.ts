import type { Command, CommandContext } from "./commands.ts";
import { parseNumber } from "./integers.ts";
import { syntaxError } from "./reply-error.ts";

/** Commands on keys of any type, and on the server. */
export const KEY_COMMANDS: Readonly<Record<string, Command>> = {
  PING: (_, [message]) => message ?? "PONG",
  DBSIZE: ({ keyspace }) => keyspace.keys().length,
  FLUSHDB: flush,
  FLUSHALL: flush,
  DEL: remove,
  UNLINK: remove,
  EXISTS: ({ keyspace }, keys) => keys.filter((key) => keyspace.get(key) !== null).length,
  TYPE: ({ keyspace }, [key = ""]) => keyspace.get(key)?.type ?? "none",
  EXPIRE: (context, args) => expire(context, args, 1000),
  PEXPIRE: (context, args) => expire(context, args, 1),
  PERSIST: ({ keyspace }, [key = ""]) => {
    if (typeof keyspace.expiry(key) !== "number") return 0;
    keyspace.expire(key, null);
    return 1;
  },
  TTL: (context, [key = ""]) => timeToLive(context, key, 1000),
  PTTL: (context, [key = ""]) => timeToLive(context, key, 1),
  KEYS: ({ keyspace }, [pattern = "*"]) => keyspace.keys().filter((key) => matches(key, pattern)),
  SCAN: ({ keyspace }, args) => {
    // One page with everything: a cursor of 0 says that the scan is complete.
    const pattern = option(args, "MATCH") ?? "*";
    return ["0", keyspace.keys().filter((key) => matches(key, pattern))];
  },
};

function flush({ keyspace }: CommandContext): string {
  keyspace.clear();
  return "OK";
}

function remove({ keyspace }: CommandContext, keys: readonly string[]): number {
  return keys.filter((key) => keyspace.delete(key)).length;
}

function expire(
  { keyspace, clock }: CommandContext,
  [key = "", amount, condition]: readonly string[],
  unitMs: number,
): number {
  const current = keyspace.expiry(key);
  const expiresAtMs = clock.now() + parseNumber(amount) * unitMs;
  if (current === undefined) return 0;
  switch ((condition ?? "").toUpperCase()) {
    case "":
      break;
    case "NX":
      if (current !== null) return 0;
      break;
    case "XX":
      if (current === null) return 0;
      break;
    case "GT":
      if (current === null || expiresAtMs <= current) return 0;
      break;
    case "LT":
      if (current !== null && expiresAtMs >= current) return 0;
      break;
    default:
      throw syntaxError();
  }
  keyspace.expire(key, expiresAtMs);
  return 1;
}

function timeToLive({ keyspace, clock }: CommandContext, key: string, unitMs: number): number {
  const expiresAtMs = keyspace.expiry(key);
  if (expiresAtMs === undefined) return -2;
  return expiresAtMs === null ? -1 : Math.round((expiresAtMs - clock.now()) / unitMs);
}

function option(args: readonly string[], name: string): string | undefined {
  const index = args.findIndex((arg) => arg.toUpperCase() === name);
  return index < 0 ? undefined : args[index + 1];
}

/** Redis' glob with `*` and `?`. */
function matches(key: string, pattern: string): boolean {
  const literal = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${literal}$`, "s").test(key);
}
