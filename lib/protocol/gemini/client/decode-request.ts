import type {
  ChatMessage,
  ChatRequest,
  ReasoningRequest,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
} from "../../chat-request.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf, stringOf } from "../../json.ts";
import { decodeContents, decodePart } from "./decode-contents.ts";
import { fieldOf } from "./fields.ts";
import type { GenerateContentRequest } from "./generate-schema.ts";
import { jsonSchemaOf } from "./json-schema.ts";

const UNDERSTOOD = new Set([
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "generationConfig",
  "provider",
]);
const CONFIG_UNDERSTOOD = new Set([
  "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed", "presencePenalty",
  "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig",
]); // biome-ignore format: a table

/** A generateContent request in no vendor's format. `body` is in one spelling and has passed `generateContentRequest`. */
export function decodeGenerateContent(body: JsonObject, parsed: GenerateContentRequest): ChatRequest {
  const config = parsed.generationConfig ?? {};
  const given = isJsonObject(body["generationConfig"]) ? body["generationConfig"] : {};
  const calling = callingOf(body);
  const responseFormat = decodeFormat(given);
  const reasoning = decodeThinking(given["thinkingConfig"]);
  const toolChoice = decodeMode(calling);
  return {
    messages: [...decodeSystem(body["systemInstruction"]), ...decodeContents(objectsOf(body["contents"]))],
    tools: functionsOf(body, calling).map(decodeFunction),
    ...(toolChoice === null ? {} : { toolChoice }),
    ...(config.maxOutputTokens === undefined ? {} : { maxOutputTokens: config.maxOutputTokens }),
    ...(config.temperature === undefined ? {} : { temperature: config.temperature }),
    ...(config.topP === undefined ? {} : { topP: config.topP }),
    ...(config.topK === undefined ? {} : { topK: config.topK }),
    ...(config.seed === undefined ? {} : { seed: config.seed }),
    ...(config.presencePenalty === undefined ? {} : { presencePenalty: config.presencePenalty }),
    ...(config.frequencyPenalty === undefined ? {} : { frequencyPenalty: config.frequencyPenalty }),
    ...(config.stopSequences === undefined || config.stopSequences.length === 0 ? {} : { stop: config.stopSequences }),
    ...(config.candidateCount === undefined || config.candidateCount === 1 ? {} : { choices: config.candidateCount }),
    ...(config.responseLogprobs === true ? { logprobs: true, topLogprobs: config.logprobs ?? 0 } : {}),
    ...(responseFormat === null ? {} : { responseFormat }),
    ...(reasoning === null ? {} : { reasoning }),
    other: untranslated(body, given),
  };
}

function untranslated(body: JsonObject, config: JsonObject): JsonObject {
  const other: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(body))
    if (!UNDERSTOOD.has(name) && value !== undefined) other[name] = value;
  for (const [name, value] of Object.entries(config)) {
    if (!CONFIG_UNDERSTOOD.has(name) && value !== undefined) other[`generationConfig.${name}`] = value;
  }
  return other;
}

function decodeSystem(instruction: JsonValue | undefined): readonly ChatMessage[] {
  const parts = isJsonObject(instruction) ? objectsOf(instruction["parts"]) : [{ text: stringOf(instruction) }];
  const content = parts.flatMap(decodePart);
  return content.length === 0 ? [] : [{ role: "system", content }];
}

function callingOf(body: JsonObject): JsonObject {
  const config = isJsonObject(body["toolConfig"]) ? fieldOf(body["toolConfig"], "functionCallingConfig") : undefined;
  return isJsonObject(config) ? config : {};
}

function allowedNames(calling: JsonObject): readonly string[] {
  const names = fieldOf(calling, "allowedFunctionNames");
  return Array.isArray(names) ? names.map(stringOf) : [];
}

function functionsOf(body: JsonObject, calling: JsonObject): readonly JsonObject[] {
  const declared = objectsOf(body["tools"]).flatMap((tool) => objectsOf(fieldOf(tool, "functionDeclarations")));
  const allowed = allowedNames(calling);
  return allowed.length === 0 ? declared : declared.filter((one) => allowed.includes(stringOf(one["name"])));
}

function decodeFunction(declared: JsonObject): ToolDefinition {
  const { name, description, parameters } = declared;
  const schema = fieldOf(declared, "parametersJsonSchema");
  const own = isJsonObject(parameters) ? jsonSchemaOf(parameters) : undefined;
  const known = isJsonObject(schema) ? schema : own;
  return {
    name: stringOf(name),
    ...(typeof description === "string" ? { description } : {}),
    ...(known === undefined ? {} : { parameters: known }),
  };
}

function decodeMode(calling: JsonObject): ToolChoice | null {
  const [only, ...more] = allowedNames(calling);
  switch (stringOf(calling["mode"]).toUpperCase()) {
    case "AUTO":
    case "VALIDATED":
      return { kind: "auto" };
    case "NONE":
      return { kind: "none" };
    case "ANY":
      return only !== undefined && more.length === 0 ? { kind: "tool", name: only } : { kind: "required" };
    default:
      return null;
  }
}

function decodeFormat(config: JsonObject): ResponseFormat | null {
  const { responseSchema: own, responseJsonSchema: schema } = config;
  if (isJsonObject(schema)) return { kind: "json-schema", name: "response", schema };
  if (isJsonObject(own)) return { kind: "json-schema", name: "response", schema: jsonSchemaOf(own) };
  return config["responseMimeType"] === "application/json" ? { kind: "json-object" } : null;
}

/** A budget of 0 is off, one of -1 is left to the model (ai.google.dev/gemini-api/docs/thinking). */
function decodeThinking(thinking: JsonValue | undefined): ReasoningRequest | null {
  if (!isJsonObject(thinking)) return null;
  const budget = fieldOf(thinking, "thinkingBudget");
  const level = fieldOf(thinking, "thinkingLevel");
  if (budget === 0) return { enabled: false };
  if (typeof level === "string") return { effort: level.toLowerCase() };
  if (typeof budget === "number" && budget > 0) return { enabled: true, budgetTokens: budget };
  return budget === -1 || fieldOf(thinking, "includeThoughts") === true ? { enabled: true } : null;
}

/** Whether thoughts are to be shown. */
export function wantsThoughts(body: JsonObject): boolean {
  const config = isJsonObject(body["generationConfig"]) ? body["generationConfig"] : {};
  const thinking = fieldOf(config, "thinkingConfig");
  return isJsonObject(thinking) && fieldOf(thinking, "includeThoughts") === true;
}
