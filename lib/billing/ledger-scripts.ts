import type { RedisScript, ScriptCall } from "../ports/redis-script.ts";

/**
 * The ledger's Redis side (ledger design, section 6). An account's mirror is a hash: `base` (what Postgres has, strict
 * holds taken off, at version `ver`), `held` and `pend` (what Redis has granted and what is charged but not yet in
 * Postgres) and `gen`, drawn when the mirror is born: sums are undone only in the generation in which they were made, or
 * a mirror that was evicted and reborn would go negative. A request's record is a hash of its own; `open` is a sorted
 * set of requests by the time at which the sweeper may take them.
 *
 * Amounts are nano-dollars in decimal strings; accounts are capped below 2^53 of them, so that Lua's doubles are exact.
 */
export const OPEN_KEY = "gw:open";
export const mirrorKey = (accountId: string) => `gw:cr:{${accountId}}`;
export const recordKey = (accountId: string, requestId: string) => `gw:h:{${accountId}}:${requestId}`;
export const openMember = (accountId: string, requestId: string) => `${accountId} ${requestId}`;

/** A settled record stays for a day, so that a late duplicate finds it. */
const DONE_SECONDS = 86_400;

/** Takes a sum off a field. Redis refuses to add "-0". */
const TAKE = `
local function take(key, field, amount)
  if amount ~= '0' then redis.call('HINCRBY', key, field, '-' .. amount) end
end`;

function take(call: ScriptCall, key: string, field: string, amount: string | null | undefined): void {
  if (amount !== "0") call("HINCRBY", key, field, `-${amount}`);
}

/**
 * Grants a hold. Replies {ok|strict|replay|cold|insufficient, available or state}. `strict`: granted, but to be confirmed
 * by Postgres before anything is spent, the balance being small or the hold large against it (section 7).
 * KEYS mirror, record, open; ARGV amount, due (ms), strict below, member.
 */
export const holdScript: RedisScript = {
  name: "ledger-hold",
  lua: `
if redis.call('EXISTS', KEYS[2]) == 1 then return {'replay', redis.call('HGET', KEYS[2], 'st')} end
local m = redis.call('HMGET', KEYS[1], 'base', 'held', 'pend', 'gen')
if (not m[1]) or (not m[4]) then return {'cold', '0'} end
local available = tonumber(m[1]) - tonumber(m[2] or '0') - tonumber(m[3] or '0')
local amount = tonumber(ARGV[1])
if available < amount then return {'insufficient', string.format('%.0f', available)} end
local status = 'ok'
if available < tonumber(ARGV[3]) or (tonumber(ARGV[3]) > 0 and amount * 10 > available) then status = 'strict' end
redis.call('HINCRBY', KEYS[1], 'held', ARGV[1])
redis.call('HSET', KEYS[2], 'st', 'held', 'amt', ARGV[1], 'cp', '0', 'gen', m[4])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[4])
return {status, string.format('%.0f', available - amount)}`,
  native: (call, keys, args) => {
    const [mirror = "", record = "", open = ""] = keys;
    const [amountText = "0", due = "0", strictBelowText = "0", member = ""] = args;
    if (call("EXISTS", record) === 1) return ["replay", call("HGET", record, "st")];
    const [base, held, pend, gen] = fields(call, mirror, "base", "held", "pend", "gen");
    if (base == null || gen == null) return ["cold", "0"];
    const available = Number(base) - Number(held ?? 0) - Number(pend ?? 0);
    const amount = Number(amountText);
    const strictBelow = Number(strictBelowText);
    if (available < amount) return ["insufficient", String(available)];
    const strict = available < strictBelow || (strictBelow > 0 && amount * 10 > available);
    call("HINCRBY", mirror, "held", amountText);
    call("HSET", record, "st", "held", "amt", amountText, "cp", "0", "gen", gen);
    call("ZADD", open, due, member);
    return [strict ? "strict" : "ok", String(available - amount)];
  },
};

/** Sets what Postgres has, if that is newer than what is known. KEYS mirror; ARGV base, version, nonce. */
export const initScript: RedisScript = {
  name: "ledger-init",
  lua: `
redis.call('HSETNX', KEYS[1], 'gen', ARGV[3])
local known = redis.call('HGET', KEYS[1], 'ver')
if (not known) or tonumber(ARGV[2]) > tonumber(known) then
  redis.call('HSET', KEYS[1], 'base', ARGV[1], 'ver', ARGV[2])
  redis.call('HSETNX', KEYS[1], 'held', '0')
  redis.call('HSETNX', KEYS[1], 'pend', '0')
end
return 1`,
  native: (call, keys, args) => {
    const [mirror = ""] = keys;
    const [base = "0", version = "0", nonce = ""] = args;
    call("HSETNX", mirror, "gen", nonce);
    raiseBase(call, mirror, base, version);
    return 1;
  },
};

/**
 * Raises an open hold to a larger amount. Replies {ok|insufficient|gone, available}. In the mirror's own generation
 * only; a hold of a lost mirror is the sweeper's. KEYS mirror, record; ARGV amount.
 */
export const extendScript: RedisScript = {
  name: "ledger-extend",
  lua: `
local h = redis.call('HMGET', KEYS[2], 'st', 'amt', 'gen')
local m = redis.call('HMGET', KEYS[1], 'base', 'held', 'pend', 'gen')
if h[1] ~= 'held' or (not m[1]) or h[3] ~= m[4] then return {'gone', '0'} end
local available = tonumber(m[1]) - tonumber(m[2] or '0') - tonumber(m[3] or '0')
local more = tonumber(ARGV[1]) - tonumber(h[2])
if more <= 0 then return {'ok', string.format('%.0f', available)} end
if available < more then return {'insufficient', string.format('%.0f', available)} end
redis.call('HINCRBY', KEYS[1], 'held', string.format('%.0f', more))
redis.call('HSET', KEYS[2], 'amt', ARGV[1])
return {'ok', string.format('%.0f', available - more)}`,
  native: (call, keys, args) => {
    const [mirror = "", record = ""] = keys;
    const [amount = "0"] = args;
    const [state, held, generation] = fields(call, record, "st", "amt", "gen");
    const [base, sum, pend, gen] = fields(call, mirror, "base", "held", "pend", "gen");
    if (state !== "held" || base == null || generation !== gen) return ["gone", "0"];
    const available = Number(base) - Number(sum ?? 0) - Number(pend ?? 0);
    const more = Number(amount) - Number(held);
    if (more <= 0) return ["ok", String(available)];
    if (available < more) return ["insufficient", String(available)];
    call("HINCRBY", mirror, "held", String(more));
    call("HSET", record, "amt", amount);
    return ["ok", String(available - more)];
  },
};

/** Notes what an open request has used so far. KEYS record; ARGV charge so far. */
export const checkpointScript: RedisScript = {
  name: "ledger-checkpoint",
  lua: `
if redis.call('HGET', KEYS[1], 'st') == 'held' then redis.call('HSET', KEYS[1], 'cp', ARGV[1]) end
return 1`,
  native: (call, keys, args) => {
    const [record = ""] = keys;
    const [charge = "0"] = args;
    if (call("HGET", record, "st") === "held") call("HSET", record, "cp", charge);
    return 1;
  },
};

/**
 * Queues a charge that Postgres could not take: held becomes pending, due at once, its detail kept with it.
 * KEYS mirror, record, open; ARGV charge, member, nonce, item (JSON of the settlement).
 */
export const spendScript: RedisScript = {
  name: "ledger-spend",
  lua: `${TAKE}
local h = redis.call('HMGET', KEYS[2], 'st', 'amt', 'gen')
if h[1] == 'pending' or h[1] == 'done' then return 'replay' end
redis.call('HSETNX', KEYS[1], 'gen', ARGV[3])
local gen = redis.call('HGET', KEYS[1], 'gen')
if h[1] == 'held' and h[3] == gen then take(KEYS[1], 'held', h[2]) end
redis.call('HINCRBY', KEYS[1], 'pend', ARGV[1])
redis.call('HSET', KEYS[2], 'st', 'pending', 'act', ARGV[1], 'gen', gen, 'item', ARGV[4])
redis.call('ZADD', KEYS[3], '0', ARGV[2])
return 'ok'`,
  native: (call, keys, args) => {
    const [mirror = "", record = "", open = ""] = keys;
    const [charge = "0", member = "", nonce = "", item = ""] = args;
    const [state, amount, generation] = fields(call, record, "st", "amt", "gen");
    if (state === "pending" || state === "done") return "replay";
    call("HSETNX", mirror, "gen", nonce);
    const gen = String(call("HGET", mirror, "gen"));
    if (state === "held" && generation === gen) take(call, mirror, "held", amount);
    call("HINCRBY", mirror, "pend", charge);
    call("HSET", record, "st", "pending", "act", charge, "gen", gen, "item", item);
    call("ZADD", open, "0", member);
    return "ok";
  },
};

/**
 * Closes requests of one account that Postgres has settled: undoes their part of the sums, once and only in the generation
 * that it was added in, and moves the base forward by version.
 * KEYS mirror, open, then the records; ARGV base, version, nonce, then the records' members in the same order.
 */
export const ackScript: RedisScript = {
  name: "ledger-ack",
  lua: `
local m = redis.call('HMGET', KEYS[1], 'gen', 'ver')
local gen = m[1]
if not gen then
  gen = ARGV[3]
  redis.call('HSET', KEYS[1], 'gen', gen)
end
local held, pend = 0, 0
for i = 3, #KEYS do
  local h = redis.call('HMGET', KEYS[i], 'st', 'amt', 'act', 'gen')
  if h[4] == gen then
    if h[1] == 'held' then held = held + tonumber(h[2])
    elseif h[1] == 'pending' then pend = pend + tonumber(h[3]) end
  end
  redis.call('HSET', KEYS[i], 'st', 'done')
  if h[1] == 'pending' then redis.call('HDEL', KEYS[i], 'item') end
  redis.call('EXPIRE', KEYS[i], '${DONE_SECONDS}')
end
redis.call('ZREM', KEYS[2], unpack(ARGV, 4))
if held > 0 then redis.call('HINCRBY', KEYS[1], 'held', string.format('-%.0f', held)) end
if pend > 0 then redis.call('HINCRBY', KEYS[1], 'pend', string.format('-%.0f', pend)) end
if (not m[2]) or tonumber(ARGV[2]) > tonumber(m[2]) then
  redis.call('HSET', KEYS[1], 'base', ARGV[1], 'ver', ARGV[2])
  if not m[2] then
    redis.call('HSETNX', KEYS[1], 'held', '0')
    redis.call('HSETNX', KEYS[1], 'pend', '0')
  end
end
return 1`,
  native: (call, keys, args) => {
    const [mirror = "", open = "", ...records] = keys;
    const [base = "0", version = "0", nonce = "", ...members] = args;
    const [known, ver] = fields(call, mirror, "gen", "ver");
    const gen = known ?? nonce;
    if (known == null) call("HSET", mirror, "gen", gen);
    let held = 0;
    let pend = 0;
    for (const record of records) {
      const [state, amount, actual, generation] = fields(call, record, "st", "amt", "act", "gen");
      if (generation === gen && state === "held") held += Number(amount);
      if (generation === gen && state === "pending") pend += Number(actual);
      call("HSET", record, "st", "done");
      if (state === "pending") call("HDEL", record, "item");
      call("EXPIRE", record, DONE_SECONDS);
    }
    call("ZREM", open, ...members);
    if (held > 0) call("HINCRBY", mirror, "held", String(-held));
    if (pend > 0) call("HINCRBY", mirror, "pend", String(-pend));
    if (ver != null && Number(version) <= Number(ver)) return 1;
    call("HSET", mirror, "base", base, "ver", version);
    if (ver == null) for (const sum of ["held", "pend"]) call("HSETNX", mirror, sum, "0");
    return 1;
  },
};

/** Takes back a hold whose request was refused before it reached a provider. KEYS mirror, record, open; ARGV member. */
export const releaseScript: RedisScript = {
  name: "ledger-release",
  lua: `${TAKE}
local h = redis.call('HMGET', KEYS[2], 'st', 'amt', 'gen')
if h[1] ~= 'held' then return 0 end
if h[3] == redis.call('HGET', KEYS[1], 'gen') then take(KEYS[1], 'held', h[2]) end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1`,
  native: (call, keys, args) => {
    const [mirror = "", record = "", open = ""] = keys;
    const [member = ""] = args;
    const [state, amount, generation] = fields(call, record, "st", "amt", "gen");
    if (state !== "held") return 0;
    if (generation === call("HGET", mirror, "gen")) take(call, mirror, "held", amount);
    call("DEL", record);
    call("ZREM", open, member);
    return 1;
  },
};

export const LEDGER_SCRIPTS: readonly RedisScript[] = [
  holdScript,
  initScript,
  extendScript,
  checkpointScript,
  spendScript,
  ackScript,
  releaseScript,
];

function fields(call: ScriptCall, key: string, ...names: readonly string[]): readonly (string | null | undefined)[] {
  const values = call("HMGET", key, ...names);
  return Array.isArray(values) ? values.map((value) => (typeof value === "string" ? value : null)) : [];
}

/** The base moves only forward, by Postgres' version of the account. */
function raiseBase(call: ScriptCall, mirror: string, base: string, version: string): void {
  const known = call("HGET", mirror, "ver");
  if (typeof known === "string" && Number(version) <= Number(known)) return;
  call("HSET", mirror, "base", base, "ver", version);
  call("HSETNX", mirror, "held", "0");
  call("HSETNX", mirror, "pend", "0");
}
