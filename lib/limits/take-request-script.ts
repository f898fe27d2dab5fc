import type { RedisScript } from "../ports/redis-script.ts";
import { usedInWindow, WINDOW_MS } from "./request-window.ts";

/**
 * Takes one request from a sliding minute, or nothing when it is full. Replies {allowed 0|1, current, previous}.
 * KEYS[1] this minute's counter; KEYS[2] the last minute's; ARGV[1] limit; ARGV[2] milliseconds into this minute.
 */
export const takeRequestScript: RedisScript = {
  name: "take-request",
  lua: `
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
local previous = tonumber(redis.call('GET', KEYS[2]) or '0')
local used = current + math.floor(previous * (${WINDOW_MS} - tonumber(ARGV[2])) / ${WINDOW_MS})
if used >= tonumber(ARGV[1]) then return {0, current, previous} end
current = redis.call('INCR', KEYS[1])
if current == 1 then redis.call('PEXPIRE', KEYS[1], ${2 * WINDOW_MS}) end
return {1, current, previous}`,
  native: (call, keys, args) => {
    const [currentKey = "", previousKey = ""] = keys;
    const [limit = "0", elapsedMs = "0"] = args;
    const current = Number(call("GET", currentKey) ?? 0);
    const previous = Number(call("GET", previousKey) ?? 0);
    if (usedInWindow(current, previous, Number(elapsedMs)) >= Number(limit)) return [0, current, previous];
    const taken = Number(call("INCR", currentKey));
    if (taken === 1) call("PEXPIRE", currentKey, 2 * WINDOW_MS);
    return [1, taken, previous];
  },
};

export const LIMIT_SCRIPTS: readonly RedisScript[] = [takeRequestScript];
