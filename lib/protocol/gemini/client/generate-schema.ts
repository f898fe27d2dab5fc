import * as z from "zod";
import { isJsonObject, type JsonObject, objectsOf } from "../../json.ts";
import { checkMediaUrl } from "../../media-url.ts";
import { fieldOf } from "./fields.ts";

/**
 * The body of generateContent (ai.google.dev/api/generate-content, read 2026-11-25). Loose throughout: what is not named here
 * passes to a provider of the same format.
 */
const MAX_CONTENTS = 10_000;
const MAX_PARTS = 10_000;
const MAX_TOOLS = 128;
const MAX_STOP_SEQUENCES = 16;
const MAX_CANDIDATES = 8;
/** Above any model's output; the model's own maximum is checked once it is known. */
const MAX_TOKENS = 100_000_000;

/** A file in Google's own storage, which only Google reads. */
const STORED_AT_GOOGLE = /^gs:\/\/[a-z0-9]/;

/** The URL of a part's file, and those of the parts in a function's response. */
function checkFileUris(part: JsonObject, context: z.RefinementCtx): void {
  const file = fieldOf(part, "fileData");
  const uri = isJsonObject(file) ? fieldOf(file, "fileUri") : undefined;
  if (typeof uri !== "string" || !STORED_AT_GOOGLE.test(uri)) checkMediaUrl(uri, context);
  const response = fieldOf(part, "functionResponse");
  for (const inner of isJsonObject(response) ? objectsOf(response["parts"]) : []) checkFileUris(inner, context);
}

const part = z.looseObject({ text: z.string().optional() }).superRefine((value, context) => {
  if (isJsonObject(value)) checkFileUris(value, context);
});
const content = z.looseObject({
  role: z.enum(["user", "model", "function", "system", "tool"]).optional(),
  parts: z.array(part).max(MAX_PARTS),
});

export const generateContentRequest = z.looseObject({
  contents: z.array(content).min(1).max(MAX_CONTENTS),
  systemInstruction: z.union([z.string(), z.looseObject({ parts: z.array(part).optional() })]).optional(),
  tools: z.array(z.looseObject({})).max(MAX_TOOLS).optional(),
  toolConfig: z.looseObject({}).optional(),
  safetySettings: z.array(z.looseObject({})).optional(),
  generationConfig: z
    .looseObject({
      temperature: z.number().min(0).max(2).optional(),
      topP: z.number().min(0).max(1).optional(),
      topK: z.number().min(0).optional(),
      candidateCount: z.int().min(1).max(MAX_CANDIDATES).optional(),
      maxOutputTokens: z.int().min(1).max(MAX_TOKENS).optional(),
      stopSequences: z.array(z.string()).max(MAX_STOP_SEQUENCES).optional(),
      seed: z.int().optional(),
      presencePenalty: z.number().min(-2).max(2).optional(),
      frequencyPenalty: z.number().min(-2).max(2).optional(),
      responseLogprobs: z.boolean().optional(),
      logprobs: z.int().min(0).max(20).optional(),
      responseMimeType: z.string().optional(),
      thinkingConfig: z.looseObject({}).optional(),
    })
    .optional(),
});

export type GenerateContentRequest = z.infer<typeof generateContentRequest>;

const TOP_FIELDS = ["contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig"];
const CONFIG_FIELDS = [
  ...["temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed", "presencePenalty"],
  ...["frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema"],
  ...["thinkingConfig"],
];

/** The body with the fields that are read here in one spelling. */
export function inOneSpelling(body: JsonObject): JsonObject {
  const spelled = renamed(body, TOP_FIELDS);
  const config = spelled["generationConfig"];
  return isJsonObject(config) ? { ...spelled, generationConfig: renamed(config, CONFIG_FIELDS) } : spelled;
}

/** Absent and null are the same to Google. */
function renamed(object: JsonObject, names: readonly string[]): JsonObject {
  const { ...result } = object;
  const spelled: Record<string, JsonObject[string]> = result;
  for (const name of names) {
    const value = fieldOf(object, name);
    if (value === undefined || value === null) delete spelled[name];
    else spelled[name] = value;
  }
  return spelled;
}
