import { type SqlBool, sql } from "kysely";
import type { SecretBox } from "../accounts/secret-box.ts";
import type { BatchStatus } from "../database/batch-tables.ts";
import type { Ports } from "../ports/ports.ts";
import { type Page, readStoredText, storedText } from "./file-store.ts";
import type { BatchError, BatchRequest } from "./validate-batch.ts";

type BatchPorts = Pick<Ports, "database">;

export interface Batch {
  readonly id: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly metadata: unknown;
  readonly status: BatchStatus;
  readonly outcome: "completed" | "expired" | "cancelled";
  readonly errors: unknown;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  /** By column: when a state was reached, seconds since the epoch. */
  readonly times: Readonly<Record<BatchTime, number | null>>;
  readonly expired: boolean;
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number };
}

const TIMES = [
  "created_at",
  "in_progress_at",
  "expires_at",
  "finalizing_at",
  "completed_at",
  "failed_at",
  "expired_at",
  "cancelling_at",
  "cancelled_at",
] as const;
type BatchTime = (typeof TIMES)[number];

const count = (condition: string) =>
  sql<string>`(select count(*) from batch_line l where l.batch_id = batch.id and ${sql.raw(condition)})`;

function selectBatches(ports: BatchPorts) {
  return ports.database
    .selectFrom("batch")
    .selectAll()
    .select([
      sql<SqlBool>`batch.expires_at <= clock_timestamp()`.as("expired"),
      count("true").as("total"),
      count("l.state = 'answered'").as("completed"),
      count("l.state = 'failed'").as("failed"),
    ]);
}

type BatchRow = Awaited<ReturnType<ReturnType<typeof selectBatches>["executeTakeFirstOrThrow"]>>;

function batchOf(row: BatchRow): Batch {
  const seconds = (name: BatchTime) => {
    const at = row[name];
    return at === null ? null : Math.floor(new Date(at).getTime() / 1000);
  };
  const json = (value: unknown) => (typeof value === "string" ? JSON.parse(value) : value);
  return {
    id: row.id,
    accountId: row.account_id,
    keyId: row.key_id,
    endpoint: row.endpoint,
    inputFileId: row.input_file_id,
    metadata: json(row.metadata),
    status: row.status,
    outcome: row.outcome,
    errors: json(row.errors),
    outputFileId: row.output_file_id,
    errorFileId: row.error_file_id,
    // Every name of TIMES is there, which fromEntries cannot tell.
    times: Object.fromEntries(TIMES.map((name) => [name, seconds(name)])) as Batch["times"],
    expired: row.expired === true,
    counts: { total: Number(row.total), completed: Number(row.completed), failed: Number(row.failed) },
  };
}

export async function createBatch(
  ports: BatchPorts,
  batch: Pick<Batch, "id" | "accountId" | "keyId" | "endpoint" | "inputFileId" | "metadata">,
): Promise<void> {
  await ports.database
    .insertInto("batch")
    .values({
      id: batch.id,
      account_id: batch.accountId,
      key_id: batch.keyId,
      endpoint: batch.endpoint,
      input_file_id: batch.inputFileId,
      metadata: batch.metadata === null ? null : JSON.stringify(batch.metadata),
      // The rest begins as the table has it.
      status: "validating",
      outcome: "completed",
    })
    .execute();
}

/** Null: there is no such batch, or it is another account's. */
export async function findBatch(ports: BatchPorts, id: string, accountId: string | null): Promise<Batch | null> {
  let query = selectBatches(ports).where("id", "=", id);
  if (accountId !== null) query = query.where("account_id", "=", accountId);
  const row = await query.executeTakeFirst();
  return row === undefined ? null : batchOf(row);
}

/** An account's batches, newest first. */
export async function listBatches(ports: BatchPorts, accountId: string, page: Page): Promise<readonly Batch[]> {
  let query = selectBatches(ports).where("account_id", "=", accountId);
  if (page.after !== null) {
    query = query.where(
      sql<boolean>`(created_at, id) < (select b.created_at, b.id from batch b where b.id = ${page.after} and b.account_id = ${accountId})`,
    );
  }
  const rows = await query.orderBy("created_at", "desc").orderBy("id", "desc").limit(page.limit).execute();
  return rows.map(batchOf);
}

/** Batches that somebody has to go on with, the oldest first. */
export async function activeBatchIds(ports: BatchPorts, limit: number): Promise<readonly string[]> {
  const rows = await ports.database
    .selectFrom("batch")
    .select("id")
    .where("status", "in", ["validating", "in_progress", "finalizing", "cancelling"])
    .orderBy("created_at")
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function cancelBatch(ports: BatchPorts, id: string, accountId: string): Promise<void> {
  await sql`
    update batch set status = 'cancelling', cancelling_at = clock_timestamp()
    where id = ${id} and account_id = ${accountId} and status in ('validating', 'in_progress')`.execute(ports.database);
}

const LINES_A_STATEMENT = 100;
const lineContext = (batchId: string, position: number) => `batch-line\n${batchId}\n${position}`;

/**
 * The batch's requests become lines, and it begins. Done again after a crash, it comes to the same. Once it was cancelled
 * no line is added, so that those which are there are all that its end has to count.
 */
export async function beginBatch(
  ports: BatchPorts,
  box: SecretBox,
  id: string,
  requests: readonly BatchRequest[],
): Promise<void> {
  for (let from = 0; from < requests.length; from += LINES_A_STATEMENT) {
    const part = requests.slice(from, from + LINES_A_STATEMENT);
    const lines = await Promise.all(
      part.map(async ({ customId, body }, index) => ({
        position: from + index,
        custom_id: customId,
        request: await storedText(box, body, lineContext(id, from + index)),
      })),
    );
    await sql`
      insert into batch_line (batch_id, position, custom_id, request)
      select ${id}, l.position, l.custom_id, l.request
      from (select id from batch where id = ${id} and status = 'validating' for share) as open,
        jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) as l(position integer, custom_id text, request text)
      on conflict do nothing`.execute(ports.database);
  }
  await sql`
    update batch set status = 'in_progress', in_progress_at = clock_timestamp() where id = ${id} and status = 'validating'
  `.execute(ports.database);
}

export async function failBatch(ports: BatchPorts, id: string, errors: readonly BatchError[]): Promise<void> {
  const list = JSON.stringify({ object: "list", data: errors });
  await sql`
    update batch set status = 'failed', failed_at = clock_timestamp(), errors = ${list}::jsonb
    where id = ${id} and status = 'validating'`.execute(ports.database);
}

/** A line that its worker has for a while. */
export interface ClaimedLine {
  readonly batchId: string;
  readonly position: number;
  readonly customId: string;
  readonly body: string;
  readonly generation: number;
  readonly tries: number;
  readonly lease: string;
}

/**
 * The next line to run, or null: none is left, or as many run as may.
 * @param atOnce how many lines of the batch may run at a time, whoever runs them
 */
export async function claimLine(
  ports: BatchPorts,
  box: SecretBox,
  batchId: string,
  atOnce: number,
  leaseSeconds: number,
): Promise<ClaimedLine | null> {
  const lease = crypto.randomUUID();
  const { rows } = await sql<{
    position: number;
    custom_id: string;
    request: string;
    generation: number;
    tries: number;
  }>`
    select position, custom_id, request, generation, tries
    from batch_claim(${batchId}, ${lease}, 1, ${atOnce}::integer, ${leaseSeconds}::integer)`.execute(ports.database);
  const [row] = rows;
  if (row === undefined) return null;
  const { position, custom_id: customId, request, generation, tries } = row;
  const body = await readStoredText(box, request, lineContext(batchId, position));
  return { batchId, position, customId, body, generation, tries, lease };
}

/** Writes what came of a line; nothing if its worker does not have it any more. */
export async function finishLine(
  ports: BatchPorts,
  box: SecretBox,
  line: ClaimedLine,
  state: "answered" | "failed",
  result: string,
): Promise<void> {
  const { batchId, position, lease } = line;
  const stored = await storedText(box, result, `${lineContext(batchId, position)}\nresult`);
  await sql`
    update batch_line set state = ${state}, result = ${stored}, lease = null, lease_until = null
    where batch_id = ${batchId} and position = ${position} and lease = ${lease} and state = 'running'
  `.execute(ports.database);
}

/** Puts a line back, to be run no sooner than in `afterSeconds`. */
export async function putBackLine(
  ports: BatchPorts,
  { batchId, position, lease }: ClaimedLine,
  afterSeconds: number,
  change: { readonly anew: boolean; readonly counts: boolean },
): Promise<void> {
  await sql`
    update batch_line set state = 'waiting', lease = null, lease_until = null,
      not_before = clock_timestamp() + make_interval(secs => ${afterSeconds}::integer),
      generation = generation + ${change.anew ? 1 : 0}::integer, tries = tries - ${change.counts ? 0 : 1}::integer
    where batch_id = ${batchId} and position = ${position} and lease = ${lease} and state = 'running'
  `.execute(ports.database);
}

/** Gives up every line that nobody is at work on, for one reason. */
export async function failOpenLines(
  ports: BatchPorts,
  batchId: string,
  failure: { readonly code: string; readonly message: string },
): Promise<void> {
  await sql`
    update batch_line set state = 'failed', failure = ${JSON.stringify(failure)}::jsonb, lease = null, lease_until = null
    where batch_id = ${batchId} and (state = 'waiting' or state = 'running' and lease_until <= clock_timestamp())
  `.execute(ports.database);
}

/**
 * The end of a batch's running: from here on its lines do not change. False while lines are open.
 * @param from the state that it must be in
 */
export async function beginFinalizing(
  ports: BatchPorts,
  id: string,
  from: "in_progress" | "cancelling",
  outcome: Batch["outcome"],
): Promise<boolean> {
  const { rows } = await sql`
    update batch set status = 'finalizing', outcome = ${outcome}, finalizing_at = clock_timestamp()
    where id = ${id} and status = ${from}
      and not exists (select 1 from batch_line l where l.batch_id = ${id} and l.state in ('waiting', 'running'))
    returning id`.execute(ports.database);
  return rows.length > 0;
}

export interface FinishedLine {
  readonly customId: string;
  /** What came of it, as a line of the file; null where it was never asked. */
  readonly result: string | null;
  readonly failure: unknown;
}

/** The lines that ended one way, in their order, page by page. */
export async function* finishedLines(
  ports: BatchPorts,
  box: SecretBox,
  batchId: string,
  state: "answered" | "failed",
): AsyncGenerator<readonly FinishedLine[]> {
  for (let after = -1; ; ) {
    const rows = await ports.database
      .selectFrom("batch_line")
      .select(["position", "custom_id", "result", "failure"])
      .where("batch_id", "=", batchId)
      .where("state", "=", state)
      .where("position", ">", after)
      .orderBy("position")
      .limit(LINES_A_STATEMENT)
      .execute();
    if (rows.length === 0) return;
    yield await Promise.all(
      rows.map(async ({ position, custom_id: customId, result, failure }) => ({
        customId,
        result: result === null ? null : await readStoredText(box, result, `${lineContext(batchId, position)}\nresult`),
        failure: typeof failure === "string" ? JSON.parse(failure) : failure,
      })),
    );
    after = rows.at(-1)?.position ?? after;
  }
}

/** The last step, together with its event: whoever is told of it, it happened once. */
export async function completeBatch(
  ports: BatchPorts,
  batch: Batch,
  files: { readonly outputFileId: string | null; readonly errorFileId: string | null },
): Promise<void> {
  const { id, accountId, outcome, counts } = batch;
  const { outputFileId, errorFileId } = files;
  const data = JSON.stringify({
    batch_id: id,
    status: outcome,
    endpoint: batch.endpoint,
    output_file_id: outputFileId,
    error_file_id: errorFileId,
    request_counts: counts,
  });
  await sql`
    with done as (
      update batch set status = outcome, output_file_id = ${outputFileId}, error_file_id = ${errorFileId},
        completed_at = case outcome when 'completed' then clock_timestamp() end,
        expired_at = case outcome when 'expired' then clock_timestamp() end,
        cancelled_at = case outcome when 'cancelled' then clock_timestamp() end
      where id = ${id} and status = 'finalizing' returning id
    )
    insert into event_outbox (key, account_id, type, data)
    select ${`batch.completed:${id}`}, ${accountId}, 'batch.completed', ${data}::jsonb from done
    on conflict (key) do nothing`.execute(ports.database);
}
