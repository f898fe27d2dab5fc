import type { ChatRequest, ToolDefinition } from "../chat-request.ts";
import { encodeContents } from "./encode-contents.ts";
import { geminiGeneration, thinkingConfig } from "./thinking-config.ts";

type Body = Record<string, unknown>;

/** Gemini accepts five (ai.google.dev/api/generate-content, read 2026-11-23). */
const MAX_STOP_SEQUENCES = 5;
/** From here on a call in the history must be signed (ai.google.dev/gemini-api/docs/thought-signatures). */
const FIRST_TO_CHECK_SIGNATURES = 3;

export interface EncodedGenerateContent {
  readonly body: Body;
  /** Client fields that Gemini has no place for. */
  readonly ignored: readonly string[];
}

/**
 * A chat request as a generateContent body for one of Google's models.
 * @param takesCallIds false where the id of a tool call is an unknown field
 */
export function encodeGenerateContent(
  request: ChatRequest,
  nativeModel: string,
  takesCallIds = true,
): EncodedGenerateContent {
  const ignored = [...Object.keys(request.other)];
  const generation = geminiGeneration(nativeModel) ?? 0;
  const checksSignatures = generation >= FIRST_TO_CHECK_SIGNATURES;
  const { contents, systemInstruction } = encodeContents(request.messages, checksSignatures, takesCallIds);
  const body: Body = { contents };
  if (systemInstruction !== null) body["systemInstruction"] = systemInstruction;
  if (request.tools.length > 0) {
    body["tools"] = [{ functionDeclarations: request.tools.map(encodeTool) }];
    const mode = encodeToolChoice(request);
    if (mode !== null) body["toolConfig"] = { functionCallingConfig: mode };
  }
  const config = generationConfig(request);
  if (request.reasoning !== undefined) {
    const thinking = thinkingConfig(request.reasoning, nativeModel);
    if (thinking === null) ignored.push("reasoning");
    else config["thinkingConfig"] = thinking;
  }
  if (Object.keys(config).length > 0) body["generationConfig"] = config;
  if (request.endUser !== undefined) ignored.push("user");
  if (request.parallelToolCalls === false) ignored.push("parallel_tool_calls");
  if ((request.stop?.length ?? 0) > MAX_STOP_SEQUENCES) ignored.push("stop");
  return { body, ignored };
}

function generationConfig(request: ChatRequest): Body {
  const config: Body = {};
  const set = (name: string, value: unknown) => {
    if (value !== undefined) config[name] = value;
  };
  set("maxOutputTokens", request.maxOutputTokens);
  set("temperature", request.temperature);
  set("topP", request.topP);
  set("topK", request.topK);
  set("seed", request.seed);
  set("stopSequences", request.stop?.slice(0, MAX_STOP_SEQUENCES));
  set("candidateCount", request.choices);
  set("presencePenalty", request.presencePenalty);
  set("frequencyPenalty", request.frequencyPenalty);
  set("responseLogprobs", request.logprobs);
  set("logprobs", request.logprobs === true ? request.topLogprobs : undefined);
  const format = request.responseFormat;
  if (format?.kind === "json-object" || format?.kind === "json-schema") config["responseMimeType"] = "application/json";
  if (format?.kind === "json-schema") config["responseJsonSchema"] = format.schema;
  return config;
}

function encodeTool(tool: ToolDefinition): Body {
  return {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    // Takes JSON Schema as it is, unlike `parameters`, which is Google's own subset.
    ...(tool.parameters === undefined ? {} : { parametersJsonSchema: tool.parameters }),
  };
}

function encodeToolChoice({ toolChoice }: ChatRequest): Body | null {
  switch (toolChoice?.kind) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [toolChoice.name] };
    case undefined:
      return null;
  }
}
