import { GatewayError } from "../../lib/errors/gateway-error.ts";

/** RFC 9110, section 4.1, asks servers to take 8,000 at least. */
const MAX_URL_CHARACTERS = 8_192;
/** A browser sends about twenty. Their size together is bounded by what parses them: on Node by `MAX_HEADER_BYTES`. */
const MAX_HEADERS = 100;

/** What a request's head is too large for, or null (B97, B98). `headerCount`: as sent, repeated ones counted. */
export function headProblem(url: string, headerCount: number): GatewayError | null {
  if (url.length > MAX_URL_CHARACTERS) {
    return new GatewayError("uri_too_long", `The URL is longer than ${MAX_URL_CHARACTERS} characters.`);
  }
  if (headerCount > MAX_HEADERS) {
    return new GatewayError("headers_too_large", `More than ${MAX_HEADERS} headers were sent.`);
  }
  return null;
}
