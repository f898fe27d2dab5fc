import { echo, GatewayError } from "../errors/gateway-error.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { jsonErrorPosition } from "./json-position.ts";

/** Nesting that no real request needs (bad input B32). */
const MAX_DEPTH = 64;
/** Names that could reach an object's prototype when a body is copied carelessly (security K31). */
const FORBIDDEN_KEYS = /"(?:__proto__|constructor|prototype)"\s*:/;

/**
 * Parses a request body. Duplicate keys: the last wins, here as in what is sent on (`json-splice`).
 * @throws GatewayError `invalid_json`, `json_too_deep`, `forbidden_key`, `invalid_encoding`
 */
export function parseJsonBody(text: string): JsonObject {
  assertShallow(text);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new GatewayError("invalid_json", `The body is not valid JSON at position ${jsonErrorPosition(text)}.`);
  }
  if (!isJsonObject(body)) throw new GatewayError("invalid_json", "The body must be a JSON object.");
  // An escaped spelling ("\u005f_proto__") only shows once parsed; a string that merely talks of it is harmless.
  if (FORBIDDEN_KEYS.test(text) || text.includes("\\u")) assertSafe(body);
  return body;
}

/** Counts brackets outside of strings, so that a deep body is refused before anything recurses into it. */
function assertShallow(text: string): void {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > MAX_DEPTH) {
        throw new GatewayError("json_too_deep", `The body is nested deeper than ${MAX_DEPTH} levels.`);
      }
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
  }
}

/** The index of the quote that closes the string opened at `start`, or the text's length. */
export function endOfString(text: string, start: number): number {
  for (let index = text.indexOf('"', start + 1); index >= 0; index = text.indexOf('"', index + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(index - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return index;
  }
  return text.length;
}

const QUOTE = 34;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

function assertSafe(value: unknown): void {
  if (typeof value === "string") {
    if (!value.isWellFormed()) {
      throw new GatewayError("invalid_encoding", "The body holds half of a surrogate pair; send well-formed Unicode.");
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === "__proto__" || key === "constructor" || key === "prototype") {
      throw new GatewayError("forbidden_key", `The key ${echo(key)} is not allowed in a body.`, { param: key });
    }
    assertSafe(member);
  }
}
