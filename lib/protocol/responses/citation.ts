import { isJsonObject, type JsonObject } from "../json.ts";

/**
 * A citation as responses have it: `{type: "url_citation", url, title, start_index, end_index}`, flat, where chat completions
 * keep the same members in an object of its own. What is no citation of the web is passed on as it is.
 * @param end where the text cited so far ends
 */
export function flatCitation(citation: JsonObject, end: number): JsonObject {
  const nested = citation["url_citation"];
  const source = isJsonObject(nested) ? nested : citation;
  if (typeof source["url"] !== "string") return citation;
  const { start_index: from, end_index: to } = source;
  return {
    type: "url_citation",
    url: source["url"],
    title: typeof source["title"] === "string" ? source["title"] : "",
    start_index: typeof from === "number" ? from : 0,
    end_index: typeof to === "number" ? to : end,
  };
}
