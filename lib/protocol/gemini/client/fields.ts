import type { JsonObject, JsonValue } from "../../json.ts";

/** A member of Google's JSON, which may be spelled in either case: `systemInstruction`, `system_instruction` (proto3 JSON). */
export function fieldOf(object: JsonObject, name: string): JsonValue | undefined {
  return object[name] ?? object[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
}
