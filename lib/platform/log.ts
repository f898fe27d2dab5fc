import type { Log, LogFields } from "../ports/log.ts";

type Level = "info" | "warn" | "error";

/** What looks like a key or a bearer token, in case one got into an error's message: the last resort, not the rule. */
const SECRETS =
  /\b(?:gw_(?:live|test|staging|dev)_|sk-|gsk_|xai-|AIza)[\w-]{8,}|\bBearer\s+\S+|\b(?:postgres|postgresql|rediss?):\/\/\S+/g;

/** One JSON line a record. Fields are names, numbers and ids; prompts, completions and keys are never among them. */
export function createLog(write: (line: string) => void): Log {
  const record = (level: Level, event: string, fields: object) => {
    const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields });
    write(line.replace(SECRETS, "[redacted]"));
  };
  return {
    info: (event: string, fields: LogFields = {}) => record("info", event, fields),
    warn: (event: string, fields: LogFields = {}) => record("warn", event, fields),
    error: (event: string, error: unknown, fields: LogFields = {}) =>
      record("error", event, { ...fields, ...described(error) }),
  };
}

function described(error: unknown): object {
  if (error === null || error === undefined) return {};
  if (!(error instanceof Error)) return { error: String(error) };
  const cause = error.cause === undefined ? {} : { cause: String(error.cause) };
  return { error: error.name, message: error.message, stack: error.stack, ...cause };
}
