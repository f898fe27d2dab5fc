import { Worker } from "node:worker_threads";
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from "kysely";
import type { Database } from "../../database/tables.ts";
import { type RawResult, type RawSql, transactionStatement } from "../store-server/raw-sql.ts";
import type { WorkerReply, WorkerRequest } from "./pglite-worker.ts";

export interface PostgresStore {
  readonly database: Kysely<Database>;
  readonly rawSql: RawSql;
  close(): Promise<void>;
}

/** A statement that takes longer is given up: its caller is told, and what it still does comes before the next one. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** An error of Postgres' own, with its code and the other fields. */
class PostgresError extends Error {
  override readonly name = "PostgresError";
}

/**
 * A Postgres inside the process, kept in `dataDirectory`, or in memory when that is null. To kysely it looks like a pool of
 * one connection: PGlite has no more, so a transaction keeps the others waiting.
 */
export async function createEmbeddedPostgres(dataDirectory: string | null): Promise<PostgresStore> {
  const connection = await PgliteConnection.open(dataDirectory);
  const pool: PostgresPool = {
    options: {},
    connect: async () => {
      const release = await connection.lock();
      return clientOf(connection, release);
    },
    end: () => connection.close(),
  };
  const database = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return { database, rawSql: rawSqlOf(connection), close: () => database.destroy() };
}

class PgliteConnection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(reply: WorkerReply): void; reject(error: Error): void }>();
  #number = 0;
  #lock: Promise<void> = Promise.resolve();
  #ended: Error | null = null;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (reply: WorkerReply) => {
      this.#waiting.get(reply.number)?.resolve(reply);
    });
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("The embedded database has ended.")));
  }

  static async open(dataDirectory: string | null): Promise<PgliteConnection> {
    const worker = new Worker(new URL("./pglite-worker.ts", import.meta.url), { workerData: dataDirectory });
    const connection = new PgliteConnection(worker);
    await new Promise<WorkerReply>((resolve, reject) => connection.#waiting.set(0, { resolve, reject }));
    connection.#waiting.delete(0);
    return connection;
  }

  async query(sql: string, parameters: readonly unknown[], raw: boolean): Promise<WorkerReply> {
    const request: WorkerRequest = { number: ++this.#number, sql, parameters, raw };
    const reply = await this.#replyTo(request);
    if (reply.error === undefined) return reply;
    throw Object.assign(new PostgresError(String(reply.error["message"])), reply.error);
  }

  async #replyTo(request: WorkerRequest): Promise<WorkerReply> {
    if (this.#ended !== null) throw this.#ended;
    const { promise, resolve, reject } = Promise.withResolvers<WorkerReply>();
    const timer = setTimeout(
      () => reject(new Error("The embedded database did not answer in time.")),
      STATEMENT_TIMEOUT_MS,
    );
    this.#waiting.set(request.number, { resolve, reject });
    this.#worker.postMessage(request);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(request.number);
    }
  }

  /** Waits for the connection; the function given back passes it on. */
  async lock(): Promise<() => void> {
    const before = this.#lock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lock = promise;
    await before;
    return resolve;
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.#worker.postMessage("close");
    await ended;
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function clientOf(connection: PgliteConnection, release: () => void): PostgresPoolClient {
  // kysely asks for cursors only when rows are streamed, which nothing here does.
  const query = async (sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<unknown>> => {
    const { rows = [], affectedRows = 0 } = await connection.query(sql, parameters, false);
    return { command: commandOf(sql), rowCount: affectedRows || rows.length, rows: [...rows] };
  };
  return { query, release } as PostgresPoolClient;
}

function commandOf(sql: string): "UPDATE" | "DELETE" | "INSERT" | "SELECT" {
  switch (/^\s*(\w+)/.exec(sql)?.[1]?.toLowerCase()) {
    case "insert":
      return "INSERT";
    case "update":
      return "UPDATE";
    case "delete":
      return "DELETE";
    default:
      return "SELECT";
  }
}

function rawSqlOf(connection: PgliteConnection): RawSql {
  const execute = async (sql: string, parameters: readonly (string | null)[]): Promise<RawResult> => {
    const { rows = [], fields = [], affectedRows = 0 } = await connection.query(sql, parameters, true);
    return {
      command: commandOf(sql),
      rowCount: affectedRows || rows.length,
      fields,
      // Rows of a raw query are lists of text.
      rows: rows as readonly (readonly (string | null)[])[],
    };
  };
  return {
    execute: async ({ sql, parameters }) => {
      const release = await connection.lock();
      try {
        return await execute(sql, parameters);
      } finally {
        release();
      }
    },
    batch: async (statements, options) => {
      const release = await connection.lock();
      try {
        await connection.query("begin", [], false);
        const setUp = transactionStatement(options);
        if (setUp !== null) await connection.query(setUp, [], false);
        const results: RawResult[] = [];
        for (const { sql, parameters } of statements) results.push(await execute(sql, parameters));
        await connection.query("commit", [], false);
        return results;
      } catch (error) {
        // Whatever the rollback says, the caller needs to know what went wrong first.
        await connection.query("rollback", [], false).catch(() => {});
        throw error;
      } finally {
        release();
      }
    },
  };
}
