import type { UpstreamRequest } from "../ports/upstream.ts";

/** One key for a provider. */
export interface ProviderCredential {
  /** Tells it from the provider's other keys, in breakers and logs: never the key itself. */
  readonly id: string;
  readonly secret: string;
  /** True for one of several keys of the operator's: when it is refused or limited, the others stand in for it. */
  readonly pooled?: boolean;
}

/** How a key goes into a request. */
export type AuthorizationScheme = "bearer" | "x-api-key" | "x-goog-api-key";

const HEADERS: Readonly<Record<AuthorizationScheme, (secret: string) => Readonly<Record<string, string>>>> = {
  bearer: (secret) => ({ authorization: `Bearer ${secret}` }),
  "x-api-key": (secret) => ({ "x-api-key": secret }),
  // A header, never Google's query parameter: URLs end up in logs (K19).
  "x-goog-api-key": (secret) => ({ "x-goog-api-key": secret }),
};

/** The request with its credential. Null: the provider needs none. */
export function authorize(
  request: UpstreamRequest,
  scheme: AuthorizationScheme,
  credential: ProviderCredential | null,
): UpstreamRequest {
  if (credential === null) return request;
  return { ...request, headers: { ...request.headers, ...HEADERS[scheme](credential.secret) } };
}
