import { isJsonObject, type JsonObject, type JsonValue } from "../../../lib/protocol/json.ts";

/** The smallest value that fits a JSON schema of the kinds that structured outputs and tools use. */
export function schemaInstance(schema: JsonValue | undefined, root?: JsonObject): JsonValue {
  if (!isJsonObject(schema)) return null;
  const top = root ?? schema;
  const reference = schema["$ref"];
  if (typeof reference === "string") return schemaInstance(resolve(top, reference), top);
  if (schema["const"] !== undefined) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0] ?? null;
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    const options = schema[word];
    if (Array.isArray(options)) return schemaInstance(options[0], top);
  }
  return ofType(schema, top);
}

function ofType(schema: JsonObject, root: JsonObject): JsonValue {
  // Gemini's own schema dialect writes its types in capitals.
  const declared = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  const type = typeof declared === "string" ? declared.toLowerCase() : "object";
  switch (type) {
    case "string":
      return "sample".padEnd(numberOr(schema["minLength"], 0), "x");
    case "integer":
    case "number":
      return numberOr(schema["minimum"], 1);
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return Array.from({ length: numberOr(schema["minItems"], 1) }, () => schemaInstance(schema["items"], root));
    default:
      return objectOf(schema, root);
  }
}

function objectOf(schema: JsonObject, root: JsonObject): JsonObject {
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : Object.keys(properties);
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name))
      .map(([name, property]) => [name, schemaInstance(property, root)]),
  );
}

function resolve(root: JsonObject, reference: string): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const step of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    at = isJsonObject(at) ? at[step] : undefined;
  }
  return at;
}

function numberOr(value: JsonValue | undefined, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}
