import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from "kysely";
import pg from "pg";
import type { Database } from "../../database/tables.ts";
import { type RawResult, type RawSql, transactionStatement } from "../store-server/raw-sql.ts";
import type { PostgresStore } from "./embedded-postgres.ts";

/** A statement that takes longer is given up by the server; callers key their writes and try again. */
const STATEMENT_TIMEOUT_MS = 5_000;
/** A migration may have to rewrite a table, or wait for another process that is at it. */
export const MIGRATION_TIMEOUT_MS = 600_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_CONNECTIONS = 10;

/**
 * A real PostgreSQL over TCP, pooled. A connection that breaks fails the statements that were on it and nothing else.
 * @param statementTimeoutMs how long one statement may take
 */
export function createTcpPostgres(
  connectionString: string,
  statementTimeoutMs: number = STATEMENT_TIMEOUT_MS,
): PostgresStore {
  const pool = new pg.Pool({
    connectionString,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
  });
  // A connection that the server drops must not take the process with it. The pool listens to those that are idle; one in
  // use tells its statement, and then says it again as an event that nobody else would hear.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const database = new Kysely<Database>({ dialect: new PostgresDialect({ pool: withoutSilentOnes(pool) }) });
  return { database, rawSql: rawSqlOf(pool), close: () => database.destroy() };
}

/** How node-postgres says that a statement's reply did not come; it has no code for it. */
const SILENT = "Query read timeout";

/**
 * The pool, which closes a connection on which a reply did not come. A firewall forgets a connection without a word to either
 * side, and node-postgres would hand it out again: each statement on it would wait in vain.
 */
function withoutSilentOnes(pool: pg.Pool): PostgresPool {
  return {
    options: {},
    connect: async () => {
      const client = await pool.connect();
      let silent = false;
      const query = async (text: string, values: readonly unknown[]): Promise<PostgresQueryResult<unknown>> => {
        try {
          const { command, rowCount, rows } = await client.query(text, [...values]);
          // Of other statements kysely reads the rows alone.
          return { command: command as "SELECT", rowCount: rowCount ?? 0, rows };
        } catch (error) {
          silent ||= error instanceof Error && error.message === SILENT;
          throw error;
        }
      };
      // kysely asks for cursors only when rows are streamed, which nothing here does.
      return { query, release: () => client.release(silent) } as PostgresPoolClient;
    },
    end: () => pool.end(),
  };
}

const AS_TEXT = { getTypeParser: () => (value: string) => value };

function rawSqlOf(pool: pg.Pool): RawSql {
  const execute = async (
    client: pg.Pool | pg.PoolClient,
    text: string,
    values: readonly (string | null)[],
  ): Promise<RawResult> => {
    const result = await client.query({ text, values: [...values], rowMode: "array", types: AS_TEXT });
    return {
      command: result.command,
      rowCount: result.rowCount ?? 0,
      fields: result.fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
      rows: result.rows,
    };
  };
  return {
    execute: ({ sql, parameters }) => execute(pool, sql, parameters),
    batch: async (statements, options) => {
      const client = await pool.connect();
      let broken = false;
      try {
        await client.query("begin");
        const setUp = transactionStatement(options);
        if (setUp !== null) await client.query(setUp);
        const results: RawResult[] = [];
        for (const { sql, parameters } of statements) results.push(await execute(client, sql, parameters));
        await client.query("commit");
        return results;
      } catch (error) {
        // A connection that cannot even roll back is not fit for the next caller.
        await client.query("rollback").catch(() => {
          broken = true;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}
