import { formatUsd, type NanoUsd } from "../../../money/nano-usd.ts";
import { totalInputTokens, totalOutputTokens, type Usage } from "../../usage.ts";

/** `usageMetadata` as Gemini writes it, cost added: thoughts are counted beside the answer. Text: the cost is an exact decimal. */
export function usageMetadataJson(usage: Usage, cost: NanoUsd): string {
  const prompt = totalInputTokens(usage);
  return (
    `{"promptTokenCount":${prompt},"candidatesTokenCount":${usage.output},` +
    `"totalTokenCount":${prompt + totalOutputTokens(usage)},` +
    `${usage.cacheRead > 0 ? `"cachedContentTokenCount":${usage.cacheRead},` : ""}` +
    `${usage.reasoning > 0 ? `"thoughtsTokenCount":${usage.reasoning},` : ""}"cost":${formatUsd(cost)}}`
  );
}
