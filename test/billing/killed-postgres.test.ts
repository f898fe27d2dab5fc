import { expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { addCredit } from "../../lib/billing/add-credit.ts";
import { holdScript, mirrorKey, OPEN_KEY } from "../../lib/billing/ledger-scripts.ts";
import { checkLedger, listTransactions, readBalance } from "../../lib/billing/ledger-store.ts";
import { holdInput } from "../../lib/billing/reserve-credits.ts";
import { settleItems } from "../../lib/billing/settle-credits.ts";
import { migrate } from "../../lib/database/migrate.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { sweep } from "../../lib/jobs/sweep.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { createTcpPostgres } from "../../lib/platform/postgres/tcp-postgres.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import { createEngineRedis } from "../../lib/platform/redis/requester.ts";
import { hashOf } from "../../lib/ports/redis-replies.ts";
import { postgresPrograms, startOwnPostgres } from "../support/own-postgres.ts";

const SETTLES = 200;
const WORKERS = 16;
/** After how many of them the server is killed. */
const KILLED_AFTER = 60;
const GIVEN = 900_000_000_000n;

// Killing needs a server of our own: its programs, and TEST_DATABASE_URL as the sign that real servers are wanted here.
const programs = process.env["TEST_DATABASE_URL"] === undefined ? null : postgresPrograms();

test.skipIf(programs === null)(
  "F14 R1 PostgreSQL is killed while 200 settlements run: after its restart each is written once, to the nano-dollar",
  async () => {
    const server = await startOwnPostgres(programs ?? "");
    const postgres = createTcpPostgres(server.url);
    try {
      const { database } = postgres;
      const redis = createEngineRedis(createEmbeddedRedis({ clock: systemClock, scripts: ALL_SCRIPTS }), systemClock);
      const warnings: string[] = [];
      const log = { info: () => {}, warn: (event: string) => void warnings.push(event), error: () => {} };
      const ports = { clock: systemClock, redis, database, log };
      await migrate(database);
      const accountId = "acct_killed";
      await insertAccount(database, { id: accountId, name: null, email: null });
      const credit = { accountId, amountNanoUsd: GIVEN, bucket: "purchased", description: null } as const;
      await addCredit(ports, { ...credit, key: "test:killed", kind: "admin_credit" });

      const requests = Array.from({ length: SETTLES }, (_, number) => ({
        requestId: `req_${number}`,
        charge: BigInt(1_000 + number),
      }));
      for (const { requestId } of requests) {
        const wish = { requestId, accountId, amountNanoUsd: 1_000_000n, outputPerMillion: 0n };
        const { keys, args } = holdInput(wish, Date.now());
        expect(await redis.eval(holdScript.lua, keys, args)).toEqual(["ok", expect.any(String)]);
      }

      const waiting = [...requests];
      let settled = 0;
      const enough = Promise.withResolvers<void>();
      const worker = async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const { requestId, charge } = next;
          const item = { request: requestId, account: accountId, amount: String(charge), detail: {}, attempts: [] };
          await settleItems(ports, [item]);
          settled += 1;
          if (settled === KILLED_AFTER) enough.resolve();
        }
      };
      const workers = Array.from({ length: WORKERS }, worker);
      await enough.promise;
      await server.kill();
      await server.start();
      await Promise.all(workers);
      expect(warnings).toContain("ledger_settle_failed");

      await expect.poll(async () => [await sweep(ports), await redis.zcard(OPEN_KEY)][1], { timeout: 10_000 }).toBe(0);
      const charged = requests.reduce((sum, { charge }) => sum + charge, 0n);
      expect(await readBalance(database, accountId)).toMatchObject({ purchased: GIVEN - charged, held: 0n });
      const transactions = await listTransactions(database, accountId, { limit: 1_000, before: null });
      const amounts = new Map(transactions.map(({ requestId, amountNanoUsd }) => [requestId, amountNanoUsd]));
      for (const { requestId, charge } of requests) expect(amounts.get(requestId)).toBe(charge);
      expect(transactions).toHaveLength(SETTLES + 1);
      expect(await checkLedger(database)).toEqual([]);
      const base = String(GIVEN - charged);
      expect(hashOf(await redis.hgetall(mirrorKey(accountId)))).toMatchObject({ held: "0", pend: "0", base });
    } finally {
      await postgres.close();
      await server.remove();
    }
  },
  120_000,
);
