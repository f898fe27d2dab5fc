import { parentPort, workerData } from "node:worker_threads";
import { PGlite, types } from "@electric-sql/pglite";

/**
 * PGlite on a thread of its own: a statement takes about 0.7 ms of processor time, which the thread that serves requests
 * must not spend. Takes `WorkerRequest`s and answers each with a `WorkerReply` of the same number.
 */
export interface WorkerRequest {
  readonly number: number;
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** Every value as Postgres wrote it, rows as lists: for Neon's protocol. */
  readonly raw: boolean;
}

export interface WorkerReply {
  readonly number: number;
  readonly rows?: readonly unknown[];
  readonly fields?: readonly { readonly name: string; readonly dataTypeID: number }[];
  readonly affectedRows?: number;
  readonly error?: Readonly<Record<string, unknown>>;
}

const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread.");

/** The folder that holds the data, or null for a database that lives as long as the process. */
const dataDirectory: unknown = workerData;
const asText = (value: string) => value;
const database = await PGlite.create({
  ...(typeof dataDirectory === "string" ? { dataDir: dataDirectory } : {}),
  // As node-postgres and Neon have it: 64-bit integers do not fit a JavaScript number.
  parsers: { [types.INT8]: asText },
});
const rawParsers = Object.fromEntries(Object.keys(database.parsers).map((oid) => [oid, asText]));
/** Parameters of Neon's protocol are text already. */
const rawSerializers = new Proxy({}, { get: () => String });

/** What an error carries beyond its message, as Neon's protocol and node-postgres name it. */
const ERROR_FIELDS = [
  "severity",
  "code",
  "detail",
  "hint",
  "position",
  "where",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "routine",
];

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  const { number, sql, parameters, raw } = request;
  try {
    const options = raw ? { rowMode: "array" as const, parsers: rawParsers, serializers: rawSerializers } : {};
    const result = await database.query(sql, [...parameters], options);
    return { number, rows: result.rows, fields: result.fields, affectedRows: result.affectedRows ?? 0 };
  } catch (error) {
    const known = ERROR_FIELDS.map((field) => [field, Reflect.get(Object(error), field)]);
    const message = error instanceof Error ? error.message : String(error);
    return { number, error: { message, ...Object.fromEntries(known) } };
  }
}

port.on("message", (message: WorkerRequest | "close") => {
  if (message === "close") void database.close().then(() => port.close());
  // PGlite runs one statement at a time and keeps the order in which they were asked.
  else void answer(message).then((reply) => port.postMessage(reply));
});
port.postMessage({ number: 0 } satisfies WorkerReply);
