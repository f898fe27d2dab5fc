import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../json.ts";

/** Log probabilities of chat completions (`{content: [{token, logprob, top_logprobs}]}`) in the older shape, four lists. */
export function legacyLogprobs(logprobs: JsonValue | undefined, offset: number): JsonObject | null {
  const tokens = isJsonObject(logprobs) ? objectsOf(logprobs["content"]) : [];
  if (tokens.length === 0) return null;
  let at = offset;
  const offsets = tokens.map((token) => {
    const start = at;
    at += stringOf(token["token"]).length;
    return start;
  });
  return {
    tokens: tokens.map((token) => stringOf(token["token"])),
    token_logprobs: tokens.map((token) => token["logprob"] ?? null),
    top_logprobs: tokens.map((token) =>
      Object.fromEntries(objectsOf(token["top_logprobs"]).map((top) => [stringOf(top["token"]), top["logprob"] ?? 0])),
    ),
    text_offset: offsets,
  };
}
