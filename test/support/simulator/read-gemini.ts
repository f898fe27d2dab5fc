import { isJsonObject, type JsonObject } from "../../../lib/protocol/json.ts";
import { listAt, numberAt, objectAt, objectsAt, textAt } from "./json-reading.ts";
import { type Prompt, promptTokens } from "./prompt.ts";
import { FUTURE_FIELD } from "./read-openai.ts";
import { geminiError, VendorRefusal } from "./vendor-errors.ts";

/** ai.google.dev/api/generate-content (read 2026-11-23). */
const KNOWN_FIELDS = new Set(
  "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier store labels".split(
    " ",
  ),
);
const KNOWN_CONFIG = new Set(
  `stopSequences responseMimeType responseSchema responseJsonSchema _responseJsonSchema responseModalities
  candidateCount maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs
  enableEnhancedCivicAnswers speechConfig thinkingConfig mediaResolution imageConfig`.split(/\s+/),
);
const MAX_STOP_SEQUENCES = 5;

/** Reads a Gemini generateContent request as strictly as Google does. @throws VendorRefusal */
export function readGemini(body: JsonObject, model: string, stream: boolean): Prompt {
  if (model.startsWith("no-such")) {
    const text = `models/${model} is not found for API version v1beta, or is not supported for generateContent.`;
    throw new VendorRefusal(geminiError(404, "NOT_FOUND", text));
  }
  refuseUnknown(body, KNOWN_FIELDS, "");
  const config = objectAt(body["generationConfig"]);
  refuseUnknown(config, KNOWN_CONFIG, "generation_config");
  const contents = objectsAt(body["contents"]);
  if (contents.length === 0) refuse("* GenerateContentRequest.contents: contents is not specified");
  checkContents(contents);
  const stop = listAt(config["stopSequences"]).map((word) => textAt(word));
  if (stop.length > MAX_STOP_SEQUENCES) refuse("* GenerateContentRequest.generation_config.stop_sequences: too many");
  const parts = [...partsOf(objectAt(body["systemInstruction"])), ...contents.flatMap(partsOf)];
  const lastUser = partsOf(contents.findLast((content) => content["role"] !== "model") ?? {});
  const read = {
    text: parts.map((part) => textAt(part["text"])).join("\n"),
    images: parts.filter((part) => isJsonObject(part["inlineData"]) || isJsonObject(part["fileData"])).length,
  };
  const calling = objectAt(objectAt(body["toolConfig"])["functionCallingConfig"]);
  const cached = promptTokens(read) >= 1024 ? promptTokens(read) - (promptTokens(read) % 128) : 0;
  return {
    ...read,
    model,
    stream,
    lastUserText: lastUser.map((part) => textAt(part["text"])).join(""),
    tools: objectsAt(body["tools"])
      .flatMap((tool) => objectsAt(tool["functionDeclarations"]))
      .map((declared) => ({
        name: textAt(declared["name"]),
        schema: objectAt(declared["parametersJsonSchema"] ?? declared["parameters"]),
      })),
    toolChoice: toolChoiceOf(calling),
    parallelToolCalls: true,
    toolResults: lastUser.flatMap((part) =>
      isJsonObject(part["functionResponse"]) ? [resultText(objectAt(part["functionResponse"]["response"]))] : [],
    ),
    json: jsonModeOf(config),
    reasoning: objectAt(config["thinkingConfig"])["includeThoughts"] === true,
    topLogprobs: config["responseLogprobs"] === true ? (numberAt(config["logprobs"]) ?? 0) : null,
    choices: numberAt(config["candidateCount"]) ?? 1,
    maxTokens: numberAt(config["maxOutputTokens"]),
    stop,
    cachedTokens: cached,
    cacheWriteTokens: 0,
  };
}

function partsOf(content: JsonObject): readonly JsonObject[] {
  return objectsAt(content["parts"]);
}

function refuseUnknown(object: JsonObject, known: ReadonlySet<string>, at: string): void {
  for (const field of Object.keys(object)) {
    if (known.has(field) || FUTURE_FIELD.test(field)) continue;
    const place = at === "" ? "" : ` at '${at}'`;
    refuse(`Invalid JSON payload received. Unknown name "${field}"${place}: Cannot find field.`);
  }
}

/** Roles, non-empty parts, and as many results as calls in the turn before. */
function checkContents(contents: readonly JsonObject[]): void {
  contents.forEach((content, index) => {
    if (!["user", "model", undefined].includes(textAt(content["role"]) || undefined)) {
      refuse("Please use a valid role: user, model.");
    }
    const parts = partsOf(content);
    if (parts.length === 0)
      refuse(`* GenerateContentRequest.contents[${index}].parts: contents.parts must not be empty.`);
    const results = parts.filter((part) => isJsonObject(part["functionResponse"])).length;
    const calls = partsOf(contents[index - 1] ?? {}).filter((part) => isJsonObject(part["functionCall"])).length;
    if (results > 0 && results !== calls) {
      refuse(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
      );
    }
    for (const part of parts) {
      const signature = part["thoughtSignature"];
      // In Google's JSON an empty value is as good as none.
      if ((signature ?? "") !== "" && signature !== THOUGHT_SIGNATURE) refuse("Thought signature is not valid.");
    }
  });
}

/** The seal that the simulator puts on a part; another one is refused, as Google refuses it. */
export const THOUGHT_SIGNATURE = Buffer.from("simulated-thought-signature").toString("base64");

/** How a result is told to the model: whatever name its one field has. */
function resultText(response: JsonObject): string {
  const values = Object.values(response);
  const only = values[0];
  if (values.length === 1 && typeof only === "string") return only;
  return JSON.stringify(response);
}

function toolChoiceOf(calling: JsonObject): Prompt["toolChoice"] {
  const allowed = listAt(calling["allowedFunctionNames"]);
  if (calling["mode"] === "NONE") return "none";
  if (calling["mode"] !== "ANY") return "auto";
  return allowed.length === 1 ? { name: textAt(allowed[0]) } : "required";
}

function jsonModeOf(config: JsonObject): Prompt["json"] {
  if (config["responseMimeType"] !== "application/json") return null;
  const schema = config["responseJsonSchema"] ?? config["_responseJsonSchema"] ?? config["responseSchema"];
  return isJsonObject(schema) ? schema : "object";
}

function refuse(message: string): never {
  throw new VendorRefusal(geminiError(400, "INVALID_ARGUMENT", message));
}
