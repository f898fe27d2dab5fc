import * as z from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { type Consumption, NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { estimateContentTokens } from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { UploadForm } from "../multipart/upload-form.ts";
import { validate } from "../schema-error.ts";
import { tokenCount } from "../usage.ts";
import { imageHundredths, outputTokensOf } from "./image-size.ts";
import { fieldOf, type ParsedTask, type TaskEvent, type TaskFormat } from "./task.ts";

/** What is asked where no model is named (spec facts, section 11). */
const DEFAULT_MODEL = "stabilityai/sd3.5";
const MAX_IMAGES = 10;
const MAX_PROMPT_CHARACTERS = 32_000;
/** An uploaded image in tokens, before the provider says: a square of 1,024 pixels at OpenAI, rounded up. */
const TOKENS_PER_UPLOADED_IMAGE = 4_000;

const size = z
  .string()
  .regex(/^(?:auto|[1-9]\d{1,4}x[1-9]\d{1,4})$/)
  .nullish()
  .describe("`1024x1024`, or `auto`");

/** platform.openai.com/docs/api-reference/images/create (read 2026-11-25). */
export const imagesRequest = z.looseObject({
  prompt: z.string().min(1).max(MAX_PROMPT_CHARACTERS),
  model: z.string().min(1).nullish().describe(`Default: ${DEFAULT_MODEL}`),
  n: z.int().min(1).max(MAX_IMAGES).nullish(),
  size,
  quality: z.string().max(32).nullish(),
  response_format: z.enum(["url", "b64_json"]).nullish(),
  style: z.string().max(32).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.int().min(0).max(3).nullish(),
  user: z.string().max(1_024).nullish(),
});

/** The small fields of an edit; its files are `image` or `image[]`, and `mask`. */
export const imageEditFields = z.looseObject({
  prompt: z.string().min(1).max(MAX_PROMPT_CHARACTERS),
  model: z.string().min(1),
  n: z.coerce.number().pipe(z.int().min(1).max(MAX_IMAGES)).optional(),
  size: size.optional(),
  quality: z.string().max(32).optional(),
  response_format: z.enum(["url", "b64_json"]).optional(),
  stream: z.enum(["true", "false"]).optional(),
});

const COMMON = {
  repliesOtherwise: null,
  holdsTenthMore: true,
  isReply: ({ data }: JsonObject) => Array.isArray(data) && data.length > 0 && data.every(isJsonObject),
  readConsumed: consumedBy,
  eventReader,
} as const;
const imagesFormat: TaskFormat = { ...COMMON, name: "images", path: "/images/generations" };
const imageEditsFormat: TaskFormat = { ...COMMON, name: "image_edits", path: "/images/edits" };

/** @throws GatewayError with the row of bad input that applies */
export function parseImages(body: JsonObject, text: string): ParsedTask {
  assertNothingSmuggled(body);
  const parsed = validate(imagesRequest, body);
  const estimate = estimateOf(parsed, 0);
  return {
    format: imagesFormat,
    model: parsed.model ?? DEFAULT_MODEL,
    payload: { kind: "json", text, body },
    estimate,
    longestInputTokens: 0,
    metered: () => estimate,
  };
}

/**
 * An edit's form, of which everything has arrived: any of its fields may change what it costs.
 * @throws GatewayError with the row of bad input that applies
 */
export function parseImageEdit(form: UploadForm): ParsedTask {
  const files = form.files.filter(({ name }) => name === "image" || name.startsWith("image["));
  if (files.length === 0) throw new GatewayError("missing_field", "image is required, as a file.", { param: "image" });
  const fields = form.fields();
  const parsed = validate(imageEditFields, fields);
  const estimate = estimateOf(parsed, files.length);
  return {
    format: imageEditsFormat,
    model: parsed.model,
    payload: { kind: "form", form },
    estimate,
    longestInputTokens: 0,
    metered: () => estimate,
  };
}

interface ImageWish {
  readonly prompt: string;
  readonly n?: number | null | undefined;
  readonly size?: string | null | undefined;
  readonly quality?: string | null | undefined;
}

function estimateOf(wish: ImageWish, uploaded: number): Consumption {
  const count = wish.n ?? 1;
  return {
    ...NOTHING_CONSUMED,
    inputTokens: estimateContentTokens(wish.prompt),
    imageInputTokens: uploaded * TOKENS_PER_UPLOADED_IMAGE,
    imageOutputTokens: count * outputTokensOf(wish.size ?? null, wish.quality ?? null),
    imageHundredths: count * imageHundredths(wish.size ?? null, wish.quality ?? null),
  };
}

/** What came: as many images as there are in the reply, and the tokens where they are told. */
function consumedBy(body: JsonObject, call: ParsedTask): Consumption {
  const count = Array.isArray(body["data"]) ? body["data"].length : 0;
  return { ...delivered(call, count), ...tokensOf(body["usage"]) };
}

/**
 * Each image has an event of its own at its end, and the answer is whole with the last of them. Where their tokens are not
 * told, what was sent is counted with the first: it was sent once.
 */
function eventReader(call: ParsedTask): (event: JsonObject) => TaskEvent {
  const wanted = Number(fieldOf(call, "n") ?? 1);
  let completed = 0;
  return ({ type, usage }) => {
    if (typeof type !== "string" || !type.endsWith(".completed")) return { consumed: null, completes: false };
    completed += 1;
    const image = delivered(call, 1);
    const own = completed === 1 ? image : { ...image, inputTokens: 0, imageInputTokens: 0 };
    return { consumed: { ...own, ...tokensOf(usage) }, completes: completed >= wanted };
  };
}

function delivered(call: ParsedTask, count: number): Consumption {
  const [size, quality] = [fieldOf(call, "size"), fieldOf(call, "quality")].map((value) =>
    typeof value === "string" ? value : null,
  );
  return {
    ...call.metered(),
    imageOutputTokens: count * outputTokensOf(size ?? null, quality ?? null),
    imageHundredths: count * imageHundredths(size ?? null, quality ?? null),
  };
}

/** OpenAI's usage of images: text and image tokens apart on the way in, images (but for a model's thoughts) out. */
function tokensOf(usage: unknown): Partial<Consumption> {
  if (!isJsonObject(usage) || usage["output_tokens"] === undefined) return {};
  const input = isJsonObject(usage["input_tokens_details"]) ? usage["input_tokens_details"] : {};
  const output = isJsonObject(usage["output_tokens_details"]) ? usage["output_tokens_details"] : {};
  const images = tokenCount(input["image_tokens"]);
  const said = tokenCount(output["text_tokens"]);
  return {
    inputTokens: tokenCount(usage["input_tokens"]) - images,
    imageInputTokens: images,
    outputTokens: said,
    imageOutputTokens: tokenCount(usage["output_tokens"]) - said,
  };
}
