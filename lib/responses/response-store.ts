import { type Kysely, sql } from "kysely";
import type { SecretBox } from "../accounts/secret-box.ts";
import type { Database } from "../database/tables.ts";
import { isJsonObject, type JsonObject, objectsOf } from "../protocol/json.ts";
import { memberText } from "../protocol/json-splice.ts";
import { idsOf } from "../protocol/responses/input-items.ts";

/** How long a response is kept, as long as OpenAI keeps them. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
/** A conversation larger than this is not kept: it would have to be read again with each of its turns. */
const MAX_CONTENT_CHARACTERS = 8 * 1024 * 1024;
const SWEEP_BATCH = 1_000;

/** A response with all that was said before it, so that it can be gone on from whatever becomes of earlier ones. */
export interface StoredResponse {
  readonly id: string;
  /** The items of the whole conversation up to it, each with an id. */
  readonly input: readonly JsonObject[];
  /** The object as the client received it, JSON. */
  readonly responseText: string;
}

interface StoreAccess {
  readonly database: Kysely<Database>;
  /** Under which content is sealed, where the operator has set a key. */
  readonly secrets: SecretBox;
}

/**
 * Keeps a response. Kept already: nothing changes.
 * @returns false for one that is too large
 */
export async function storeResponse(
  { database, secrets }: StoreAccess,
  accountId: string,
  { id, input, responseText }: StoredResponse,
  nowMs: number,
): Promise<boolean> {
  const content = `{"input":${JSON.stringify(input)},"response":${responseText}}`;
  if (content.length > MAX_CONTENT_CHARACTERS) return false;
  const itemIds = JSON.stringify(idsOf([...input, ...outputOf(responseText)]));
  const context = contextOf(accountId, id);
  const sealed = secrets.isConfigured ? await secrets.seal(content, context) : content;
  await sql`
    insert into stored_response (account_id, id, item_ids, content, created_at)
    values (${accountId}, ${id}, array(select jsonb_array_elements_text(${itemIds}::jsonb)), ${sealed},
            ${new Date(nowMs).toISOString()}::timestamptz)
    on conflict (account_id, id) do nothing`.execute(database);
  return true;
}

/** The account's response of this id, or null: another account's is none. */
export async function readResponse(
  { database, secrets }: StoreAccess,
  accountId: string,
  id: string,
): Promise<StoredResponse | null> {
  const row = await database
    .selectFrom("stored_response")
    .select("content")
    .where("account_id", "=", accountId)
    .where("id", "=", id)
    .executeTakeFirst();
  return row === undefined ? null : openRow(secrets, accountId, id, row.content);
}

/** The account's items of these ids, by id, from its input or from what it was answered. */
export async function readItems(
  { database, secrets }: StoreAccess,
  accountId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, JsonObject>> {
  const { rows } = await sql<{ id: string; content: string }>`
    select id, content from stored_response
    where account_id = ${accountId} and item_ids && array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))
    order by created_at desc limit ${MAX_ROWS_FOR_ITEMS}`.execute(database);
  const found = new Map<string, JsonObject>();
  for (const row of rows) {
    if (ids.every((id) => found.has(id))) break;
    const { input, responseText } = await openRow(secrets, accountId, row.id, row.content);
    for (const item of [...input, ...outputOf(responseText)]) {
      if (typeof item["id"] === "string" && ids.includes(item["id"])) found.set(item["id"], item);
    }
  }
  return found;
}

/** A row holds its whole conversation, so that few hold all of one. */
const MAX_ROWS_FOR_ITEMS = 20;

/** @returns whether there was one to delete */
export async function deleteResponse(database: Kysely<Database>, accountId: string, id: string): Promise<boolean> {
  const deleted = await database
    .deleteFrom("stored_response")
    .where("account_id", "=", accountId)
    .where("id", "=", id)
    .returning("id")
    .execute();
  return deleted.length > 0;
}

/** Deletes what has been kept long enough, a batch at a time. @returns how many */
export async function deleteExpiredResponses(database: Kysely<Database>, nowMs: number): Promise<number> {
  const before = new Date(nowMs - KEPT_MS).toISOString();
  const { rows } = await sql`
    delete from stored_response where (account_id, id) in (
      select account_id, id from stored_response where created_at < ${before}::timestamptz
      order by created_at limit ${SWEEP_BATCH})
    returning id`.execute(database);
  return rows.length;
}

/** The items of a response's output. */
export function outputOf(responseText: string): readonly JsonObject[] {
  const response: unknown = JSON.parse(responseText);
  return isJsonObject(response) ? objectsOf(response["output"]) : [];
}

async function openRow(secrets: SecretBox, accountId: string, id: string, stored: string): Promise<StoredResponse> {
  // What was kept before a key was set is plain JSON.
  const content = stored.startsWith("{") ? stored : await secrets.open(stored, contextOf(accountId, id));
  const input: unknown = JSON.parse(memberText(content, "input") ?? "[]");
  return {
    id,
    // Written by `storeResponse`: a list of items.
    input: Array.isArray(input) ? input.filter(isJsonObject) : [],
    responseText: memberText(content, "response") ?? "{}",
  };
}

function contextOf(accountId: string, id: string): string {
  return `response\n${accountId}\n${id}`;
}
