import { type JsonObject, type JsonValue, objectsOf } from "./json.ts";

/** Enough to see what is missing; a long history would name hundreds. */
const MAX_NAMED = 8;

/**
 * Content parts of a request that a translation has no place for, by where they stand (`messages[0].content[1]`): they
 * are left out of it, and reported, rather than dropped in silence.
 */
export function unplacedParts(
  messages: readonly JsonObject[],
  isPlaced: (part: JsonObject) => boolean,
): Record<string, JsonValue> {
  const unplaced: Record<string, JsonValue> = {};
  let named = 0;
  for (const [index, message] of messages.entries()) {
    for (const [position, part] of objectsOf(message["content"]).entries()) {
      if (isPlaced(part)) continue;
      unplaced[`messages[${index}].content[${position}]`] = part;
      named += 1;
      if (named === MAX_NAMED) return unplaced;
    }
  }
  return unplaced;
}
