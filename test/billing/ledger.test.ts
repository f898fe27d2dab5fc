import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { holdScript, mirrorKey, OPEN_KEY, recordKey } from "../../lib/billing/ledger-scripts.ts";
import {
  checkLedger,
  holdInPostgres,
  readBalance,
  type SettleItem,
  settleInPostgres,
} from "../../lib/billing/ledger-store.ts";
import {
  checkpointReservation,
  extendReservation,
  finishHold,
  holdInput,
  type Reservation,
  recordShadowHold,
  releaseReservation,
} from "../../lib/billing/reserve-credits.ts";
import { settleItems } from "../../lib/billing/settle-credits.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { hashOf } from "../../lib/ports/redis-replies.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openTestStores, type StoreKind, type TestStores } from "../support/test-stores.ts";

const real = process.env["TEST_DATABASE_URL"] !== undefined && process.env["TEST_REDIS_URL"] !== undefined;
const kinds: readonly StoreKind[] = real ? ["embedded", "real"] : ["embedded"];
if (!real) console.log("ledger: not run on real stores, TEST_DATABASE_URL and TEST_REDIS_URL are not set");
const USD = 1_000_000_000n;

describe.each(kinds)("ledger on %s stores", (kind) => {
  let stores: TestStores;
  const clock = createFakeClock(Date.now());
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const background: Promise<unknown>[] = [];
  const ports = () => ({
    clock,
    redis: stores.redis,
    database: stores.database,
    log,
    background: (task: Promise<unknown>) => void background.push(task),
  });

  beforeAll(async () => {
    stores = await openTestStores(kind, clock);
  });
  afterEach(async () => {
    await Promise.all(background);
    expect(await checkLedger(stores.database)).toEqual([]);
  });
  afterAll(() => stores.close());

  const account = async (purchased: bigint, allowance = 0n): Promise<string> => {
    const id = `acct_${crypto.randomUUID()}`;
    await insertAccount(stores.database, { id, name: null, email: null });
    if (allowance > 0n)
      await sql`select ledger_set_allowance(${id}, 'start', ${String(allowance)}::bigint)`.execute(stores.database);
    if (purchased > 0n) {
      const key = `purchase:${id}`;
      await addCredit(ports(), {
        key,
        accountId: id,
        amountNanoUsd: purchased,
        bucket: "purchased",
        kind: "purchase",
        description: null,
      });
    }
    return id;
  };
  const hold = async (
    accountId: string,
    amountNanoUsd: bigint,
    requestId = `req_${crypto.randomUUID()}`,
  ): Promise<Reservation> => {
    const request = { requestId, accountId, amountNanoUsd, outputPerMillion: 0n };
    const { keys, args } = holdInput(request, clock.now());
    return finishHold(ports(), request, await stores.redis.eval(holdScript.lua, keys, args).catch(() => null));
  };
  /** The same with a Redis that does not answer. */
  const holdWithoutRedis = (accountId: string, amountNanoUsd: bigint): Promise<Reservation> => {
    const request = { requestId: `req_${crypto.randomUUID()}`, accountId, amountNanoUsd, outputPerMillion: 0n };
    return finishHold(ports(), request, null);
  };
  const item = (
    { accountId, requestId }: Pick<Reservation, "accountId" | "requestId">,
    amount: bigint,
  ): SettleItem => ({
    request: requestId,
    account: accountId,
    amount: String(amount),
    detail: {},
    attempts: [],
  });
  const settle = (reservation: Pick<Reservation, "accountId" | "requestId">, amount: bigint) =>
    settleItems(ports(), [item(reservation, amount)]);
  const balance = async (accountId: string) => {
    const found = await readBalance(stores.database, accountId);
    if (found === null) throw new Error(accountId);
    return found;
  };
  const mirror = async (accountId: string) => hashOf(await stores.redis.hgetall(mirrorKey(accountId)));
  const expectQuiet = async (accountId: string) => {
    const { allowance, purchased, held, heldShadow } = await balance(accountId);
    expect([held, heldShadow]).toEqual([0n, 0n]);
    expect(await mirror(accountId)).toMatchObject({ held: "0", pend: "0", base: String(allowance + purchased) });
  };

  test("CM-6.2.1 a deduction takes from the subscription allowance before purchased credit", async () => {
    const id = await account(20n * USD, 10n * USD);
    await settle(await hold(id, USD), USD);
    expect(await balance(id)).toMatchObject({ allowance: 9n * USD, purchased: 20n * USD });
  });

  test("CM-6.2.2 what the allowance does not cover comes from purchased credit in the same deduction", async () => {
    const id = await account(100n * USD, 1n);
    await settle(await hold(id, USD), USD);
    expect(await balance(id)).toMatchObject({ allowance: 0n, purchased: 99n * USD + 1n });
    await expectQuiet(id);
  });

  test("CM-6.2.3 purchased credit stays spendable however old it is", async () => {
    const id = await account(50n * USD);
    await clock.advance(5 * 365 * 86_400_000);
    await settle(await hold(id, USD), USD);
    expect((await balance(id)).purchased).toBe(49n * USD);
  });

  test("CM-6.2.4 a renewal sets the allowance to the plan's amount: the rest is lost, purchased credit untouched", async () => {
    const id = await account(7n * USD, 3n * USD);
    const renew = () =>
      sql`select ledger_set_allowance(${id}, '2026-12', ${String(15n * USD)}::bigint)`.execute(stores.database);
    await renew();
    await renew();
    expect(await balance(id)).toMatchObject({ allowance: 15n * USD, purchased: 7n * USD });
  });

  test("CM-6.4.1 the same request id is charged once, however often and however it is settled", async () => {
    const id = await account(100n * USD);
    const reservation = await hold(id, USD);
    await Promise.all([settle(reservation, USD), settle(reservation, USD), settle(reservation, 2n * USD)]);
    const { purchased } = await balance(id);
    expect([99n * USD, 98n * USD]).toContain(purchased);
    await expectQuiet(id);
  });

  test("CM-6.4.2 different request ids are charged separately", async () => {
    const id = await account(100n * USD);
    await settle(await hold(id, USD), USD);
    await settle(await hold(id, USD), 2n * USD);
    expect((await balance(id)).purchased).toBe(97n * USD);
  });

  test.each([
    ["fast", 1_000n],
    ["strict", 4n],
  ] as const)("C1 of 400 calls at once on a balance for some, exactly those are held: %s tier", async (_, dollars) => {
    const id = await account(dollars * USD);
    const amount = (dollars * USD) / 20n;
    const outcomes = await Promise.allSettled(Array.from({ length: 400 }, () => hold(id, amount)));
    const granted = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(granted).toHaveLength(20);
    await Promise.all(granted.map((reservation) => settle(reservation, amount)));
    expect((await balance(id)).purchased).toBe(0n);
    await expectQuiet(id);
  });

  test.each([
    ["a small account", 4n, 0],
    ["a large one whose first holds are a second old", 1_000n, 1_000],
  ] as const)(
    "C1 Redis dies at the 25th of 400 calls at once, and no more is held than there is: %s",
    async (_, dollars, ageMs) => {
      const id = await account(dollars * USD);
      const amount = (dollars * USD) / 50n;
      const before = await Promise.all(Array.from({ length: 25 }, () => hold(id, amount)));
      if (ageMs > 0) await Promise.all(before.map((reservation) => recordShadowHold(ports(), reservation)));
      const outcomes = await Promise.allSettled(Array.from({ length: 375 }, () => holdWithoutRedis(id, amount)));
      const after = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      expect(after).toHaveLength(25);
      await Promise.all([...before, ...after].map((reservation) => settle(reservation, amount)));
      expect((await balance(id)).purchased).toBe(0n);
      await Promise.all(background);
      await expectQuiet(id);
    },
  );

  test("C2 many first requests on a cold mirror grant no more than there is", async () => {
    const id = await account(1_000n * USD);
    await stores.redis.del(mirrorKey(id));
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => hold(id, 50n * USD)));
    const granted = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(granted).toHaveLength(20);
    await Promise.all(granted.map((reservation) => settle(reservation, 1n)));
    await expectQuiet(id);
  });

  test("C8 F47 F52 a hold whose request never came back is swept once, by however many sweeps at once, and costs nothing", async () => {
    const id = await account(1_000n * USD);
    const strict = await holdInPostgres(stores.database, {
      requestId: `req_${crypto.randomUUID()}`,
      accountId: id,
      amountNanoUsd: USD,
      seconds: -1,
    });
    expect(strict.status).toBe("ok");
    await hold(id, 2n * USD);
    await clock.advance(700_000);
    await Promise.all([1, 2, 3, 4].map(() => sweep(ports())));
    expect((await balance(id)).purchased).toBe(1_000n * USD);
    await expectQuiet(id);
  });

  test("F48 R6 an isolate that dies after its last token is swept at its last checkpoint", async () => {
    const id = await account(1_000n * USD);
    const reservation = await hold(id, USD);
    await recordShadowHold(ports(), reservation);
    await checkpointReservation(ports(), reservation, 123_456n);
    await clock.advance(700_000);
    await sweep(ports());
    expect((await balance(id)).purchased).toBe(1_000n * USD - 123_456n);
    await expectQuiet(id);
  });

  test.each([[400_000n], [50_000n]])(
    "F50 a request that comes back after the sweep is corrected once to the true %i",
    async (truth) => {
      const id = await account(1_000n * USD);
      const reservation = await hold(id, USD);
      await checkpointReservation(ports(), reservation, 100_000n);
      await clock.advance(700_000);
      await sweep(ports());
      await settle(reservation, truth);
      await settle(reservation, truth);
      expect((await balance(id)).purchased).toBe(1_000n * USD - truth);
      await expectQuiet(id);
    },
  );

  test("F4 Redis' reply is lost after it held: both stores hold, and the settlement closes both", async () => {
    const id = await account(1_000n * USD);
    const request = {
      requestId: `req_${crypto.randomUUID()}`,
      accountId: id,
      amountNanoUsd: USD,
      outputPerMillion: 0n,
    };
    const { keys, args } = holdInput(request, clock.now());
    await stores.redis.eval(holdScript.lua, keys, args);
    const reservation = await finishHold(ports(), request, null); // as if its reply had been lost
    expect(reservation.tier).toBe("postgres");
    expect((await balance(id)).held).toBe(USD);
    expect(await mirror(id)).toMatchObject({ held: String(USD) });
    await Promise.all(background);
    await settle(reservation, 5n);
    expect((await balance(id)).purchased).toBe(1_000n * USD - 5n);
    await expectQuiet(id);
  });

  test("F49 R1 an isolate that dies while it settles, after Postgres wrote and before Redis was told: one charge, and no guess", async () => {
    for (const dollars of [1_000n, 4n]) {
      const id = await account(dollars * USD);
      const reservation = await hold(id, USD / 100n);
      await checkpointReservation(ports(), reservation, 100n);
      await settleInPostgres(stores.database, [item(reservation, 777n)]);
      await clock.advance(700_000);
      await Promise.all([sweep(ports()), sweep(ports())]);
      expect((await balance(id)).purchased).toBe(dollars * USD - 777n);
      await expectQuiet(id);
    }
  });

  test("F49 a sweeper that dies while it settles what had waited in Redis: the next one writes nothing more", async () => {
    const id = await account(1_000n * USD);
    const reservation = await hold(id, USD);
    const away = new Proxy(stores.database, {
      get: () => {
        throw new Error("Postgres is away");
      },
    });
    const waiting = settleItems({ ...ports(), database: away }, [item(reservation, 777n)]);
    for (let tries = 0; tries < 3; tries++) await clock.advance(1_000);
    await waiting;
    expect(await mirror(id)).toMatchObject({ held: "0", pend: "777" });
    await settleInPostgres(stores.database, [item(reservation, 777n)]);
    await sweep(ports());
    expect((await balance(id)).purchased).toBe(1_000n * USD - 777n);
    await expectQuiet(id);
  });

  test("F5 F7 a mirror that is lost between hold and settle is rebuilt, and never goes below zero", async () => {
    const id = await account(1_000n * USD);
    const [first, second] = [await hold(id, USD), await hold(id, USD)];
    await stores.redis.del(mirrorKey(id));
    await settle(first, 7n);
    const third = await hold(id, USD);
    await settle(second, 7n);
    await settle(third, 7n);
    expect((await balance(id)).purchased).toBe(1_000n * USD - 21n);
    await expectQuiet(id);
  });

  test("F7 garbage where the mirror should be does not stop a paying account", async () => {
    const id = await account(1_000n * USD);
    await stores.redis.set(mirrorKey(id), "garbage");
    const reservation = await hold(id, USD);
    await stores.redis.del(mirrorKey(id));
    await settle(reservation, 5n);
    expect((await balance(id)).purchased).toBe(1_000n * USD - 5n);
  });

  test("F7 garbage in a request's record keeps neither its batch nor the sweep of others from ending well", async () => {
    const id = await account(1_000n * USD);
    const [broken, whole, late] = [await hold(id, USD), await hold(id, USD), await hold(id, USD)];
    await stores.redis.set(recordKey(id, broken.requestId), "garbage");
    await settleItems(ports(), [item(broken, 5n), item(whole, 7n)]);
    await clock.advance(700_000);
    await sweep(ports());
    await sweep(ports());
    expect((await balance(id)).purchased).toBe(1_000n * USD - 12n);
    const open = await stores.redis.zrange<string[]>(OPEN_KEY, "-inf", "+inf", { byScore: true });
    expect(open.filter((member) => member.startsWith(id))).toEqual([]);
    expect(await stores.redis.hget<string>(recordKey(id, late.requestId), "st")).toBe("done");
  });

  test("R3 an entry that does not balance, has no transaction or is of another account is refused", async () => {
    const [id, other] = [await account(USD), await account(USD)];
    await settle(await hold(id, USD / 2n), 5n);
    const { rows } = await sql<{ key: string }>`
      select key from credit_transaction where account_id = ${id} and kind = 'settle'`.execute(stores.database);
    const key = rows[0]?.key ?? "";
    const insert = (transaction: string, owner: string, mine: number, ours: number) =>
      sql`insert into credit_entry (transaction_key, account_id, bucket, amount)
          values (${transaction}, ${owner}, 'allowance', ${mine}), (${transaction}, null, 'sys:promo', ${ours})`.execute(
        stores.database,
      );
    await expect(insert(key, id, 5, -4)).rejects.toMatchObject({ code: "23514" });
    await expect(insert("settle:nobody", id, 5, -5)).rejects.toMatchObject({ code: "23503" });
    await expect(insert(key, other, 5, -5)).rejects.toMatchObject({ code: "23503" });
    await expectQuiet(id);
  });

  test("K15 R8 a mirror that says too little does not refuse what Postgres has", async () => {
    const id = await account(1_000n * USD);
    await settle(await hold(id, USD), 1n);
    await stores.redis.hset(mirrorKey(id), { base: "5", ver: "0" });
    await settle(await hold(id, USD), 1n);
    expect((await balance(id)).purchased).toBe(1_000n * USD - 2n);
  });

  test("a hold is extended only as far as the balance goes", async () => {
    for (const dollars of [1_000n, 4n]) {
      const id = await account(dollars * USD);
      const reservation = await hold(id, (dollars * USD) / 20n);
      const extended = await extendReservation(ports(), reservation, (dollars * USD) / 2n);
      expect(extended?.amountNanoUsd).toBe((dollars * USD) / 2n);
      expect(await extendReservation(ports(), reservation, dollars * USD + 1n)).toBeNull();
      await settle(reservation, 9n);
      await Promise.all(background);
      await expectQuiet(id);
    }
  });

  test("I5 a request that was refused before any provider leaves no transaction", async () => {
    for (const dollars of [1_000n, 4n]) {
      const id = await account(dollars * USD);
      await releaseReservation(ports(), await hold(id, USD / 100n));
      expect((await balance(id)).purchased).toBe(dollars * USD);
      await Promise.all(background);
      await expectQuiet(id);
    }
    expect(await stores.redis.zcard(OPEN_KEY)).toBe(0);
  });

  test("B93 K36 credit that others hold is told apart from credit that is not there", async () => {
    const id = await account(10n * USD);
    const reservation = await holdInPostgres(stores.database, {
      requestId: `req_${crypto.randomUUID()}`,
      accountId: id,
      amountNanoUsd: 9n * USD,
      seconds: 60,
    });
    expect(reservation.status).toBe("ok");
    await expect(hold(id, 5n * USD)).rejects.toMatchObject({ code: "credits_held", retryAfterSeconds: 1 });
    await expect(hold(id, 50n * USD)).rejects.toMatchObject({ code: "insufficient_credits" });
  });

  test("P4 a refund is given once, and gives purchased credit back before the allowance", async () => {
    const id = await account(10n * USD, 1n * USD);
    const reservation = await hold(id, 3n * USD);
    await settle(reservation, 3n * USD);
    for (let tries = 0; tries < 2; tries++) {
      await sql`select * from ledger_refund(${reservation.requestId}, 'provider_error')`.execute(stores.database);
    }
    expect(await balance(id)).toMatchObject({ allowance: 1n * USD, purchased: 10n * USD });
  });

  test("P2 P5 a batch settles each request once and splits it as if they came one by one; a bad item fails alone", async () => {
    const id = await account(100n, 10n);
    const other = await account(100n);
    const [first, second, third] = ["a", "b", "c"].map((name) => ({ accountId: id, requestId: `${id}:${name}` }));
    if (first === undefined || second === undefined || third === undefined) throw new Error("three requests");
    const stranger = { accountId: "acct_nobody", requestId: `${id}:d` };
    const elsewhere = { accountId: other, requestId: `${other}:a` };
    const batch = [
      item(first, 4n),
      item(second, 9n),
      item(first, 4n),
      item(stranger, 1n),
      item(third, 0n),
      item(elsewhere, 30n),
    ];
    for (let times = 0; times < 2; times++) {
      const replies = await settleInPostgres(stores.database, batch);
      const failed = replies.filter(({ status }) => status === "failed").map(({ request_id: request }) => request);
      expect(failed).toEqual([stranger.requestId]);
      expect(await balance(id)).toMatchObject({ allowance: 0n, purchased: 97n });
      expect((await balance(other)).purchased).toBe(70n);
    }
    const { rows } = await sql<{ from_allowance: string; from_purchased: string }>`
      select from_allowance::text, from_purchased::text from credit_transaction
      where request_id in (${first.requestId}, ${second.requestId}, ${third.requestId}) order by request_id`.execute(
      stores.database,
    );
    expect(rows.map((row) => [row.from_allowance, row.from_purchased])).toEqual([
      ["4", "0"],
      ["6", "3"],
      ["0", "0"],
    ]);
  });

  test("the books are append-only: nothing written can be changed or removed", async () => {
    await account(1n);
    for (const statement of [
      sql`delete from credit_entry`,
      sql`update credit_transaction set amount = 0`,
      sql`truncate credit_transaction cascade`,
    ]) {
      await expect(statement.execute(stores.database)).rejects.toThrow(/append-only/);
    }
  });
});
