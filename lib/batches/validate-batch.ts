import { GatewayError } from "../errors/gateway-error.ts";
import { isJsonObject, type JsonObject } from "../protocol/json.ts";
import { parseJsonBody } from "../protocol/json-body.ts";
import { memberText } from "../protocol/json-splice.ts";

/** Why a file cannot be run, as OpenAI's batches tell it (the types of openai-node 7.57.0). */
export interface BatchError {
  readonly code: string;
  /** Counted from 1; null: of the whole file. */
  readonly line: number | null;
  readonly message: string;
  readonly param: string | null;
}

/** One request of a batch, its body as the file has it, to the byte. */
export interface BatchRequest {
  readonly customId: string;
  readonly body: string;
}

const MAX_LINES = 10_000;
const MAX_ERRORS = 100;
const MAX_CUSTOM_ID_CHARACTERS = 512;

/** The requests of a JSONL file, or everything that is wrong with it, up to a hundred faults. */
export function readBatchLines(
  text: string,
  endpoint: string,
  maxLineCharacters: number,
): { readonly requests: readonly BatchRequest[] } | { readonly errors: readonly BatchError[] } {
  const requests: BatchRequest[] = [];
  const errors: BatchError[] = [];
  const seen = new Set<string>();
  let number = 0;
  for (const line of text.replace(/^\uFEFF/, "").split("\n")) {
    number += 1;
    if (line.trim() === "") continue;
    const read = line.length > maxLineCharacters ? tooLong(maxLineCharacters) : readLine(line, endpoint, seen);
    if ("customId" in read) requests.push(read);
    else errors.push({ ...read, line: number });
    if (errors.length >= MAX_ERRORS) break;
    if (requests.length > MAX_LINES) {
      const message = `A batch may have at most ${MAX_LINES} requests.`;
      return { errors: [{ code: "too_many_lines", line: null, message, param: null }] };
    }
  }
  if (errors.length > 0) return { errors };
  if (requests.length > 0) return { requests };
  return { errors: [{ code: "empty_file", line: null, message: "The file holds no request.", param: null }] };
}

type Fault = Omit<BatchError, "line">;

function tooLong(max: number): Fault {
  return { code: "line_too_long", message: `A line may have at most ${max} characters.`, param: null };
}

function readLine(line: string, endpoint: string, seen: Set<string>): BatchRequest | Fault {
  let parsed: JsonObject;
  try {
    parsed = parseJsonBody(line);
  } catch (error) {
    const message = error instanceof GatewayError ? error.message.replace("The body", "The line") : "Not valid JSON.";
    return { code: "invalid_json_line", message, param: null };
  }
  const { custom_id: customId, method, url, body } = parsed;
  if (typeof customId !== "string" || customId === "" || customId.length > MAX_CUSTOM_ID_CHARACTERS) {
    const message = `custom_id must be a string of 1 to ${MAX_CUSTOM_ID_CHARACTERS} characters.`;
    return { code: "invalid_custom_id", message, param: "custom_id" };
  }
  if (seen.has(customId)) {
    return { code: "duplicate_custom_id", message: "This custom_id was used on an earlier line.", param: "custom_id" };
  }
  seen.add(customId);
  if (method !== "POST") return { code: "invalid_method", message: "method must be POST.", param: "method" };
  if (url !== endpoint) {
    return { code: "invalid_url", message: `url must be the batch's endpoint, ${endpoint}.`, param: "url" };
  }
  if (!isJsonObject(body)) return { code: "invalid_body", message: "body must be an object.", param: "body" };
  if (body["stream"] === true) {
    return { code: "invalid_body", message: "A request of a batch cannot be streamed.", param: "body.stream" };
  }
  return { customId, body: memberText(line, "body") ?? "{}" };
}
