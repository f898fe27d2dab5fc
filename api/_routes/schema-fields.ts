/** One line of a reference table. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** The top fields of a JSON Schema object, as a reader wants them named. Of a union, the first form's. */
export function fieldsOf(schema: unknown): readonly Field[] {
  const form = objectForm(schema);
  const properties = member(form, "properties");
  if (typeof properties !== "object" || properties === null) return [];
  const required = member(form, "required");
  return Object.entries(properties).map(([name, property]) => {
    const description = member(property, "description");
    return {
      name,
      type: typeName(property),
      required: Array.isArray(required) && required.includes(name),
      description: typeof description === "string" ? description : "",
    };
  });
}

function objectForm(schema: unknown): unknown {
  const forms = member(schema, "anyOf");
  return Array.isArray(forms) ? forms[0] : schema;
}

function typeName(schema: unknown): string {
  const values = member(schema, "enum");
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(" | ");
  const constant = member(schema, "const");
  if (constant !== undefined) return JSON.stringify(constant);
  const forms = member(schema, "anyOf");
  if (Array.isArray(forms)) return [...new Set(forms.map(typeName))].filter((name) => name !== "null").join(" or ");
  const type = member(schema, "type");
  if (type === "array") return `array of ${typeName(member(schema, "items"))}`;
  return typeof type === "string" ? type : "any";
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
