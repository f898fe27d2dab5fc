import { isJsonObject, type JsonObject, type JsonValue } from "../../json.ts";
import { fieldOf } from "./fields.ts";

/** Members of Google's `Schema` whose names differ from JSON Schema's, or that it has not (ai.google.dev/api/caching#Schema). */
const DROPPED = new Set(["propertyOrdering", "property_ordering", "nullable", "example"]);
const RENAMED: Readonly<Record<string, string>> = {
  any_of: "anyOf",
  max_items: "maxItems",
  min_items: "minItems",
  max_length: "maxLength",
  min_length: "minLength",
  max_properties: "maxProperties",
  min_properties: "minProperties",
};
/** int64 in Google's JSON, so often a text. */
const COUNTS = new Set([...["maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"]]);

/** Google's own subset of OpenAPI's schemas (`{"type": "STRING", "nullable": true}`) as JSON Schema. */
export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (value === undefined || DROPPED.has(name)) continue;
    const known = RENAMED[name] ?? name;
    result[known] = memberOf(known, value);
  }
  const { type } = result;
  if (fieldOf(schema, "nullable") === true && typeof type === "string") result["type"] = [type, "null"];
  return result;
}

function memberOf(name: string, value: JsonValue): JsonValue {
  if (name === "type") return typeof value === "string" ? value.toLowerCase() : value;
  if (COUNTS.has(name)) return typeof value === "string" ? Number(value) : value;
  if (name === "items") return isJsonObject(value) ? jsonSchemaOf(value) : value;
  if (name === "anyOf" && Array.isArray(value)) {
    return value.map((form: JsonValue) => (isJsonObject(form) ? jsonSchemaOf(form) : form));
  }
  if (name !== "properties" || !isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, property]) => [
      key,
      isJsonObject(property) ? jsonSchemaOf(property) : (property ?? null),
    ]),
  );
}
