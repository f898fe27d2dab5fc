import { isJsonObject, type JsonObject } from "../json.ts";
import { tokenCount, type Usage } from "../usage.ts";

/**
 * OpenAI's usage in disjoint parts. Completion tokens include reasoning, except at providers (xAI) whose total shows
 * that reasoning comes on top. An explicit 0 is a report like any other.
 */
export function decodeUsage(usage: JsonObject): Usage {
  const prompt = tokenCount(usage["prompt_tokens"]);
  const completion = tokenCount(usage["completion_tokens"]);
  const inputDetails = isJsonObject(usage["prompt_tokens_details"]) ? usage["prompt_tokens_details"] : {};
  const outputDetails = isJsonObject(usage["completion_tokens_details"]) ? usage["completion_tokens_details"] : {};
  const cacheRead = Math.min(prompt, cachedTokens(usage, inputDetails));
  const cacheWrite = Math.min(prompt - cacheRead, tokenCount(inputDetails["cache_write_tokens"]));
  const reasoning = tokenCount(outputDetails["reasoning_tokens"]);
  const onTop = reasoning > 0 && tokenCount(usage["total_tokens"]) === prompt + completion + reasoning;
  return {
    inputUncached: prompt - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWriteOneHour: 0,
    output: onTop ? completion : completion - Math.min(completion, reasoning),
    reasoning: onTop ? reasoning : Math.min(completion, reasoning),
    source: "provider",
  };
}

/** OpenAI keeps cache hits in the details; DeepSeek (`prompt_cache_hit_tokens`) and Together have them beside. */
function cachedTokens(usage: JsonObject, details: JsonObject): number {
  return tokenCount(details["cached_tokens"] ?? usage["prompt_cache_hit_tokens"] ?? usage["cached_tokens"]);
}
