import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insertAccount } from "../../lib/accounts/account-store.ts";
import { settleInPostgres } from "../../lib/billing/ledger-store.ts";
import type { Database } from "../../lib/database/tables.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openTestStores, realServers, type StoreKind, type TestStores } from "../support/test-stores.ts";

const KINDS: readonly StoreKind[] = realServers() !== null ? ["embedded", "real"] : ["embedded"];

describe.each(KINDS)("what a settlement reads (%s)", (kind) => {
  let stores: TestStores;
  beforeAll(async () => {
    stores = await openTestStores(kind, createFakeClock(Date.now()));
  });
  afterAll(() => stores.close());

  test("settling looks charges up by key: no table of the ledger is read whole, however new it is", async () => {
    const accountId = `acct_${crypto.randomUUID()}`;
    await insertAccount(stores.database, { id: accountId, name: null, email: null });
    const item = () => ({ request: `gen_${crypto.randomUUID()}`, account: accountId, amount: "7" });
    const attempts = [{ provider: "openai", outcome: "ok", cost: "7" }];
    const [before, after] = await stores.database.transaction().execute(async (transaction) => {
      const atFirst = await wholeReads(transaction);
      for (const size of [10, 64, 200]) {
        const items = Array.from({ length: size }, () => ({ ...item(), detail: {}, attempts }));
        await settleInPostgres(transaction, items);
        await settleInPostgres(transaction, items);
      }
      return [atFirst, await wholeReads(transaction)];
    });
    expect(after).toEqual(before);
  });
});

/** How often each table of the ledger was read from end to end, as this session counts. */
async function wholeReads(database: Kysely<Database>): Promise<unknown> {
  const { rows } = await sql`
    select relname, seq_scan from pg_stat_xact_user_tables where relname like 'credit%' order by relname
  `.execute(database);
  return rows;
}
