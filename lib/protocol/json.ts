export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object that a text is; null where it is none, or no JSON. */
export function parseJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The objects of a list; none where there is no list. */
export function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** A number, or a string that says one; NaN for anything else. */
export function numberOf(value: JsonValue | undefined): number {
  return typeof value === "number" || typeof value === "string" ? Number(value) : Number.NaN;
}

export function stringOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
