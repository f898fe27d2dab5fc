import { formatUsd, type NanoUsd } from "../../money/nano-usd.ts";
import { totalInputTokens, totalOutputTokens, type Usage } from "../usage.ts";

/** Usage as OpenAI's responses have it, cost added. Text, because the cost is an exact decimal. */
export function responsesUsageJson(usage: Usage, cost: NanoUsd): string {
  const input = totalInputTokens(usage);
  const output = totalOutputTokens(usage);
  return (
    `{"input_tokens":${input},` +
    `"input_tokens_details":{"cached_tokens":${usage.cacheRead},"cache_write_tokens":${usage.cacheWrite + usage.cacheWriteOneHour}},` +
    `"output_tokens":${output},"output_tokens_details":{"reasoning_tokens":${usage.reasoning}},` +
    `"total_tokens":${input + output},"cost":${formatUsd(cost)}}`
  );
}
