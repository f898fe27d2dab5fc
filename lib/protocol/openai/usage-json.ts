import { formatUsd, type NanoUsd } from "../../money/nano-usd.ts";
import { totalInputTokens, totalOutputTokens, type Usage } from "../usage.ts";

/**
 * Usage as OpenAI writes it, cost added: prompt tokens include cached ones and completion tokens include reasoning.
 * Text, because the cost is an exact decimal that a JavaScript number could not always hold.
 */
export function usageJson(usage: Usage, cost: NanoUsd): string {
  const prompt = totalInputTokens(usage);
  const completion = totalOutputTokens(usage);
  const cacheWrites = usage.cacheWrite + usage.cacheWriteOneHour;
  return (
    `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},` +
    `"prompt_tokens_details":{"cached_tokens":${usage.cacheRead}${cacheWrites > 0 ? `,"cache_write_tokens":${cacheWrites}` : ""}},` +
    `"completion_tokens_details":{"reasoning_tokens":${usage.reasoning}},"cost":${formatUsd(cost)}}`
  );
}
