import { setImmediate } from "node:timers/promises";
import type { JsonObject, JsonValue } from "../../../lib/protocol/json.ts";
import { type Delivery, deliverStream, deliverWhole } from "./delivery.ts";
import { listAt, numberAt, textAt } from "./json-reading.ts";
import { tokensOf } from "./prompt.ts";
import { CREATED_AT_SECONDS, fragments, type StreamEvent, type UsageBehaviour } from "./stream-event.ts";
import { openAiError, VendorRefusal } from "./vendor-errors.ts";

/** Paths below a base URL of OpenAI's format, and Gemini's methods, that are no chat. */
export const TASK_PATHS =
  "embeddings|moderations|rerank|images/(?:generations|edits)|audio/(?:transcriptions|translations|speech)";
export const GEMINI_TASK = /^models\/([^:]+):(batchEmbedContents|predict)$/;

/** A task as it was asked for: the last words of its path, its JSON or the fields of its form. */
export interface AskedTask {
  readonly provider: string;
  readonly path: string;
  readonly body: JsonObject;
  readonly form: FormData | null;
  readonly usage: UsageBehaviour;
}

/** Ten bytes that are no UTF-8, so that a recording that was taken for text does not come through. */
export const RECORDED_PIECE = Uint8Array.of(0xff, 0xf3, 0x44, 0xc4, 0x00, 0x80, 0xc0, 0xfe, 0x0d, 0x0a);
/** A picture's worth of base64. */
export const PICTURE = Buffer.from("picture").toString("base64");

/**
 * Answers a task as its vendor documents it (platform.openai.com/docs/api-reference, docs.together.ai/reference/rerank,
 * ai.google.dev/api/embeddings; read 2026-11-25), from the request alone.
 * @throws VendorRefusal
 */
export async function deliverTask(delivery: Delivery, asked: AskedTask): Promise<void> {
  const method = asked.path.split(/[/:]/).at(-1) ?? "";
  switch (method) {
    case "embeddings":
      return deliverJson(delivery, embeddings(asked));
    case "moderations":
      return deliverJson(delivery, moderations(asked));
    case "rerank":
      return deliverJson(delivery, rerank(asked));
    case "generations":
    case "edits":
      return await images(delivery, asked, method === "edits");
    case "transcriptions":
    case "translations":
      return await transcription(delivery, asked);
    case "speech":
      return await speech(delivery, asked);
    case "batchEmbedContents":
      return deliverJson(delivery, geminiEmbeddings(asked));
    case "predict":
      return deliverJson(delivery, predictions(asked));
  }
  throw new VendorRefusal(openAiError(404, "Unknown request URL.", { code: "unknown_url" }));
}

async function deliverJson(delivery: Delivery, reply: JsonObject): Promise<void> {
  await deliverWhole(delivery, { whole: JSON.stringify(reply, null, 2), events: [], headers: {} });
}

/** The usage as the vendor has it, or as a test wants it. */
function told(usage: UsageBehaviour, counts: JsonObject): JsonObject {
  if (usage.kind === "none") return {};
  if (usage.kind !== "absurd") return { usage: counts };
  const spoilt = Object.entries(counts).map(([name, value]): [string, JsonValue | undefined] => [
    name,
    typeof value === "number" ? usage.value : value,
  ]);
  return { usage: Object.fromEntries(spoilt) };
}

/** A vector that only this text has; its parts are exact in 32 bits. */
export function vectorOf(text: string, dimensions: number): readonly number[] {
  let state = 7;
  for (const character of text) state = (state * 31 + (character.codePointAt(0) ?? 0)) % 4096;
  return Array.from({ length: dimensions }, (_, index) => ((state + index * 613) % 4096) / 4096 - 0.5);
}

const DIMENSIONS = 8;

function embeddings({ provider, body, usage }: AskedTask): JsonObject {
  const asked = body["input"];
  const isOne = typeof asked === "string" || (Array.isArray(asked) && typeof asked[0] === "number");
  const inputs: readonly JsonValue[] = isOne ? [asked ?? ""] : listAt(asked);
  const texts = inputs.map((input) => (typeof input === "string" ? input : listAt(input).join(" ")));
  const dimensions = numberAt(body["dimensions"]) ?? DIMENSIONS;
  // Servers of OpenAI's format commonly know no encoding_format.
  const encodes = provider === "openai" && body["encoding_format"] === "base64";
  const data = texts.map((text, index) => {
    const vector = vectorOf(text, dimensions);
    const embedding = encodes ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  const tokens = inputs.reduce<number>(
    (sum, input) => sum + (typeof input === "string" ? tokensOf(input).length : listAt(input).length),
    0,
  );
  const model = textAt(body["model"]);
  return { object: "list", data, model, ...told(usage, { prompt_tokens: tokens, total_tokens: tokens }) };
}

function geminiEmbeddings({ body }: AskedTask): JsonObject {
  const texts = listAt(body["requests"]).map((request) => JSON.stringify(request));
  const vectors = texts.map((text) => /"text":"(.*?)"/.exec(text)?.[1] ?? "");
  return { embeddings: vectors.map((text) => ({ values: vectorOf(text, DIMENSIONS) })) };
}

const CATEGORIES = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"];

function moderations({ body }: AskedTask): JsonObject {
  const inputs = typeof body["input"] === "string" ? [body["input"]] : listAt(body["input"]);
  const results = inputs.map((input) => {
    const violent = /kill/i.test(JSON.stringify(input));
    const of = (yes: JsonValue, no: JsonValue) =>
      Object.fromEntries(CATEGORIES.map((name) => [name, violent && name === "violence" ? yes : no]));
    return {
      flagged: violent,
      categories: of(true, false),
      category_scores: of(0.98, 0.0001),
      category_applied_input_types: of(["text"], ["text"]),
    };
  });
  return { id: "modr-simulated", model: textAt(body["model"]), results };
}

function rerank({ body, usage }: AskedTask): JsonObject {
  const words = new Set(textAt(body["query"]).toLowerCase().split(/\W+/));
  const scored = listAt(body["documents"]).map((document, index) => {
    const text = typeof document === "string" ? document : JSON.stringify(document);
    const hits = text
      .toLowerCase()
      .split(/\W+/)
      .filter((word) => words.has(word)).length;
    const shown = body["return_documents"] === true ? { document: { text } } : {};
    return { index, relevance_score: Math.min(1, hits / Math.max(1, words.size)), ...shown };
  });
  const results = scored
    .toSorted((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, numberAt(body["top_n"]) ?? scored.length);
  const tokens = tokensOf(JSON.stringify(body["documents"] ?? [])).length;
  const counts = { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens };
  return { id: "rerank-simulated", object: "rerank", model: textAt(body["model"]), results, ...told(usage, counts) };
}

function fieldOf({ body, form }: AskedTask, name: string): string {
  if (form === null) return body[name] === undefined || body[name] === null ? "" : String(body[name]);
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

async function images(delivery: Delivery, asked: AskedTask, edited: boolean): Promise<void> {
  if (edited && !hasFile(asked.form, "image")) throw missing("image");
  const count = Number(fieldOf(asked, "n") || 1);
  const wantsUrl = fieldOf(asked, "response_format") === "url";
  const data = Array.from({ length: count }, (_, index) =>
    wantsUrl ? { url: `https://images.simulated.example/${index}.png` } : { b64_json: PICTURE },
  );
  // Only OpenAI's own models count tokens.
  const counts = {
    total_tokens: 50 + 272 * count,
    input_tokens: 50,
    output_tokens: 272 * count,
    input_tokens_details: { text_tokens: edited ? 10 : 50, image_tokens: edited ? 40 : 0 },
  };
  const usage = fieldOf(asked, "model").startsWith("gpt-image") ? told(asked.usage, counts) : {};
  if (fieldOf(asked, "stream") !== "true") {
    return await deliverJson(delivery, { created: CREATED_AT_SECONDS, data, ...usage });
  }
  const prefix = edited ? "image_edit" : "image_generation";
  const event = (kind: StreamEvent["kind"], type: string, more: JsonObject): StreamEvent => ({
    kind,
    name: `${prefix}.${type}`,
    data: JSON.stringify({ type: `${prefix}.${type}`, b64_json: PICTURE, created_at: CREATED_AT_SECONDS, ...more }),
  });
  await deliverStream(delivery, {
    whole: "",
    headers: {},
    events: [
      event("content", "partial_image", { partial_image_index: 0 }),
      event("content", "partial_image", { partial_image_index: 1 }),
      ...Array.from({ length: count }, () => event("done", "completed", usage)),
    ],
  });
}

function predictions({ body }: AskedTask): JsonObject {
  const parameters = body["parameters"];
  const count = typeof parameters === "object" && parameters !== null ? Reflect.get(parameters, "sampleCount") : 1;
  const prediction = { mimeType: "image/png", bytesBase64Encoded: PICTURE };
  return { predictions: Array.from({ length: Number(count) }, () => prediction) };
}

function hasFile(form: FormData | null, name: string): boolean {
  return [...(form?.entries() ?? [])].some(([key, value]) => key.startsWith(name) && typeof value !== "string");
}

function missing(name: string): VendorRefusal {
  return new VendorRefusal(openAiError(400, `'${name}' is a required property`, { param: name }));
}

/** Of a recording everybody hears the same; its length is a second for each 16 kB. */
async function transcription(delivery: Delivery, asked: AskedTask): Promise<void> {
  const file = asked.form?.get("file");
  if (!(file instanceof File)) throw missing("file");
  const bytes = Buffer.from(await file.arrayBuffer());
  const text = delivery.behaviour.text ?? `Heard ${bytes.length} bytes.`;
  const seconds = Math.ceil(bytes.length / 16_000);
  const byTokens = fieldOf(asked, "model").startsWith("gpt-4o");
  const counts = byTokens
    ? {
        type: "tokens",
        total_tokens: 10 * seconds + 6,
        input_tokens: 10 * seconds,
        input_token_details: { text_tokens: 0, audio_tokens: 10 * seconds },
        output_tokens: 6,
      }
    : { type: "duration", seconds };
  const usage = told(asked.usage, counts);
  const plain = async (body: string, type = "text/plain; charset=utf-8") =>
    await deliverWhole(delivery, { whole: body, events: [], headers: { "content-type": type } });
  if (fieldOf(asked, "stream") === "true" && byTokens) {
    const events = fragments(text, 6).map((delta): StreamEvent => transcriptEvent("content", { delta }, "delta"));
    const done = transcriptEvent("done", { text, ...usage }, "done");
    return await deliverStream(delivery, { whole: "", headers: {}, events: [...events, done] });
  }
  switch (fieldOf(asked, "response_format")) {
    case "text":
      return await plain(`${text}\n`);
    case "srt":
      return await plain(`1\n00:00:00,000 --> 00:00:0${seconds % 10},000\n${text}\n`);
    case "vtt":
      return await plain(`WEBVTT\n\n00:00.000 --> 00:0${seconds % 10}.000\n${text}\n`, "text/vtt; charset=utf-8");
    case "verbose_json": {
      const verbose = { task: "transcribe", language: "english", duration: seconds, text, segments: [] };
      return await deliverJson(delivery, { ...verbose, ...usage });
    }
  }
  await deliverJson(delivery, { text, ...usage });
}

function transcriptEvent(kind: StreamEvent["kind"], fields: JsonObject, name: "delta" | "done"): StreamEvent {
  return { kind, name: null, data: JSON.stringify({ type: `transcript.text.${name}`, ...fields }) };
}

/** As many pieces as the text has words. */
async function speech(delivery: Delivery, asked: AskedTask): Promise<void> {
  const pieces = textAt(asked.body["input"]).split(" ").length;
  if (asked.body["stream_format"] === "sse") {
    const audio = Buffer.from(RECORDED_PIECE).toString("base64");
    const event = (kind: StreamEvent["kind"], fields: JsonObject): StreamEvent => ({
      kind,
      name: null,
      data: JSON.stringify(fields),
    });
    const usage = told(asked.usage, { input_tokens: 4, output_tokens: 25 * pieces, total_tokens: 4 + 25 * pieces });
    const deltas = Array.from({ length: pieces }, () => event("content", { type: "speech.audio.delta", audio }));
    const done = event("done", { type: "speech.audio.done", ...usage });
    return await deliverStream(delivery, { whole: "", headers: {}, events: [...deltas, done] });
  }
  const { response, behaviour, gate } = delivery;
  response.writeHead(200, { "content-type": "audio/mpeg" });
  for (let piece = 1; piece <= pieces; piece++) {
    response.write(RECORDED_PIECE);
    await setImmediate();
    if (behaviour.holdAfter === piece) await gate.wait();
    if (behaviour.resetAfter === piece) {
      response.socket?.end();
      return;
    }
  }
  response.end();
}
