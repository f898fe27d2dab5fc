import { isJsonObject, type JsonObject } from "../json.ts";
import { tokenCount, type Usage } from "../usage.ts";

/** A response's usage in disjoint parts: input includes cached tokens, output includes reasoning. */
export function decodeResponsesUsage(usage: JsonObject): Usage {
  const input = tokenCount(usage["input_tokens"]);
  const output = tokenCount(usage["output_tokens"]);
  const inputDetails = isJsonObject(usage["input_tokens_details"]) ? usage["input_tokens_details"] : {};
  const outputDetails = isJsonObject(usage["output_tokens_details"]) ? usage["output_tokens_details"] : {};
  const cacheRead = Math.min(input, tokenCount(inputDetails["cached_tokens"]));
  const cacheWrite = Math.min(input - cacheRead, tokenCount(inputDetails["cache_write_tokens"]));
  const reasoning = Math.min(output, tokenCount(outputDetails["reasoning_tokens"]));
  return {
    inputUncached: input - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWriteOneHour: 0,
    output: output - reasoning,
    reasoning,
    source: "provider",
  };
}
