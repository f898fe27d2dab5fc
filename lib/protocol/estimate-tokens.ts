import { isJsonObject, type JsonValue } from "./json.ts";

/** Without a tokenizer a token is four characters (CM-14.1). */
const CHARACTERS_PER_TOKEN = 4;
/** What an image counts for before the provider says: a 1024-pixel square in high detail at OpenAI and Anthropic's rule of thumb agree within a third. */
const TOKENS_PER_IMAGE = 1_000;
/** A page of a document is about this many bytes of base64 and this many tokens. */
const DOCUMENT_CHARACTERS_PER_TOKEN = 40;

/** Tokens of a text: characters / 4 rounded down, at least 1 for any text, 0 for none. */
function estimateTextTokens(text: string): number {
  return text === "" ? 0 : Math.max(1, Math.floor(text.length / CHARACTERS_PER_TOKEN));
}

/** Per message, and once for the reply's start (spec facts, section 10). */
export const TOKENS_PER_MESSAGE = 4;
export const TOKENS_PER_ROLE = 1;
export const TOKENS_TO_START = 3;

/**
 * Tokens of a content value of either client format: strings and text parts by their characters, media by their kind,
 * anything else by the characters of its strings. An upper estimate that never walks into base64.
 */
export function estimateContentTokens(content: JsonValue | undefined): number {
  if (typeof content === "string") return estimateTextTokens(content);
  if (Array.isArray(content))
    return content.reduce((sum: number, part: JsonValue) => sum + estimateContentTokens(part), 0);
  if (!isJsonObject(content)) return 0;
  switch (content["type"]) {
    case "text":
    case "input_text":
    case "output_text":
      return typeof content["text"] === "string" ? estimateTextTokens(content["text"]) : 0;
    case "image_url":
    case "image":
    case "input_image":
      return TOKENS_PER_IMAGE;
    case "file":
    case "input_file":
    case "document":
    case "input_audio":
      return Math.ceil(lengthOfStrings(content) / DOCUMENT_CHARACTERS_PER_TOKEN);
    default:
      return Math.ceil(lengthOfStrings(content) / CHARACTERS_PER_TOKEN);
  }
}

/** Tokens of tool definitions and the like: their strings and keys by characters. */
export function estimateJsonTokens(value: JsonValue | undefined): number {
  return Math.ceil(lengthOfStrings(value) / CHARACTERS_PER_TOKEN);
}

/** Bodies are at most 64 levels deep (json-body), so this recursion is bounded. */
function lengthOfStrings(value: JsonValue | undefined): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return value === undefined ? 0 : 4;
  if (Array.isArray(value)) return value.reduce((sum: number, member: JsonValue) => sum + lengthOfStrings(member), 0);
  let length = 0;
  for (const [key, member] of Object.entries(value)) length += key.length + lengthOfStrings(member);
  return length;
}
