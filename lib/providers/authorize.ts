import type { Ports } from "../ports/ports.ts";
import type { UpstreamRequest } from "../ports/upstream.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { signAwsRequest } from "./aws-signature.ts";
import { exchangeServiceAccount } from "./google-service-account.ts";

/** One key for a provider. */
export interface ProviderCredential {
  /** Tells it from the provider's other keys, in breakers and logs: never the key itself. */
  readonly id: string;
  /** What its scheme needs, in one text: a key, a service account's JSON, `accessKeyId:secretAccessKey[:sessionToken]`. */
  readonly secret: string;
  /** True for one of several keys of the operator's: when it is refused or limited, the others stand in for it. */
  readonly pooled?: boolean;
  /** True for a key of the calling account's own: its faults are the caller's business, its use is not resold. */
  readonly ofCaller?: boolean;
}

/** A key that goes into a header as it is. */
type HeaderScheme = "bearer" | "key" | "x-api-key" | "x-goog-api-key" | "x-portkey-api-key" | "api-key";

/** How a key goes into a request. */
export type AuthorizationScheme =
  | HeaderScheme
  /** Exchanged for an access token, which is kept until shortly before its end. */
  | "google-service-account"
  /** Signs the request with its body. */
  | "aws-sigv4";

/** What a scheme may need beside the key. */
export interface AuthorizationPorts extends Pick<Ports, "clock" | "callUpstream"> {
  readonly accessTokens: AccessTokens;
}

const HEADERS: Readonly<Record<HeaderScheme, (secret: string) => Readonly<Record<string, string>>>> = {
  bearer: (secret) => ({ authorization: `Bearer ${secret}` }),
  key: (secret) => ({ authorization: `Key ${secret}` }),
  "x-api-key": (secret) => ({ "x-api-key": secret }),
  // A header, never Google's query parameter: URLs end up in logs (K19).
  "x-goog-api-key": (secret) => ({ "x-goog-api-key": secret }),
  "x-portkey-api-key": (secret) => ({ "x-portkey-api-key": secret }),
  "api-key": (secret) => ({ "api-key": secret }),
};

/** The service that AWS's signature is for. */
const AWS_SERVICE = "bedrock";

/**
 * The request with its credential, at once where that is a header's text. Null: the provider needs none.
 * @param signal aborts the wait for an access token
 * @throws AuthorizationError where the key cannot be used, or not now
 */
export function authorize(
  request: UpstreamRequest,
  scheme: AuthorizationScheme,
  credential: ProviderCredential | null,
  ports: AuthorizationPorts,
  signal: AbortSignal,
): UpstreamRequest | Promise<UpstreamRequest> {
  if (credential === null) return request;
  const { secret } = credential;
  switch (scheme) {
    case "google-service-account":
      return ports.accessTokens
        .get(ports.clock, secret, signal, (abort) => exchangeServiceAccount(ports, secret, request.url, abort))
        .then((token) => withHeaders(request, HEADERS.bearer(token)));
    case "aws-sigv4":
      return signAwsRequest(request, secret, AWS_SERVICE, ports.clock.now());
    default:
      return withHeaders(request, HEADERS[scheme](secret));
  }
}

function withHeaders(request: UpstreamRequest, headers: Readonly<Record<string, string>>): UpstreamRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}
