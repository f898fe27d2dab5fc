import { GatewayError } from "../../errors/gateway-error.ts";
import { NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { isJsonObject, type JsonObject, type JsonValue, objectsOf } from "../../protocol/json.ts";
import { asEncoded } from "../../protocol/tasks/embedding-encoding.ts";
import { sendsTokens } from "../../protocol/tasks/embeddings.ts";
import type { ParsedTask } from "../../protocol/tasks/task.ts";
import { tokenCount } from "../../protocol/usage.ts";
import type { EncodedTask, TaskEncodeInput, TaskWire } from "./task-wire.ts";

/** Gemini's embeddings: ai.google.dev/api/embeddings, batchEmbedContents (read 2026-11-25). */
export const geminiEmbeddingsWire: TaskWire = {
  passesThrough: false,
  refusal: (call) =>
    sendsTokens(call)
      ? new GatewayError("unsupported_parameter", "This model takes texts only, no tokens.", { param: "input" })
      : null,
  encode(input) {
    const { nativeModel, call } = input;
    const body = bodyOf(call);
    const texts: readonly JsonValue[] = Array.isArray(body["input"]) ? body["input"] : [body["input"] ?? ""];
    const dimensions = body["dimensions"];
    const requests = texts.map((text) => ({
      model: `models/${nativeModel}`,
      content: { parts: [{ text }] },
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
    }));
    return requestOf(
      input,
      `models/${encodeURIComponent(nativeModel)}:batchEmbedContents`,
      { requests },
      ignoredOf(body, ["input", "dimensions"]),
    );
  },
  decodeReply(body, _text, call) {
    const vectors = objectsOf(body["embeddings"]).map(({ values }) => values);
    if (vectors.length === 0 || !vectors.every(Array.isArray)) return null;
    const reported = isJsonObject(body["usageMetadata"]) ? body["usageMetadata"]["promptTokenCount"] : undefined;
    const inputTokens = reported === undefined ? call.metered().inputTokens : tokenCount(reported);
    const reply = {
      object: "list",
      data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
      model: call.model,
      usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
    };
    const wanted = bodyOf(call)["encoding_format"] === "base64" ? "base64" : "float";
    const consumed = reported === undefined ? null : { ...NOTHING_CONSUMED, inputTokens };
    return { text: asEncoded(JSON.stringify(reply), reply, wanted), consumed };
  },
};

/** Aspect ratios that Imagen knows: ai.google.dev/gemini-api/docs/imagen (read 2026-11-25). */
const ASPECT_RATIOS: Readonly<Record<string, string>> = {
  "1024x1792": "9:16",
  "1792x1024": "16:9",
  "1024x1536": "3:4",
  "1536x1024": "4:3",
};
const MOST_AT_IMAGEN = 4;

/** Imagen draws by `predict`; Gemini's own image models answer as in a chat. */
const IMAGEN = /^imagen/;

/** Images at Google. They come in the reply; it gives no URLs. */
const imagesWire = (models: string): TaskWire => ({
  passesThrough: false,
  refusal(call, nativeModel) {
    const body = bodyOf(call);
    if (body["stream"] === true) return unsupported("stream", "This model does not stream images.");
    if (body["response_format"] === "url") return unsupported("response_format", "This model gives b64_json only.");
    const most = IMAGEN.test(nativeModel) ? MOST_AT_IMAGEN : 1;
    const count = body["n"];
    return typeof count === "number" && count > most
      ? new GatewayError("out_of_range", `n may be at most ${most} for this model.`, { param: "n" })
      : null;
  },
  encode(input) {
    const body = bodyOf(input.call);
    const nativeId = encodeURIComponent(input.nativeModel);
    const ratio = ASPECT_RATIOS[String(body["size"])];
    const aspect = ratio === undefined ? {} : { aspectRatio: ratio };
    const ignored = ignoredOf(body, ["prompt", "n", "size"]);
    if (IMAGEN.test(input.nativeModel)) {
      const parameters = { sampleCount: body["n"] ?? 1, ...aspect };
      return requestOf(
        input,
        `${models}/${nativeId}:predict`,
        { instances: [{ prompt: body["prompt"] }], parameters },
        ignored,
      );
    }
    const contents = [{ role: "user", parts: [{ text: body["prompt"] }] }];
    const generationConfig = { responseModalities: ["TEXT", "IMAGE"], imageConfig: aspect };
    return requestOf(input, `${models}/${nativeId}:generateContent`, { contents, generationConfig }, ignored);
  },
  decodeReply(body, _text, call) {
    const data = [...predictedImages(body), ...saidImages(body)].map((image) => ({ b64_json: image }));
    // Everything filtered away is no answer.
    if (data.length === 0) return null;
    const usage = isJsonObject(body["usageMetadata"]) ? { usage: imageUsage(body["usageMetadata"]) } : {};
    const reply = { created: 0, data, ...usage };
    return { text: JSON.stringify(reply), consumed: call.format.readConsumed(reply, call) };
  },
});

export const geminiImagesWire = imagesWire("models");
/** Vertex AI has every vendor's models below its name. */
export const vertexImagesWire = imagesWire("publishers/google/models");

function predictedImages(body: JsonObject): readonly string[] {
  return objectsOf(body["predictions"]).flatMap(({ bytesBase64Encoded: image }) =>
    typeof image === "string" ? [image] : [],
  );
}

function saidImages(body: JsonObject): readonly string[] {
  return objectsOf(body["candidates"]).flatMap(({ content }) =>
    objectsOf(isJsonObject(content) ? content["parts"] : []).flatMap(({ inlineData }) =>
      isJsonObject(inlineData) && typeof inlineData["data"] === "string" ? [inlineData["data"]] : [],
    ),
  );
}

/** In the names of OpenAI's images; what a model says beside its image is billed with it. */
function imageUsage(usage: JsonObject): JsonObject {
  const input = usage["promptTokenCount"] ?? 0;
  const output = usage["candidatesTokenCount"] ?? 0;
  return {
    input_tokens: input,
    output_tokens: output,
    total_tokens: usage["totalTokenCount"] ?? 0,
    input_tokens_details: { text_tokens: input, image_tokens: 0 },
  };
}

function unsupported(param: string, message: string): GatewayError {
  return new GatewayError("unsupported_parameter", message, { param });
}

/** These tasks are asked for in JSON. */
function bodyOf(call: ParsedTask): JsonObject {
  return call.payload.kind === "json" ? call.payload.body : {};
}

/** Of the fields that were sent those that this wire has no place for; what is said to the gateway is not one of them. */
function ignoredOf(body: JsonObject, carried: readonly string[]): readonly string[] {
  const known = ["model", "encoding_format", "response_format", ...carried];
  return Object.keys(body).filter((field) => body[field] !== null && !known.includes(field));
}

function requestOf(
  { provider, baseUrl }: TaskEncodeInput,
  path: string,
  body: object,
  ignoredParameters: readonly string[],
): EncodedTask {
  return {
    request: {
      method: "POST",
      url: `${baseUrl}/${path}`,
      headers: { "content-type": "application/json", ...provider.headers },
      body: JSON.stringify(body),
    },
    ignoredParameters,
  };
}
