import type { Price } from "../money/cost.ts";
import type { UpstreamRequest } from "../ports/upstream.ts";
import type { ClientFormatName } from "../protocol/client-format.ts";
import { type AuthorizationPorts, authorize, type ProviderCredential } from "../providers/authorize.ts";
import type { ProviderDeclaration } from "../providers/provider-declaration.ts";
import type { WireFormat } from "../providers/wire-format.ts";

/** One provider that could answer a call: everything needed to send it there. */
export interface Candidate {
  readonly provider: ProviderDeclaration;
  readonly wire: WireFormat;
  readonly baseUrl: string;
  /** Null for a provider that needs no key. */
  readonly credential: ProviderCredential | null;
  /** The canonical id of the model that it would answer as. */
  readonly modelId: string;
  /** The same model's id at this provider. */
  readonly nativeModel: string;
  readonly contextLength: number;
  readonly maxOutputTokens: number;
  /** The price that this call is charged at if this candidate answers; fixed here, at admission. */
  readonly price: Price;
}

/** True when the provider's reply goes to a client of this format with its own bytes. */
export function repliesUntouched({ wire, provider }: Candidate, format: ClientFormatName): boolean {
  return wire.passesThrough === format && provider.translatesReplies !== true;
}

/**
 * A request of the candidate's wire with the candidate's key.
 * @param signal aborts the wait for an access token, where the key is exchanged for one
 * @throws AuthorizationError where the key cannot be used, or not now
 */
export function authorized(
  request: UpstreamRequest,
  { provider, wire, credential }: Pick<Candidate, "provider" | "wire" | "credential">,
  ports: AuthorizationPorts,
  signal: AbortSignal,
): UpstreamRequest | Promise<UpstreamRequest> {
  return authorize(request, provider.authorization ?? wire.authorization, credential, ports, signal);
}
