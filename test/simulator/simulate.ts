import type { Redis } from "@upstash/redis";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { holdScript, mirrorKey } from "../../lib/billing/ledger-scripts.ts";
import { baseOf, readBalance, type SettleItem } from "../../lib/billing/ledger-store.ts";
import {
  checkpointReservation,
  finishHold,
  holdInput,
  type Reservation,
  recordShadowHold,
  refreshMirror,
} from "../../lib/billing/reserve-credits.ts";
import { settleItems } from "../../lib/billing/settle-credits.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import { hashOf } from "../../lib/ports/redis-replies.ts";
import type { FakeClock } from "../support/fake-clock.ts";

/** Chances per store call: it fails before, its reply is lost, or (isolate) nothing after it happens any more. */
export interface Profile {
  readonly redis: number;
  readonly postgres: number;
  readonly death: number;
  readonly lose?: "everything" | "mirror";
}

export const PROFILES = {
  clean: { redis: 0, postgres: 0, death: 0 },
  redisFlaky: { redis: 0.3, postgres: 0, death: 0 },
  redisDown: { redis: 1, postgres: 0, death: 0 },
  postgresFlaky: { redis: 0, postgres: 0.3, death: 0 },
  both: { redis: 0.3, postgres: 0.3, death: 0.02 },
  die: { redis: 0, postgres: 0, death: 0.05 },
  flush: { redis: 0.05, postgres: 0.05, death: 0.01, lose: "everything" },
  evict: { redis: 0.05, postgres: 0.05, death: 0.01, lose: "mirror" },
} as const satisfies Record<string, Profile>;

/** A bug planted in the caller of the ledger, which the invariants must notice. */
export type PlantedBug = "new key per retry" | "charge nobody held" | null;

class IsolateDied extends Error {}

/** A generator of chances from a seed (mulberry32), so that a run can be repeated. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Stores = Pick<Ports, "redis" | "database">;
interface Outcome {
  readonly requestId: string;
  readonly held: bigint;
  readonly wanted: bigint;
  admitted: boolean;
  settled: boolean;
}

/** Runs one account through `requests` concurrent requests under faults, then to quiet; gives back what is broken. */
export async function simulate(
  stores: Stores,
  clock: FakeClock,
  seed: number,
  profile: Profile,
  bug: PlantedBug = null,
  requests = 25,
): Promise<readonly string[]> {
  const random = chances(seed);
  const accountId = `sim_${seed}_${crypto.randomUUID()}`;
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const running: Promise<unknown>[] = [];
  const clean = {
    ...stores,
    clock,
    log,
    background: (task: Promise<unknown>) => void running.push(task.catch(() => {})),
  };
  let faulty = true;
  const unreliable = <Result>(chance: number, call: () => Promise<Result>): Promise<Result> => {
    if (!faulty) return call();
    if (random() < profile.death) throw new IsolateDied();
    const fate = random();
    if (fate < chance / 2) return Promise.reject(new Error("down"));
    return fate < chance ? call().then(() => Promise.reject(new Error("reply lost"))) : call();
  };
  const ports = {
    ...clean,
    redis: faultyRedis(stores.redis, (call) => unreliable(profile.redis, call)),
    database: faultyDatabase(stores.database, (call) => unreliable(profile.postgres, call)),
  };

  const initial = BigInt(Math.floor(random() * 40)) * 100_000_000n + 1_000_000_000n;
  await insertAccount(stores.database, { id: accountId, name: null, email: null });
  await addCredit(clean, {
    key: `sim:${accountId}`,
    accountId,
    amountNanoUsd: initial,
    bucket: "purchased",
    kind: "purchase",
    description: null,
  });

  const outcomes: Outcome[] = [];
  const request = async (number: number): Promise<void> => {
    const held = BigInt(1 + Math.floor(random() * 400)) * 1_000_000n;
    const outcome: Outcome = {
      requestId: `${accountId}:${number}`,
      held,
      wanted: BigInt(Math.floor(Number(held) * random())),
      admitted: false,
      settled: false,
    };
    outcomes.push(outcome);
    const wish = { requestId: outcome.requestId, accountId, amountNanoUsd: held, outputPerMillion: 0n };
    try {
      const { keys, args } = holdInput(wish, clock.now());
      const reply: unknown = await ports.redis.eval(holdScript.lua, keys, args).catch((error) => {
        if (error instanceof IsolateDied) throw error;
        return null;
      });
      // The stores answer in real time: a jump of the simulation's clock is no silence of theirs.
      const patient = { ...clock, schedule: systemClock.schedule };
      const reservation: Reservation = await finishHold({ ...ports, clock: patient }, wish, reply);
      outcome.admitted = true;
      if (random() < 0.5) await recordShadowHold(ports, reservation);
      if (random() < 0.4) await checkpointReservation(ports, reservation, outcome.wanted / 2n);
      if (random() < 0.1) await clock.advance(1_000);
      const id = bug === "new key per retry" ? `${outcome.requestId}:${random()}` : outcome.requestId;
      const amount = bug === "charge nobody held" ? held * 2n : outcome.wanted;
      const item: SettleItem = { request: id, account: accountId, amount: String(amount), detail: {}, attempts: [] };
      const times = bug === "new key per retry" ? 2 : 1;
      for (let time = 0; time < times; time++) {
        const again = time === 0 ? item : { ...item, request: `${item.request}:${time}` };
        await advancing(clock, settleItems(ports, [again]));
      }
      outcome.settled = true;
    } catch {
      // Refused, or its isolate died where it stood.
    }
  };
  for (let wave = 0; wave * 5 < requests; wave++) {
    await Promise.all(Array.from({ length: 5 }, (_, index) => request(wave * 5 + index)));
    await advancing(
      clock,
      sweep(ports).catch(() => {}),
    );
    if (profile.lose !== undefined && wave === 2) await lose(stores.redis, accountId, profile.lose, outcomes);
  }
  faulty = false;
  await advancing(clock, Promise.all(running));
  await clock.advance(700_000);
  await expire(stores, accountId);
  for (let times = 0; times < 3; times++) await advancing(clock, sweep(clean));
  return broken(clean, accountId, initial, outcomes, profile);
}

/** Moves the clock while something waits for it. */
async function advancing<Result>(clock: FakeClock, done: Promise<Result>): Promise<Result> {
  let pending = true;
  const watched = done.finally(() => {
    pending = false;
  });
  while (pending) await clock.advance(250);
  return watched;
}

async function lose(
  redis: Redis,
  accountId: string,
  what: "everything" | "mirror",
  outcomes: readonly Outcome[],
): Promise<void> {
  await redis.del(mirrorKey(accountId));
  if (what === "mirror") return;
  for (const { requestId } of outcomes) await redis.del(`gw:h:{${accountId}}:${requestId}`);
}

/** Postgres' own clock does not move with ours: its holds are made due. */
async function expire({ database }: Stores, accountId: string): Promise<void> {
  const { sql } = await import("kysely");
  await sql`update credit_hold set expires_at = clock_timestamp() - interval '1 second' where account_id = ${accountId} and state = 'held'`.execute(
    database,
  );
}

async function broken(
  ports: Stores & Pick<Ports, "log">,
  accountId: string,
  initial: bigint,
  outcomes: readonly Outcome[],
  profile: Profile,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const { sql } = await import("kysely");
  const balance = await readBalance(ports.database, accountId);
  if (balance === null) return ["no account"];
  if (balance.held !== 0n || balance.heldShadow !== 0n)
    wrong.push(`I2 still held ${balance.held}/${balance.heldShadow}`);
  const checked = await sql<{ invariant: string }>`select * from ledger_check() where subject = ${accountId}`.execute(
    ports.database,
  );
  for (const { invariant } of checked.rows) wrong.push(invariant);
  await refreshMirror(ports, accountId, String(baseOf(balance)), balance.version);
  const mirror = hashOf(await ports.redis.hgetall(mirrorKey(accountId)));
  if (profile.redis < 1 && profile.lose === undefined && (mirror["held"] !== "0" || mirror["pend"] !== "0"))
    wrong.push(`I6 mirror ${JSON.stringify(mirror)}`);
  if (Number(mirror["held"]) < 0 || Number(mirror["pend"]) < 0) wrong.push(`I6 below zero ${JSON.stringify(mirror)}`);
  const { rows } = await sql<{ request_id: string; charged: string; settles: string }>`
    select request_id, sum(amount)::text as charged, count(*) filter (where kind = 'settle')::text as settles
    from credit_transaction where account_id = ${accountId} and request_id is not null group by request_id`.execute(
    ports.database,
  );
  const known = new Map(outcomes.map((outcome) => [outcome.requestId, outcome]));
  for (const { request_id: id, charged, settles } of rows) {
    const outcome = known.get(id);
    const amount = BigInt(charged);
    if (outcome === undefined) wrong.push(`I3 charged under an id that nobody asked for: ${id}`);
    else if (settles !== "1") wrong.push(`I3 settled ${settles} times`);
    else if (amount > outcome.held + outcome.held / 20n) wrong.push("I8 charged more than was held");
    else if (outcome.settled && profile.lose === undefined && profile.death === 0 && amount !== outcome.wanted)
      wrong.push(`I4 charged ${amount} of ${outcome.wanted}`);
    else if (!outcome.admitted && amount !== 0n) wrong.push("I5 charged a request that was refused");
  }
  const total = balance.allowance + balance.purchased;
  const inDoubt = profile.lose !== undefined || profile.redis > 0;
  if (total < 0n && !inDoubt) wrong.push(`I7 below zero ${total}`);
  if (total < -initial) wrong.push(`I7 below its bound ${total}`);
  return wrong;
}

/** The client with every command and pipeline going through `run`. */
function faultyRedis(redis: Redis, run: <Result>(call: () => Promise<Result>) => Promise<Result>): Redis {
  const wrap = (target: object): object =>
    new Proxy(target, {
      get(inner, name) {
        const value: unknown = Reflect.get(inner, name);
        if (typeof value !== "function") return value;
        if (name === "pipeline") return () => wrap(value.apply(inner, []));
        if (inner === redis || name === "exec")
          return (...args: unknown[]) => run(async () => value.apply(inner, args));
        return value.bind(inner);
      },
    });
  return wrap(redis) as Redis; // the same object, seen through a proxy
}

function faultyDatabase(
  database: Ports["database"],
  run: <Result>(call: () => Promise<Result>) => Promise<Result>,
): Ports["database"] {
  return new Proxy(database, {
    get(inner, name) {
      const value: unknown = Reflect.get(inner, name);
      if (name === "getExecutor") {
        const executor = inner.getExecutor();
        return () =>
          new Proxy(executor, {
            get: (target, member) => {
              const method: unknown = Reflect.get(target, member);
              if (typeof method !== "function") return method;
              return member === "executeQuery"
                ? (...args: unknown[]) => run(async () => method.apply(target, args))
                : method.bind(target);
            },
          });
      }
      return typeof value === "function" ? value.bind(inner) : value;
    },
  });
}
