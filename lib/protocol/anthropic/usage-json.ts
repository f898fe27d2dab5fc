import { formatUsd, type NanoUsd } from "../../money/nano-usd.ts";
import { totalOutputTokens, type Usage } from "../usage.ts";

/**
 * Usage as Anthropic writes it, cost added: input tokens exclude cached ones, output tokens include thinking.
 * Text, because the cost is an exact decimal.
 */
export function anthropicUsageJson(usage: Usage, cost: NanoUsd): string {
  return (
    `{"input_tokens":${usage.inputUncached},"cache_creation_input_tokens":${usage.cacheWrite + usage.cacheWriteOneHour},` +
    `"cache_read_input_tokens":${usage.cacheRead},"output_tokens":${totalOutputTokens(usage)},"cost":${formatUsd(cost)}}`
  );
}
