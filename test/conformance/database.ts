import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../lib/database/tables.ts";

export interface OpenDatabase {
  readonly database: Kysely<Database>;
  close(): Promise<void>;
}

/** What JavaScript makes of each SQL value; the same through every driver, or code that runs on one breaks on another. */
const VALUES: readonly (readonly [string, unknown])[] = [
  ["7::smallint", 7],
  ["2147483647::integer", 2_147_483_647],
  ["9223372036854775807::bigint", "9223372036854775807"],
  ["(-1)::bigint", "-1"],
  ["count(*)", "1"],
  ["123456789.000000001::numeric", "123456789.000000001"],
  ["1.5::double precision", 1.5],
  ["true", true],
  ["'It''s ünïcode \u{1f680}'::text", "It's ünïcode \u{1f680}"],
  ["''::text", ""],
  ["null::text", null],
  ["null::bigint", null],
  ["null::jsonb", null],
  ["'9b2e6f0e-4f0e-4a55-9d9c-0d3a0f0c0b0a'::uuid", "9b2e6f0e-4f0e-4a55-9d9c-0d3a0f0c0b0a"],
  ["'2026-01-02T03:04:05.678Z'::timestamptz", new Date("2026-01-02T03:04:05.678Z")],
  [`'{"a":[1,2.5,null],"b":"ü"}'::jsonb`, { a: [1, 2.5, null], b: "ü" }],
  [`'"text"'::jsonb`, "text"],
  ["array['a','b,c',null]::text[]", ["a", "b,c", null]],
  ["array[1,2]::integer[]", [1, 2]],
  ["array[]::text[]", []],
];

/** What a parameter arrives as. */
const PARAMETERS: readonly (readonly [unknown, string, string | null])[] = [
  ["9223372036854775807", "bigint", "9223372036854775807"],
  [9_007_199_254_740_993n, "bigint", "9007199254740993"],
  [42, "integer", "42"],
  [0.1, "numeric", "0.1"],
  [true, "boolean", "true"],
  [null, "text", null],
  ["'; drop table x; --", "text", "'; drop table x; --"],
  ["ünïcode \u{1f680}", "text", "ünïcode \u{1f680}"],
  [JSON.stringify({ b: 1, a: [null] }), "jsonb", '{"a": [null], "b": 1}'],
  [new Date("2026-01-02T03:04:05.678Z"), "timestamptz", "2026-01-02 03:04:05.678+00"],
  [["a", "b,c"], "text[]", '{a,"b,c"}'],
];

/** One suite for the database port: every implementation has to pass it. */
export function describeDatabase(name: string, open: () => Promise<OpenDatabase>): void {
  describe(`the database port: ${name}`, () => {
    let opened: OpenDatabase;
    let database: Kysely<Database>;
    const run = (text: string) => sql.raw<Record<string, unknown>>(text).execute(database);
    const errorOf = async (text: string): Promise<Record<string, unknown>> => {
      try {
        await run(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return Object(error);
      }
      throw new Error(`No error: ${text}`);
    };

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await run("drop schema if exists conformance cascade");
      await run("create schema conformance");
      await run("create table conformance.account (id text primary key, balance bigint not null check (balance >= 0))");
      await run("create table conformance.entry (key text constraint entry_key_once primary key, account_id text)");
    });
    afterAll(async () => {
      await run("drop schema conformance cascade");
      await opened.close();
    });

    test.each(VALUES)("gives %s as it should be", async (expression, expected) => {
      const { rows } = await run(`select ${expression} as value`);
      expect(rows).toEqual([{ value: expected }]);
    });

    test.each(PARAMETERS)("takes %s as %s", async (parameter, type, expected) => {
      const { rows } = await sql`select (${parameter}::${sql.raw(type)})::text as value`.execute(database);
      expect(rows).toEqual([{ value: expected }]);
    });

    test("a byte string keeps its bytes", async () => {
      const { rows } = await run("select '\\x00ff10'::bytea as value");
      // A Buffer here and a Uint8Array there; a byte string is what both are.
      const value = rows[0]?.["value"];
      expect(value instanceof Uint8Array ? [...value] : value).toEqual([0, 255, 16]);
    });

    test("a parameter of a megabyte", async () => {
      const large = "ü".repeat(500_000);
      const { rows } =
        await sql`select length(${large}::text) as length, md5(${large}::text) = md5(repeat('ü', 500000)) as same`.execute(
          database,
        );
      expect(rows).toEqual([{ length: 500_000, same: true }]);
    });

    test("tells how many rows a statement changed, and gives those that it returns", async () => {
      const inserted = await run("insert into conformance.account values ('n1', 1), ('n2', 2) returning id, balance");
      expect(inserted.numAffectedRows).toBe(2n);
      expect(inserted.rows).toEqual([
        { id: "n1", balance: "1" },
        { id: "n2", balance: "2" },
      ]);
      expect((await run("update conformance.account set balance = 3 where id = 'n1'")).numAffectedRows).toBe(1n);
      expect((await run("update conformance.account set balance = 3 where id = 'none'")).numAffectedRows).toBe(0n);
      expect((await run("delete from conformance.account where id in ('n1', 'n2')")).numAffectedRows).toBe(2n);
    });

    test("an error carries Postgres' code, and the constraint that it broke", async () => {
      await run("insert into conformance.entry values ('twice', 'a')");
      expect(await errorOf("insert into conformance.entry values ('twice', 'b')")).toMatchObject({
        code: "23505",
        constraint: "entry_key_once",
        table: "entry",
      });
      expect(await errorOf("insert into conformance.account values ('poor', -1)")).toMatchObject({ code: "23514" });
      expect(await errorOf("select * from conformance.nothing")).toMatchObject({ code: "42P01" });
      expect(await errorOf("selec 1")).toMatchObject({ code: "42601" });
      expect(
        await errorOf("do $$ begin raise 'no money' using errcode = 'GW402', detail = 'why'; end $$"),
      ).toMatchObject({ code: "GW402", message: "no money", detail: "why" });
      await expect(sql`select ${"nul\0l"}::text`.execute(database)).rejects.toMatchObject({ code: "22021" });
      expect((await run("select 1 as one")).rows).toEqual([{ one: 1 }]);
    });

    test("a statement with several parts is kept whole or not at all", async () => {
      await run("insert into conformance.account values ('whole', 100)");
      await run("insert into conformance.entry values ('known', 'whole')");
      const deduct = `with deducted as (update conformance.account set balance = balance - 10 where id = 'whole' returning id)
        insert into conformance.entry select 'known', id from deducted`;
      expect(await errorOf(deduct)).toMatchObject({ code: "23505" });
      expect((await run("select balance from conformance.account where id = 'whole'")).rows).toEqual([
        { balance: "100" },
      ]);
    });

    test("300 deductions of 1 from 100 at once: 100 succeed, each with its entry", async () => {
      await run("insert into conformance.account values ('race', 100)");
      const results = await Promise.all(
        Array.from({ length: 300 }, (_, number) =>
          sql`with deducted as (
              update conformance.account set balance = balance - 1 where id = 'race' and balance >= 1 returning id
            ) insert into conformance.entry select ${`race:${number}`}, id from deducted returning key`.execute(
            database,
          ),
        ),
      );
      expect(results.filter(({ rows }) => rows.length === 1)).toHaveLength(100);
      expect((await run("select balance from conformance.account where id = 'race'")).rows).toEqual([{ balance: "0" }]);
      const { rows } = await run("select count(*) from conformance.entry where account_id = 'race'");
      expect(rows).toEqual([{ count: "100" }]);
    });

    test("a function in PL/pgSQL takes and gives rows, and what it did before an error is undone", async () => {
      await run(`create function conformance.take(p_account text, p_amount bigint, out taken bigint, out note jsonb)
        language plpgsql as $$ begin
          update conformance.account set balance = balance - p_amount where id = p_account;
          if p_amount = 13 then raise 'unlucky' using errcode = 'GW013'; end if;
          taken := p_amount; note := jsonb_build_object('by', p_account);
        end $$`);
      await run("insert into conformance.account values ('called', 50)");
      const take = (amount: string) =>
        sql`select * from conformance.take(${"called"}, ${amount}::bigint)`.execute(database);
      expect((await take("20")).rows).toEqual([{ taken: "20", note: { by: "called" } }]);
      await expect(take("13")).rejects.toMatchObject({ code: "GW013" });
      expect((await run("select balance from conformance.account where id = 'called'")).rows).toEqual([
        { balance: "30" },
      ]);
    });

    test("rows keep their order, and an answer of many is whole", async () => {
      const { rows } = await run("select n, repeat('x', 100) as text from generate_series(1, 5000) n order by n desc");
      expect(rows).toHaveLength(5000);
      expect(rows[0]).toEqual({ n: 5000, text: "x".repeat(100) });
      expect(rows.at(-1)).toEqual({ n: 1, text: "x".repeat(100) });
    });
  });
}
