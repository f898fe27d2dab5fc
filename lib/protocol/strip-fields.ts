/** A provider's own fields as edits that take them away: those of a reply, and those of its usage. */
export interface StripEdits {
  readonly reply: Readonly<Record<string, null>>;
  readonly usage: Readonly<Record<string, null>>;
}

const IN_USAGE = "usage.";

/** @param fields names of a reply's members; `usage.x` is the member `x` of its usage */
export function stripEdits(fields: readonly string[]): StripEdits {
  const inUsage = fields.filter((field) => field.startsWith(IN_USAGE));
  const inReply = fields.filter((field) => !field.startsWith(IN_USAGE));
  return {
    reply: Object.fromEntries(inReply.map((field) => [field, null])),
    usage: Object.fromEntries(inUsage.map((field) => [field.slice(IN_USAGE.length), null])),
  };
}
