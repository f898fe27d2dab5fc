import { claudeGeneration } from "../anthropic/claude-generation.ts";
import { effortOf, thinkingOf } from "../anthropic/encode-request.ts";
import type { ChatRequest } from "../chat-request.ts";
import { type BedrockModel, bedrockModel, takesSampling } from "./bedrock-model.ts";
import { type Body, encodeMessages, encodeSystem, unplacedKinds } from "./encode-messages.ts";
import { encodeToolConfig } from "./encode-tools.ts";

export interface EncodedConverse {
  readonly body: Body;
  /** Client fields that Converse, or the model behind it, has no place for. */
  readonly ignored: readonly string[];
}

/**
 * A chat request as a Converse body (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read
 * 2026-11-25). What only one maker's models know goes into `additionalModelRequestFields`.
 */
export function encodeConverse(
  request: ChatRequest,
  nativeModel: string,
  modelMaxOutputTokens: number,
): EncodedConverse {
  const model = bedrockModel(nativeModel);
  const maxTokens = Math.min(request.maxOutputTokens ?? modelMaxOutputTokens, modelMaxOutputTokens);
  const generation = claudeGeneration(nativeModel);
  const thinking = model.isClaude ? thinkingOf(request, maxTokens, generation) : null;
  const samples = takesSampling(nativeModel, model) && thinking === null;
  const system = [...encodeSystem(request.messages, model.caches), ...instructions(request, model)];
  const messages = encodeMessages(request.messages, model.caches);
  const tools = encodeToolConfig(request, model);
  const inference = inferenceConfig(request, model, samples, thinking === null ? undefined : maxTokens);
  const additional = additionalFields(request, model, samples);
  if (thinking !== null) additional["thinking"] = thinking;
  const effort = thinking !== null && generation.thinksAdaptively ? effortOf(request.reasoning, generation) : undefined;
  if (effort !== undefined) additional["output_config"] = { effort };
  const body: Body = {
    // Instructions alone are no conversation to Bedrock, though they are one to OpenAI.
    messages: messages.length === 0 ? [{ role: "user", content: system }] : messages,
    ...(messages.length === 0 || system.length === 0 ? {} : { system }),
    ...(Object.keys(inference).length === 0 ? {} : { inferenceConfig: inference }),
    ...(tools.config === null ? {} : { toolConfig: tools.config }),
    ...(Object.keys(additional).length === 0 ? {} : { additionalModelRequestFields: additional }),
    ...outputConfig(request, model),
    // Only so does a model of Anthropic's tell at which sequence it stopped.
    ...(model.isClaude && (request.stop?.length ?? 0) > 0
      ? { additionalModelResponseFieldPaths: ["/stop_sequence"] }
      : {}),
  };
  const thinks = thinking !== null || additional["reasoning_effort"] !== undefined;
  return { body, ignored: [...ignoredBy(request, model, samples, thinks), ...tools.ignored] };
}

function inferenceConfig(
  request: ChatRequest,
  model: BedrockModel,
  samples: boolean,
  thinkingMaxTokens: number | undefined,
): Body {
  const config: Body = {};
  const set = (name: string, value: unknown) => {
    if (value !== undefined) config[name] = value;
  };
  // Without a cap the model's own holds, but a thinking budget must stay below one that is said.
  set("maxTokens", request.maxOutputTokens ?? thinkingMaxTokens);
  const stop = request.stop?.filter((sequence) => sequence.trim() !== "");
  set("stopSequences", stop?.length === 0 ? undefined : stop);
  if (!samples) return config;
  set("temperature", request.temperature === undefined ? undefined : Math.min(1, request.temperature));
  // Newer models of Anthropic's take one of the two.
  if (!model.isClaude || request.temperature === undefined) set("topP", request.topP);
  return config;
}

function additionalFields(request: ChatRequest, model: BedrockModel, samples: boolean): Body {
  const fields: Body = {};
  if (request.topK !== undefined && samples) {
    if (model.isClaude) fields["top_k"] = request.topK;
    if (model.isNova) fields["inferenceConfig"] = { topK: request.topK };
  }
  const effort = request.reasoning?.effort;
  if (model.isOpenAi && effort !== undefined && effort !== "none") fields["reasoning_effort"] = effort;
  return fields;
}

/** Bedrock's own structured output (since February 2026): the schema is a text there. */
function outputConfig({ responseFormat: format }: ChatRequest, model: BedrockModel): Body {
  if (format?.kind !== "json-schema" || !model.structures) return {};
  const described = format.description === undefined ? {} : { description: format.description };
  const jsonSchema = { schema: JSON.stringify(format.schema), name: format.name, ...described };
  return { outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema } } } };
}

/** JSON mode has no counterpart, and a schema only with some models: the others are told. */
function instructions({ responseFormat: format }: ChatRequest, model: BedrockModel): readonly Body[] {
  const rest = "and nothing else: no prose, no code fence.";
  if (format?.kind === "json-object") return [{ text: `Answer with one valid JSON object ${rest}` }];
  if (format?.kind !== "json-schema" || model.structures) return [];
  return [
    { text: `Answer with one valid JSON value that fits this JSON Schema ${rest}\n${JSON.stringify(format.schema)}` },
  ];
}

function ignoredBy(request: ChatRequest, model: BedrockModel, samples: boolean, thinks: boolean): readonly string[] {
  const { reasoning } = request;
  const asksToThink = reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== "none";
  const oneOfTwo = model.isClaude && request.temperature !== undefined;
  const given: readonly (readonly [string, boolean])[] = [
    ["n", (request.choices ?? 1) > 1],
    ["seed", request.seed !== undefined],
    ["logprobs", request.logprobs === true],
    ["top_logprobs", request.topLogprobs !== undefined],
    ["frequency_penalty", (request.frequencyPenalty ?? 0) !== 0],
    ["presence_penalty", (request.presencePenalty ?? 0) !== 0],
    ["temperature", !samples && request.temperature !== undefined],
    ["top_p", request.topP !== undefined && (!samples || oneOfTwo)],
    ["top_k", request.topK !== undefined && (!samples || !(model.isClaude || model.isNova))],
    ["reasoning", asksToThink && !thinks],
    ["user", request.endUser !== undefined],
    ["parallel_tool_calls", request.parallelToolCalls === false && request.tools.length > 0],
  ];
  const unplaced = unplacedKinds(request.messages);
  return [...given.flatMap(([name, isGiven]) => (isGiven ? [name] : [])), ...unplaced, ...Object.keys(request.other)];
}
