import { GatewayError } from "../../errors/gateway-error.ts";
import type { ParsedCall } from "../../protocol/client-format.ts";
import type { Candidate } from "../candidate.ts";
import type { CandidateFilter } from "./candidate-filter.ts";

/** `require_parameters`: a candidate whose wire or declaration would leave out a field of this call is not asked. */
export const filterByParameters: CandidateFilter = (candidate, { requireParameters }, call) =>
  requireParameters && parametersLost(candidate, call).length > 0 ? "provider.require_parameters" : null;

/**
 * The call's fields that this candidate would not get, by encoding it: what is left out is the wire's own knowledge.
 * Costs a walk over the body.
 */
export function parametersLost({ provider, wire, baseUrl, nativeModel, maxOutputTokens }: Candidate, call: ParsedCall) {
  try {
    return wire.encode({ provider, baseUrl, nativeModel, maxOutputTokens, call }).ignoredParameters;
  } catch (error) {
    if (error instanceof GatewayError) return [error.param ?? "body"];
    throw error;
  }
}
