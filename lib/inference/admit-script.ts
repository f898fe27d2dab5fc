import { holdOnceScript } from "../billing/idempotency-script.ts";
import { holdScript } from "../billing/ledger-scripts.ts";
import { takeRequestScript } from "../limits/take-request-script.ts";
import type { RedisScript, RedisValue } from "../ports/redis-script.ts";

/** Where the keys and arguments of each part begin, counted from 0. */
const LIMIT = { keys: 2, args: 2 };
const HOLD_KEYS = LIMIT.keys + 1;
/** A hold under an Idempotency-Key has more keys than any other; that is how it is told. */
const PLAIN_HOLD_KEYS = 3;

/**
 * The hot path's one command: takes a request from the key's minute, reads the breakers and, if the limit allowed it, holds
 * the expected cost. One atomic step, so that a refused request leaves no hold behind (traps C5). The parts fail apart: a
 * key of the wrong type makes its own part's reply null, the others stand.
 * KEYS the limit's two, the breakers' hash, the hold's three, or the six of a hold under an Idempotency-Key; ARGV the
 * limit's two, then the hold's (none: nothing is held). Replies {limit, breakers, hold}.
 */
export const admitScript: RedisScript = {
  name: "admit",
  lua: `
local function take(KEYS, ARGV)${takeRequestScript.lua}
end
local function hold(KEYS, ARGV)${holdScript.lua}
end
local function hold_once(KEYS, ARGV)${holdOnceScript.lua}
end
local function attempt(run, ...)
  local done, reply = pcall(run, ...)
  return done and reply
end
local limit = attempt(take, {KEYS[1], KEYS[2]}, {ARGV[1], ARGV[2]})
local breakers = attempt(redis.call, 'HGETALL', KEYS[3])
if #ARGV == ${LIMIT.args} or (limit and limit[1] == 0) then return {limit, breakers, false} end
local holder = #KEYS == ${HOLD_KEYS + PLAIN_HOLD_KEYS} and hold or hold_once
return {limit, breakers, attempt(holder, {unpack(KEYS, ${HOLD_KEYS + 1})}, {unpack(ARGV, ${LIMIT.args + 1})})}`,
  native: (call, keys, args) => {
    const limit = attempt(() => takeRequestScript.native(call, keys.slice(0, LIMIT.keys), args.slice(0, LIMIT.args)));
    const breakers = attempt(() => call("HGETALL", keys[LIMIT.keys] ?? ""));
    if (args.length === LIMIT.args || (Array.isArray(limit) && limit[0] === 0)) return [limit, breakers, null];
    const holder = keys.length === HOLD_KEYS + PLAIN_HOLD_KEYS ? holdScript : holdOnceScript;
    const hold = attempt(() => holder.native(call, keys.slice(HOLD_KEYS), args.slice(LIMIT.args)));
    return [limit, breakers, hold];
  },
};

function attempt(run: () => RedisValue): RedisValue {
  try {
    return run();
  } catch {
    return null;
  }
}
