import { invalidKey } from "../../lib/accounts/identity.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";

/** No key that we accept is longer; what is longer is refused before anything looks at it (B10). */
const MAX_CREDENTIAL_CHARACTERS = 512;
/** Ways in which clients have been seen to put a key into a URL. */
const QUERY_NAMES = ["api_key", "api-key", "apikey", "key", "token", "access_token", "authorization", "x-api-key"];
/** A comma and another scheme: two headers, which the runtime has joined (RFC 9110, section 5.3). */
const SECOND_SCHEME = /,\s*[A-Za-z][\w-]*\s+\S/;

const HOW_TO_SEND =
  "Send your API key as 'Authorization: Bearer <key>', 'x-api-key: <key>' or 'x-goog-api-key: <key>'.";

/**
 * The caller's credential, from `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`: all work on every route. Its shape is not
 * judged here.
 * @throws GatewayError `missing_api_key`, `invalid_auth_scheme`, `duplicate_header`, `conflicting_credentials`,
 *   `invalid_api_key` when it is absurdly long
 */
export function readCredential(headers: Headers): string {
  const bearer = readBearer(headers.get("authorization"));
  const header = readKeyHeader(headers, "x-api-key");
  const google = readKeyHeader(headers, "x-goog-api-key");
  const [credential = null, ...others] = new Set([bearer, header, google].filter((key) => key !== null));
  if (others.length > 0) {
    throw new GatewayError("conflicting_credentials", "Two headers hold different keys. Send one of them.", {
      param: bearer === null ? "x-api-key" : "authorization",
    });
  }
  if (credential === null) throw new GatewayError("missing_api_key", `No API key was sent. ${HOW_TO_SEND}`);
  if (credential.length > MAX_CREDENTIAL_CHARACTERS) throw invalidKey();
  return credential;
}

function readBearer(value: string | null): string | null {
  if (value === null || value === "") return null;
  if (SECOND_SCHEME.test(value.slice(0, MAX_CREDENTIAL_CHARACTERS * 2))) throw duplicate("authorization");
  const space = value.indexOf(" ");
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase();
  if (scheme !== "bearer") {
    throw new GatewayError("invalid_auth_scheme", `This authorization scheme is not supported. ${HOW_TO_SEND}`);
  }
  const token = space < 0 ? "" : value.slice(space + 1).trim();
  return token === "" ? null : token;
}

function readKeyHeader(headers: Headers, name: string): string | null {
  const value = headers.get(name);
  if (value === null || value === "") return null;
  if (value.includes(", ")) throw duplicate(name);
  return value;
}

function duplicate(name: string): GatewayError {
  return new GatewayError("duplicate_header", `The header ${name} was sent more than once.`, { param: name });
}

/**
 * Refuses a URL that carries a credential: URLs end up in logs and histories.
 * @throws GatewayError `key_in_query`
 */
export function assertNoKeyInQuery(url: string): void {
  const start = url.indexOf("?");
  if (start < 0) return;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (value !== "" && (value.startsWith("gw_") || QUERY_NAMES.includes(name.toLowerCase()))) {
      throw new GatewayError(
        "key_in_query",
        `A key in a URL ends up in logs: create a new one and revoke this one. ${HOW_TO_SEND}`,
      );
    }
  }
}
