import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";

/** The text as a JSON object, or null when it is anything else. */
export function parseJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function objectAt(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function listAt(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

export function objectsAt(value: JsonValue | undefined): readonly JsonObject[] {
  return listAt(value).filter((item) => isJsonObject(item));
}

export function textAt(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

export function numberAt(value: JsonValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}
