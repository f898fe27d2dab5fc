import { type JsonObject, type JsonValue, stringOf } from "../json.ts";
import { itemType } from "./input-items.ts";

/** What an item's id begins with, by its type; those of other types are OpenAI's own and have one. */
const PREFIXES: Readonly<Record<string, string>> = {
  message: "msg",
  reasoning: "rs",
  function_call: "fc",
  function_call_output: "fco",
};

/**
 * A request's items as they are listed afterwards (openai-node 7.57.0, `ResponseItem`): each with an id and a type, a text as
 * a part. Items that have an id keep it.
 */
export function withItemIds(items: readonly JsonObject[]): readonly JsonObject[] {
  const digits = crypto.randomUUID().replaceAll("-", "");
  return items.map((item, index) => {
    const type = itemType(item);
    const id = typeof item["id"] === "string" ? item["id"] : `${PREFIXES[type] ?? "item"}_${digits}_${index}`;
    if (type !== "message") return { status: "completed", ...item, id, type };
    const role = stringOf(item["role"]);
    return { status: "completed", ...item, id, type, role, content: contentParts(item["content"], role) };
  });
}

function contentParts(content: JsonValue | undefined, role: string): JsonValue {
  if (typeof content !== "string") return content ?? [];
  return role === "assistant"
    ? [{ type: "output_text", text: content, annotations: [] }]
    : [{ type: "input_text", text: content }];
}
