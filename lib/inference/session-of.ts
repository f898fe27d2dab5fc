import { isJsonObject, type JsonObject, type JsonValue } from "../protocol/json.ts";

/**
 * Headers by which clients name the session that a call belongs to, the first that is there counts. Read for routing, never
 * sent on, logged or stored:
 * - `x-session-id`: OpenRouter's (openrouter.ai/docs/guides/features/prompt-caching, read 2026-11-25);
 * - `x-claude-code-session-id`: Claude Code (code.claude.com/docs/en/llm-gateway-protocol, read 2026-11-25);
 * - `session-id`, `session_id`, `conversation_id`: Codex, now and formerly (github.com/openai/codex/pull/1614 and
 *   github.com/raine/claude-code-proxy/pull/156, read 2026-11-25);
 * - `x-session-affinity`: OpenCode and others (github.com/router-for-me/CLIProxyAPI/issues/4452, read 2026-11-25).
 */
const SESSION_HEADERS = [
  "x-session-id",
  "x-claude-code-session-id",
  "session-id",
  "session_id",
  "conversation_id",
  "x-session-affinity",
];

/** A header is taken for what it is worth: one of another shape names no session. */
const SESSION = /^[\x21-\x7e]{1,256}$/;
const MAX_BODY_CHARACTERS = 1_024;

/** The session that a request's headers name, or null. */
export function sessionOfHeaders(headers: Headers): string | null {
  for (const name of SESSION_HEADERS) {
    const value = headers.get(name);
    if (value !== null && SESSION.test(value)) return value;
  }
  return null;
}

/**
 * The session that a call belongs to, or null: the body's `session_id`, else a header, else OpenAI's `prompt_cache_key`,
 * else what Claude Code writes into `metadata.user_id` (github.com/coder/aibridge/pull/241, read 2026-11-25).
 */
export function sessionOf(body: JsonObject, headerSession: string | null): string | null {
  return (
    textOf(body["session_id"]) ??
    headerSession ??
    textOf(body["prompt_cache_key"]) ??
    claudeCodeSession(body["metadata"])
  );
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" && value !== "" && value.length <= MAX_BODY_CHARACTERS ? value : null;
}

/** `user_…_account_…_session_<uuid>`, and since 2.1.78 a JSON object with a `session_id` in the same string. */
function claudeCodeSession(metadata: JsonValue | undefined): string | null {
  const userId = isJsonObject(metadata) ? textOf(metadata["user_id"]) : null;
  if (userId === null) return null;
  if (!userId.startsWith("{")) return /_session_([\w-]{8,64})$/.exec(userId)?.[1] ?? null;
  try {
    const parsed: unknown = JSON.parse(userId);
    return isJsonObject(parsed) ? textOf(parsed["session_id"]) : null;
  } catch {
    return null;
  }
}
