import { GatewayError } from "../errors/gateway-error.ts";
import type { ParsedCall } from "../protocol/client-format.ts";
import type { Candidate } from "./candidate.ts";

/**
 * The candidates, in their order, that can serve a call whose every part must stay in its own format; all of them for a
 * call that can be translated.
 * @throws GatewayError `unsupported_parameter`, naming the part, when no provider of the model speaks the format
 */
export function nativeWhereNeeded(
  candidates: readonly Candidate[],
  { format, onlyNative }: Pick<ParsedCall, "format" | "onlyNative">,
  modelId: string,
): readonly Candidate[] {
  if (onlyNative === undefined) return candidates;
  const native = candidates.filter(({ wire }) => wire.passesThrough === format);
  if (native.length > 0) return native;
  const message = `No provider of ${modelId} here takes ${onlyNative.what}. Leave it out, or choose a model whose provider does.`;
  throw new GatewayError("unsupported_parameter", message, { param: onlyNative.param });
}
