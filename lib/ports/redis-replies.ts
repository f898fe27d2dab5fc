/**
 * A hash as Redis replies it: a flat list of fields and values (the client leaves replies as they are). Anything else is
 * an empty hash.
 */
export function hashOf(reply: unknown): Readonly<Record<string, string>> {
  const fields: Record<string, string> = Object.create(null);
  if (!Array.isArray(reply)) return fields;
  for (let index = 0; index + 1 < reply.length; index += 2) fields[String(reply[index])] = String(reply[index + 1]);
  return fields;
}

/** A list of values, each a string or null. */
export function valuesOf(reply: unknown): readonly (string | null)[] {
  return Array.isArray(reply)
    ? reply.map((value: unknown) => (value === null || value === undefined ? null : String(value)))
    : [];
}
