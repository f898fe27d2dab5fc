import type { RedisScript } from "../ports/redis-script.ts";
import { holdScript } from "./ledger-scripts.ts";

/** A key stands for the same request in this window and the next: for a day at least, from its first use. */
export const WINDOW_MS = 86_400_000;
const SLOT_SECONDS = (2 * WINDOW_MS) / 1000;
/** A run that ended badly and cost nothing; a further one may begin. */
export const ENDED_FOR_NOTHING = "failed";

export const slotKey = (accountId: string, id: string) => `gw:idem:{${accountId}}:${id}`;

/** The ledger's id of a key's run: `req_…`, then `req_…-2` and so on. */
export function runId(id: string, run: number): string {
  return run === 1 ? id : `${id}-${run}`;
}

/**
 * Holds for a request under an Idempotency-Key, once: what the key stands for is found first, in this window's slot or the
 * one before. A slot is a hash of the request's fingerprint (`fp`) and its latest run (`run`); how a run ended is on its
 * record (`end`: an amount in nano-dollars, or `failed`).
 *
 * A mirror younger than two windows (`since`) may have been born when Redis lost its slots: then Postgres is asked as well
 * (`strict`).
 * KEYS this window's slot, the last one's, mirror, this window's record, the last one's, open; ARGV fingerprint, now (ms),
 * then the hold's amount, due (ms), strict below, this window's member, the last one's.
 * Replies {mismatch, window, run} | {known, window, run, state, end} | {begin, window, run, the hold's reply …}; window 1
 * is this one, 2 the one before.
 */
export const holdOnceScript: RedisScript = {
  name: "ledger-hold-once",
  lua: `
local function hold(KEYS, ARGV)${holdScript.lua}
end
local at = redis.call('EXISTS', KEYS[2]) == 1 and 2 or 1
local slot = redis.call('HMGET', KEYS[at], 'fp', 'run')
local run = tonumber(slot[2] or '1')
local suffix = run > 1 and ('-' .. string.format('%.0f', run)) or ''
if slot[1] then
  if slot[1] ~= ARGV[1] then return {'mismatch', at, run} end
  local ended = redis.call('HMGET', KEYS[3 + at] .. suffix, 'st', 'end')
  if ended[2] ~= '${ENDED_FOR_NOTHING}' then return {'known', at, run, ended[1] or '', ended[2] or ''} end
  run = run + 1
  suffix = '-' .. string.format('%.0f', run)
end
local reply = hold({KEYS[3], KEYS[3 + at] .. suffix, KEYS[6]}, {ARGV[3], ARGV[4], ARGV[5], ARGV[5 + at] .. suffix})
local status = reply[1]
if status == 'ok' or status == 'strict' then
  redis.call('HSET', KEYS[at], 'fp', ARGV[1], 'run', string.format('%.0f', run))
  redis.call('EXPIRE', KEYS[at], '${SLOT_SECONDS}')
  redis.call('HSETNX', KEYS[3], 'since', ARGV[2])
  if tonumber(ARGV[2]) - tonumber(redis.call('HGET', KEYS[3], 'since')) < ${2 * WINDOW_MS} then status = 'strict' end
end
return {'begin', at, run, status, reply[2] or ''}`,
  native: (call, keys, args) => {
    const [, , mirror = "", , , open = ""] = keys;
    const [fingerprint = "", nowMs = "0", amount = "0", due = "0", strictBelow = "0"] = args;
    const at = call("EXISTS", keys[1] ?? "") === 1 ? 2 : 1;
    const slot = keys[at - 1] ?? "";
    const [known, latest] = texts(call("HMGET", slot, "fp", "run"));
    let run = Number(latest ?? 1);
    const record = () => runId(keys[2 + at] ?? "", run);
    if (known != null) {
      if (known !== fingerprint) return ["mismatch", at, run];
      const [state, end] = texts(call("HMGET", record(), "st", "end"));
      if (end !== ENDED_FOR_NOTHING) return ["known", at, run, state ?? "", end ?? ""];
      run += 1;
    }
    const member = runId(args[4 + at] ?? "", run);
    const held = holdScript.native(call, [mirror, record(), open], [amount, due, strictBelow, member]);
    let [status, detail] = texts(held);
    if (status === "ok" || status === "strict") {
      call("HSET", slot, "fp", fingerprint, "run", String(run));
      call("EXPIRE", slot, SLOT_SECONDS);
      call("HSETNX", mirror, "since", nowMs);
      if (Number(nowMs) - Number(call("HGET", mirror, "since")) < 2 * WINDOW_MS) status = "strict";
    }
    return ["begin", at, run, status ?? "", detail ?? ""];
  },
};

function texts(value: unknown): readonly (string | null | undefined)[] {
  return Array.isArray(value) ? value.map((each: unknown) => (typeof each === "string" ? each : null)) : [];
}
