import * as z from "zod";
import { NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { estimateContentTokens, estimateJsonTokens } from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { validate } from "../schema-error.ts";
import { tokenCount } from "../usage.ts";
import { type ParsedTask, readsNoEvents, type TaskFormat } from "./task.ts";

const MAX_DOCUMENTS = 1_000;
/** Cohere bills a query over up to 100 documents as one search: docs.cohere.com/docs/rerank (read 2026-11-25). */
const DOCUMENTS_PER_SEARCH = 100;

/** docs.cohere.com/reference/rerank; the same at Jina, Together, Fireworks and DeepInfra's like (read 2026-11-25). */
export const rerankRequest = z.looseObject({
  model: z.string().min(1),
  query: z.string().min(1),
  documents: z
    .array(z.union([z.string(), z.looseObject({})]))
    .min(1)
    .max(MAX_DOCUMENTS),
  top_n: z.int().min(1).optional(),
  return_documents: z.boolean().optional(),
});

const rerankFormat: TaskFormat = {
  name: "rerank",
  path: "/rerank",
  repliesOtherwise: null,
  holdsTenthMore: false,
  isReply: ({ results }) =>
    Array.isArray(results) && results.every((result) => isJsonObject(result) && typeof result["index"] === "number"),
  readConsumed: ({ usage, meta }, call) => {
    const reported: JsonValue | undefined = isJsonObject(usage) ? usage["total_tokens"] : undefined;
    const billed =
      isJsonObject(meta) && isJsonObject(meta["billed_units"]) ? meta["billed_units"]["search_units"] : undefined;
    if (reported === undefined && billed === undefined) return null;
    const metered = call.metered();
    return {
      ...metered,
      ...(reported === undefined ? {} : { inputTokens: tokenCount(reported) }),
      ...(billed === undefined ? {} : { searches: tokenCount(billed) }),
    };
  },
  eventReader: readsNoEvents,
};

/** @throws GatewayError with the row of bad input that applies */
export function parseRerank(body: JsonObject, text: string): ParsedTask {
  assertNothingSmuggled(body);
  const parsed = validate(rerankRequest, body);
  const query = estimateContentTokens(parsed.query);
  const documents: readonly JsonValue[] = Array.isArray(body["documents"]) ? body["documents"] : [];
  const counts = documents.map((document) =>
    typeof document === "string" ? estimateContentTokens(document) : estimateJsonTokens(document),
  );
  const estimate = {
    ...NOTHING_CONSUMED,
    // The query is read once with each document.
    inputTokens: counts.reduce((sum, count) => sum + count + query, 0),
    searches: Math.ceil(counts.length / DOCUMENTS_PER_SEARCH),
  };
  return {
    format: rerankFormat,
    model: parsed.model,
    payload: { kind: "json", text, body },
    estimate,
    longestInputTokens: query,
    metered: () => estimate,
  };
}
