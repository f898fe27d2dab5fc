import { sql } from "kysely";
import type { SecretBox } from "../accounts/secret-box.ts";
import type { Ports } from "../ports/ports.ts";
import type { Gateway } from "./gateway.ts";

const MAX_KEPT_BYTES = 256 * 1024;
const KEPT_SECONDS = 86_400;

/**
 * What a reply is sealed with if it is to be kept, else null: by the request's own wish, or by the operator's setting.
 * @throws GatewayError `encryption_not_configured` when the request wishes it and the operator has set no key
 */
export function sealerOf({ configuration, secrets }: Gateway, wish: boolean | null): SecretBox | null {
  if (wish === true) {
    secrets.assertConfigured();
    return secrets;
  }
  return wish === null && configuration.keepReplies && secrets.isConfigured ? secrets : null;
}

const contextOf = (accountId: string, requestId: string) => `reply\n${accountId}\n${requestId}`;

/** Keeps a reply for a day, sealed. A larger one is not kept. Never rejects: the client gets its answer all the same. */
export async function keepReply(
  ports: Pick<Ports, "database" | "log">,
  sealer: SecretBox,
  accountId: string,
  requestId: string,
  body: string,
): Promise<void> {
  if (new TextEncoder().encode(body).byteLength > MAX_KEPT_BYTES) return;
  try {
    const sealed = await sealer.seal(body, contextOf(accountId, requestId));
    await sql`
      insert into idempotent_reply (request_id, account_id, sealed_body, expires_at)
      values (${requestId}, ${accountId}, ${sealed}, clock_timestamp() + make_interval(secs => ${KEPT_SECONDS}::integer))
      on conflict (request_id) do nothing`.execute(ports.database);
  } catch (error) {
    ports.log.warn("reply_not_kept", { requestId, reason: error instanceof Error ? error.name : "unknown" });
  }
}

/** A kept reply, or null: it was not kept, or cannot be read now. */
export async function readKeptReply(
  { secrets }: Gateway,
  ports: Pick<Ports, "database" | "log">,
  accountId: string,
  requestId: string,
): Promise<string | null> {
  if (!secrets.isConfigured) return null;
  try {
    const { rows } = await sql<{ sealed_body: string }>`
      select sealed_body from idempotent_reply
      where request_id = ${requestId} and account_id = ${accountId} and expires_at > clock_timestamp()
    `.execute(ports.database);
    const [row] = rows;
    return row === undefined ? null : await secrets.open(row.sealed_body, contextOf(accountId, requestId));
  } catch (error) {
    ports.log.warn("kept_reply_unreadable", { requestId, reason: error instanceof Error ? error.name : "unknown" });
    return null;
  }
}

/** Removes what is past its time; for the cron. Returns how many were removed. */
export async function dropExpiredReplies(ports: Pick<Ports, "database">, limit: number): Promise<number> {
  const { rows } = await sql`
    delete from idempotent_reply where request_id in (
      select request_id from idempotent_reply where expires_at < clock_timestamp() order by expires_at limit ${limit})
    returning request_id`.execute(ports.database);
  return rows.length;
}
