import type { RedisScript } from "../ports/redis-script.ts";
import { FAILURES_TO_OPEN, OPEN_MS, PROBE_LEASE_MS } from "./breaker-state.ts";

/** One hash for all providers; only those with failures have a field, so a healthy gateway reads an empty one. */
export const BREAKERS_KEY = "gw:breakers";

/**
 * Records an outcome atomically and replies with the new state, "" for a healthy closed breaker.
 * KEYS[1] the hash; ARGV[1] provider; ARGV[2] outcome; ARGV[3] now, milliseconds.
 * The steps are those of `afterOutcome`; a test holds the three equal.
 */
export const recordOutcomeScript: RedisScript = {
  name: "breaker-record-outcome",
  lua: `
local state = redis.call('HGET', KEYS[1], ARGV[1]) or 'c:0'
local kind = string.sub(state, 1, 1)
if kind == 'o' then return state end
if ARGV[2] == 'success' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return ''
end
local failures = 0
if kind == 'c' then failures = tonumber(string.sub(state, 3)) or 0 end
local next = 'c:' .. (failures + 1)
if kind == 'h' or ARGV[2] == 'credentials-refused' or failures + 1 >= ${FAILURES_TO_OPEN} then next = 'o:' .. ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], next)
return next`,
  native: (call, keys, args) => {
    const [key = ""] = keys;
    const [provider = "", outcome = "", now = ""] = args;
    const state = String(call("HGET", key, provider) ?? "c:0");
    const kind = state.charAt(0);
    if (kind === "o") return state;
    if (outcome === "success") {
      call("HDEL", key, provider);
      return "";
    }
    const failures = kind === "c" ? Number(state.slice(2)) || 0 : 0;
    const opens = kind === "h" || outcome === "credentials-refused" || failures + 1 >= FAILURES_TO_OPEN;
    const next = opens ? `o:${now}` : `c:${failures + 1}`;
    call("HSET", key, provider, next);
    return next;
  },
};

/**
 * Claims the one probe of an open breaker whose time has come. Replies 1 to the claimant and 0 to everybody else.
 * With ARGV[3] = 1 the waiting time is not asked for: the last provider of a model is probed at once.
 * KEYS[1] the hash; ARGV[1] provider; ARGV[2] now, milliseconds; ARGV[3] 1 to probe before the time.
 */
export const claimProbeScript: RedisScript = {
  name: "breaker-claim-probe",
  lua: `
local state = redis.call('HGET', KEYS[1], ARGV[1])
if not state then return 1 end
local kind = string.sub(state, 1, 1)
if kind == 'c' then return 1 end
local opened, probe = string.match(state, '^%a:(%d+):?(%d*)$')
if not opened then return 1 end
local now = tonumber(ARGV[2])
if kind == 'o' and ARGV[3] ~= '1' and now - tonumber(opened) < ${OPEN_MS} then return 0 end
if kind == 'h' and now - (tonumber(probe) or 0) < ${PROBE_LEASE_MS} then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], 'h:' .. opened .. ':' .. ARGV[2])
return 1`,
  native: (call, keys, args) => {
    const [key = ""] = keys;
    const [provider = "", now = "", early = ""] = args;
    const state = call("HGET", key, provider);
    if (typeof state !== "string" || state.startsWith("c")) return 1;
    const match = /^[a-z]:(\d+):?(\d*)$/i.exec(state);
    if (match === null) return 1;
    const [, opened = "", probe = ""] = match;
    const nowMs = Number(now);
    if (state.startsWith("o") && early !== "1" && nowMs - Number(opened) < OPEN_MS) return 0;
    if (state.startsWith("h") && nowMs - Number(probe) < PROBE_LEASE_MS) return 0;
    call("HSET", key, provider, `h:${opened}:${now}`);
    return 1;
  },
};

export const BREAKER_SCRIPTS: readonly RedisScript[] = [recordOutcomeScript, claimProbeScript];
