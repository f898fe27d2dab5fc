import { isJsonObject } from "../json.ts";

/** OpenAI's limit; others that speak its format take 128, or letters, digits, `_` and `-` alone. */
const MAX_CHARACTERS = 64;

/**
 * An end user's id as OpenAI's format carries it. Only one that is too long is changed, always to the same: Claude Code's
 * own (JSON with a `device_id`, or `user_<device>_account_…_session_…`; read 2026-11-25) would be refused.
 */
export function endUserId(id: string): string {
  if (id.length <= MAX_CHARACTERS) return id;
  return (deviceOf(id) ?? id).replace(/[^\w-]/g, "_").slice(0, MAX_CHARACTERS);
}

function deviceOf(id: string): string | null {
  try {
    const value: unknown = JSON.parse(id);
    return isJsonObject(value) && typeof value["device_id"] === "string" ? value["device_id"] : null;
  } catch {
    return null;
  }
}
