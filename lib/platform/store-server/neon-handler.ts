import * as z from "zod";
import type { RawSql } from "./raw-sql.ts";

const parameter = z.union([z.string(), z.null(), z.number(), z.boolean()]);
const statement = z.object({ query: z.string(), params: z.array(parameter).default([]) });
const body = z.union([z.object({ queries: z.array(statement) }), statement]);

const ISOLATION: Readonly<Record<string, string>> = {
  ReadUncommitted: "read uncommitted",
  ReadCommitted: "read committed",
  RepeatableRead: "repeatable read",
  Serializable: "serializable",
};

/** What of a Postgres error travels over Neon's protocol. */
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

/** Neon's SQL over HTTP (`POST /sql`): one statement, or a batch in one transaction. */
export async function handleNeon(request: Request, sql: RawSql): Promise<Response> {
  const parsed = body.safeParse(await request.json());
  if (!parsed.success) return Response.json({ message: "malformed query" }, { status: 400 });
  try {
    if (!("queries" in parsed.data)) return Response.json(await sql.execute(statementOf(parsed.data)));
    const { headers } = request;
    const results = await sql.batch(parsed.data.queries.map(statementOf), {
      isolationLevel: ISOLATION[headers.get("neon-batch-isolation-level") ?? ""] ?? null,
      readOnly: headers.get("neon-batch-read-only") === "true",
      deferrable: headers.get("neon-batch-deferrable") === "true",
    });
    return Response.json({ results });
  } catch (error) {
    const fields = ERROR_FIELDS.map((field) => [field, Reflect.get(Object(error), field)]);
    const message = error instanceof Error ? error.message : String(error);
    return Response.json({ message, ...Object.fromEntries(fields) }, { status: 400 });
  }
}

function statementOf({ query, params }: z.infer<typeof statement>) {
  return { sql: query, parameters: params.map((value) => (value === null ? null : String(value))) };
}
