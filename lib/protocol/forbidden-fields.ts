import { GatewayError } from "../errors/gateway-error.ts";
import type { JsonObject } from "./json.ts";

/** Fields by which other gateways let a caller name a host, a key or a header of the provider's (security K1, B78). */
const SMUGGLING_FIELDS = ["api_base", "base_url", "api_key", "extra_headers", "organization"];

/** @throws GatewayError `forbidden_field` */
export function assertNothingSmuggled(body: JsonObject): void {
  for (const field of SMUGGLING_FIELDS) {
    if (body[field] === undefined) continue;
    throw new GatewayError(
      "forbidden_field",
      `${field} cannot be set by a request; the operator configures providers.`,
      {
        param: field,
      },
    );
  }
}
