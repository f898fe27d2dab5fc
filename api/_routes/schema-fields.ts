/** One line of a reference table. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** `0 to 2`, `at least 1`, or "". */
  readonly range: string;
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
      range: rangeOf(property),
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
  const stated = member(schema, "type");
  const type: unknown = Array.isArray(stated) ? stated.find((name) => name !== "null") : stated;
  if (type === "array") return `array of ${typeName(member(schema, "items"))}`;
  return typeof type === "string" ? type : "any";
}

/** The bounds of a number, or of a list's length. What is as large as integers get bounds nothing. */
function rangeOf(schema: unknown): string {
  const forms = member(schema, "anyOf");
  if (Array.isArray(forms)) return forms.map(rangeOf).find((range) => range !== "") ?? "";
  const least = member(schema, "minimum");
  const most = member(schema, "maximum");
  const items = member(schema, "maxItems");
  if (typeof items === "number") return `up to ${items}`;
  const from = typeof least === "number" && least > Number.MIN_SAFE_INTEGER ? least : null;
  const to = typeof most === "number" && most < Number.MAX_SAFE_INTEGER ? most : null;
  if (from !== null && to !== null) return `${from} to ${to}`;
  if (from !== null) return `at least ${from}`;
  return to === null ? "" : `at most ${to}`;
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
