import { type JsonObject, type JsonValue, objectsOf } from "../json.ts";
import { isOurSeal } from "./signature.ts";

/** A request's input as a list of items; a text alone is a user's message. */
export function inputItems(input: JsonValue | undefined): readonly JsonObject[] {
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : objectsOf(input);
}

/** An item's type; a bare `{role, content}` is a message. */
export function itemType(item: JsonObject): string {
  return typeof item["type"] === "string" ? item["type"] : "message";
}

/** A prefix, a generation's 32 digits and the item's place: OpenAI's own ids have no second `_`. */
const OUR_ID = /^(?:msg|rs|fc|fco|item)_[0-9a-f]{32}(?:-\d+)?_\d+$/;

function isOurItemId(id: JsonValue | undefined): boolean {
  return typeof id === "string" && OUR_ID.test(id);
}

/**
 * Items as a provider of this format takes them: one that this gateway wrote has no id there, and a thought that it sealed
 * is another vendor's. Null where there is nothing to change, so that the client's bytes stay as they are.
 */
export function itemsForProvider(input: JsonValue | undefined): readonly JsonObject[] | null {
  if (!Array.isArray(input)) return null;
  const items = objectsOf(input);
  const foreign = (item: JsonObject) =>
    isOurItemId(item["id"]) || (typeof item["encrypted_content"] === "string" && isOurSeal(item["encrypted_content"]));
  if (!items.some(foreign)) return null;
  return items.flatMap((item): readonly JsonObject[] => {
    if (!foreign(item)) return [item];
    if (itemType(item) === "reasoning") return [];
    const { id: _, extra_content: __, ...rest } = item;
    return [rest];
  });
}

/** The ids that `item_reference` items name. */
export function referencedIds(input: JsonValue | undefined): readonly string[] {
  return objectsOf(input).flatMap((item) =>
    item["type"] === "item_reference" && typeof item["id"] === "string" ? [item["id"]] : [],
  );
}

/** Ids of the items of a list, those that have one. */
export function idsOf(items: readonly JsonObject[]): readonly string[] {
  return items.flatMap(({ id }) => (typeof id === "string" ? [id] : []));
}
