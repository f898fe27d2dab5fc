import { sql } from "kysely";
import type { SecretBox } from "../accounts/secret-box.ts";
import type { Ports } from "../ports/ports.ts";

export interface StoredFile {
  readonly id: string;
  readonly accountId: string;
  readonly purpose: "batch" | "batch_output";
  readonly filename: string;
  readonly bytes: number;
  readonly createdAtMs: number;
}

type FilePorts = Pick<Ports, "database">;

/** Characters of a piece: a row, and a statement, of a size that Postgres over HTTP takes easily. */
const PIECE_CHARACTERS = 256 * 1024;
/** An upload that was broken off is no file; its pieces are dropped after this long. */
const INCOMPLETE_HOURS = 1;

export function newFileId(): string {
  return `file-${crypto.randomUUID().replaceAll("-", "")}`;
}

/**
 * Text as it lies in the database: sealed where the operator has set a key, else as it is. What was stored before a key was
 * set stays readable.
 */
export async function storedText(box: SecretBox, text: string, context: string): Promise<string> {
  return box.isConfigured ? `s:${await box.seal(text, context)}` : `p:${text}`;
}

export async function readStoredText(box: SecretBox, stored: string, context: string): Promise<string> {
  return stored.startsWith("s:") ? box.open(stored.slice(2), context) : stored.slice(2);
}

/** Writes a file, piece by piece; it is there once all of it is. Written again under the same id it stays as it was. */
export async function writeFile(
  ports: FilePorts,
  box: SecretBox,
  file: Omit<StoredFile, "bytes" | "createdAtMs">,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<StoredFile> {
  const { id, accountId, purpose, filename } = file;
  await sql`
    insert into stored_file (id, account_id, purpose, filename, bytes) values (${id}, ${accountId}, ${purpose}, ${filename}, 0)
    on conflict (id) do nothing`.execute(ports.database);
  let position = 0;
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += new TextEncoder().encode(piece).byteLength;
    // As JSON, which can hold what Postgres' text cannot: the half of a surrogate pair that a piece may end in.
    const content = await storedText(box, JSON.stringify(piece), pieceContext(id, position));
    await sql`
      insert into stored_file_piece (file_id, position, content) values (${id}, ${position}, ${content})
      on conflict (file_id, position) do nothing`.execute(ports.database);
    position += 1;
  }
  const row = await ports.database
    .updateTable("stored_file")
    .set({ complete: true, bytes: String(bytes) })
    .where("id", "=", id)
    .returning("created_at")
    .executeTakeFirstOrThrow();
  return { ...file, bytes, createdAtMs: new Date(row.created_at).getTime() };
}

/** Text in pieces of a size that one row takes well. */
export function* piecesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE_CHARACTERS) yield text.slice(at, at + PIECE_CHARACTERS);
}

const pieceContext = (id: string, position: number) => `file\n${id}\n${position}`;

/** Null: the account has no such file. */
export async function findFile(ports: FilePorts, accountId: string, id: string): Promise<StoredFile | null> {
  const row = await ports.database
    .selectFrom("stored_file")
    .selectAll()
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .where("complete", "=", true)
    .executeTakeFirst();
  return row === undefined ? null : fileOf(row);
}

export interface Page {
  readonly limit: number;
  /** The id of the last one that was seen. */
  readonly after: string | null;
}

/** An account's files, the newest first or last. */
export async function listFiles(
  ports: FilePorts,
  accountId: string,
  page: Page & { readonly order: "asc" | "desc"; readonly purpose: string | null },
): Promise<readonly StoredFile[]> {
  const { limit, after, order, purpose } = page;
  let query = ports.database
    .selectFrom("stored_file")
    .selectAll()
    .where("account_id", "=", accountId)
    .where("complete", "=", true);
  if (purpose !== null) query = query.where(sql<boolean>`purpose = ${purpose}`);
  if (after !== null) {
    const seen = sql`(select f.created_at, f.id from stored_file f where f.id = ${after} and f.account_id = ${accountId})`;
    query = query.where(
      order === "desc" ? sql<boolean>`(created_at, id) < ${seen}` : sql<boolean>`(created_at, id) > ${seen}`,
    );
  }
  const rows = await query.orderBy("created_at", order).orderBy("id", order).limit(limit).execute();
  return rows.map(fileOf);
}

/** False: the account has no such file. */
export async function deleteFile(ports: FilePorts, accountId: string, id: string): Promise<boolean> {
  const row = await ports.database
    .deleteFrom("stored_file")
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** The text of a file, piece by piece. */
export async function* readPieces(ports: FilePorts, box: SecretBox, id: string): AsyncGenerator<string> {
  for (let position = 0; ; position++) {
    const row = await ports.database
      .selectFrom("stored_file_piece")
      .select("content")
      .where("file_id", "=", id)
      .where("position", "=", position)
      .executeTakeFirst();
    if (row === undefined) return;
    const piece: unknown = JSON.parse(await readStoredText(box, row.content, pieceContext(id, position)));
    yield String(piece);
  }
}

/** Drops what uploads that were broken off have left. Returns how many. */
export async function dropIncompleteFiles(ports: FilePorts): Promise<number> {
  const { rows } = await sql`
    delete from stored_file where not complete and created_at < clock_timestamp() - make_interval(hours => ${INCOMPLETE_HOURS}::integer)
      and purpose = 'batch'
    returning id`.execute(ports.database);
  return rows.length;
}

interface FileRow extends Omit<StoredFile, "accountId" | "bytes" | "createdAtMs"> {
  readonly account_id: string;
  readonly bytes: string;
  readonly created_at: Date;
}

function fileOf(row: FileRow): StoredFile {
  return {
    id: row.id,
    accountId: row.account_id,
    purpose: row.purpose,
    filename: row.filename,
    bytes: Number(row.bytes),
    createdAtMs: new Date(row.created_at).getTime(),
  };
}
