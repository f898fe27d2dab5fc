import { neon } from "@neondatabase/serverless";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../lib/platform/clock.ts";
import { createNeonPostgres } from "../../lib/platform/postgres/neon-postgres.ts";
import { createTcpPostgres } from "../../lib/platform/postgres/tcp-postgres.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import type { RawSql } from "../../lib/platform/store-server/raw-sql.ts";
import { serveStores } from "../../lib/platform/store-server/store-server.ts";
import { openTestStores } from "../support/test-stores.ts";
import { describeDatabase, type OpenDatabase } from "./database.ts";

const TOKEN = "token-of-the-conformance-suite";
const CONNECTION = `postgres://gangway:${TOKEN}@database.test/gangway`;
/** A disposable server; without one only the embedded database is held to the suites. */
const realUrl = process.env["TEST_DATABASE_URL"];

/** A database that is reached over HTTP, and how. */
interface ServedDatabase extends OpenDatabase {
  readonly connection: string;
  readonly endpoint: string;
}

const serve = (rawSql: RawSql) =>
  serveStores({ redis: createEmbeddedRedis({ clock: systemClock, scripts: [] }), sql: rawSql, token: TOKEN });

async function serveReal(): Promise<ServedDatabase> {
  const store = createTcpPostgres(realUrl ?? "");
  const { sqlEndpoint: endpoint, close } = await serve(store.rawSql);
  return {
    connection: CONNECTION,
    endpoint,
    database: createNeonPostgres(CONNECTION, endpoint),
    close: async () => {
      await close();
      await store.close();
    },
  };
}

async function serveEmbedded(): Promise<ServedDatabase> {
  const { database, environment, close } = await openTestStores("http", systemClock);
  const { DATABASE_URL: connection = "", NEON_HTTP_ENDPOINT: endpoint = "" } = environment;
  return { connection, endpoint, database, close };
}

describeDatabase("embedded", () => openTestStores("embedded", systemClock));
describeDatabase("Neon HTTP over the embedded one", serveEmbedded);
describe.skipIf(realUrl === undefined)("with TEST_DATABASE_URL", () => {
  describeDatabase("PostgreSQL over TCP", async () => createTcpPostgres(realUrl ?? ""));
  describeDatabase("Neon HTTP over PostgreSQL", serveReal);
});

const SERVED = [
  ["the embedded database", serveEmbedded, false],
  ["PostgreSQL", serveReal, realUrl === undefined],
] as const;

describe.each(SERVED)("Neon's protocol as its own client speaks it, in front of %s", (_, open, leftOut) => {
  let served: ServedDatabase;
  beforeAll(async () => {
    if (leftOut) return;
    served = await open();
    await sql`drop table if exists conformance_batch`.execute(served.database);
    await sql`create table conformance_batch (key text primary key, amount bigint)`.execute(served.database);
  });
  afterAll(async () => {
    if (leftOut) return;
    await sql`drop table conformance_batch`.execute(served.database);
    await served.close();
  });
  const client = (connection = served.connection) => neon(connection, { fetchOptions: { endpoint: served.endpoint } });
  const keys = async () => {
    const { rows } = await sql<{ key: string }>`select key from conformance_batch`.execute(served.database);
    return rows.map(({ key }) => key);
  };

  test.skipIf(leftOut)("a batch is one transaction: all of it, or nothing", async () => {
    const query = client();
    const results = await query.transaction([
      query`insert into conformance_batch values (${"a"}, ${"9223372036854775807"}) returning amount`,
      query`select count(*) from conformance_batch`,
    ]);
    expect(results).toEqual([[{ amount: "9223372036854775807" }], [{ count: "1" }]]);
    const failing = query.transaction([
      query`insert into conformance_batch values (${"b"}, ${1})`,
      query`insert into conformance_batch values (${"a"}, ${2})`,
    ]);
    await expect(failing).rejects.toMatchObject({ code: "23505", constraint: "conformance_batch_pkey" });
    expect(await keys()).toEqual(["a"]);
  });

  test.skipIf(leftOut)("a batch may ask for an isolation level and for reading only", async () => {
    const query = client();
    const level = await query.transaction([query`show transaction_isolation`], { isolationLevel: "Serializable" });
    expect(level).toEqual([[{ transaction_isolation: "serializable" }]]);
    const writing = [query`insert into conformance_batch values (${"c"}, ${3})`];
    await expect(query.transaction(writing, { readOnly: true })).rejects.toMatchObject({ code: "25006" });
    expect(await keys()).not.toContain("c");
  });

  test.skipIf(leftOut)("a wrong password is refused, and a body that is no query", async () => {
    const stranger = client("postgres://gangway:another@database.test/gangway");
    await expect(stranger`select 1`).rejects.toThrow("password authentication failed");
    const headers = { "neon-connection-string": served.connection };
    const reply = await fetch(served.endpoint, { method: "POST", headers, body: '{"nothing":1}' });
    expect(reply.status).toBe(400);
  });

  test.skipIf(leftOut)("kysely's transactions are refused rather than run by halves", async () => {
    await expect(served.database.transaction().execute(async () => {})).rejects.toThrow("interactive transactions");
  });
});

test("two Neon clients of one process keep their own endpoints", async () => {
  const named = (name: string): RawSql => ({
    execute: async () => ({
      command: "SELECT",
      rowCount: 1,
      fields: [{ name: "name", dataTypeID: 25 }],
      rows: [[name]],
    }),
    batch: async () => [],
  });
  const servers = await Promise.all(["first", "second"].map((name) => serve(named(name))));
  const clients = servers.map(({ sqlEndpoint }) => createNeonPostgres(CONNECTION, sqlEndpoint));
  const answers = await Promise.all(clients.map((database) => sql`select name`.execute(database)));
  expect(answers.map(({ rows }) => rows)).toEqual([[{ name: "first" }], [{ name: "second" }]]);
  await Promise.all(servers.map(({ close }) => close()));
});
