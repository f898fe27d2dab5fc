import * as z from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { type Consumption, NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { isJsonObject, type JsonObject, type JsonValue, numberOf } from "../json.ts";
import type { UploadForm } from "../multipart/upload-form.ts";
import { validate } from "../schema-error.ts";
import { tokenCount } from "../usage.ts";
import { audioMilliseconds, extensionOf } from "./audio-duration.ts";
import type { ParsedTask, TaskFormat } from "./task.ts";

/** Spec facts, section 11; `opus` is what phones call ogg. */
const FORMATS = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "opus", "wav", "webm"];

/** The small fields: platform.openai.com/docs/api-reference/audio/createTranscription (read 2026-11-25). */
export const transcriptionFields = z.looseObject({
  model: z.string().min(1),
  response_format: z.string().max(32).optional().describe("`json` (default), `text`, `srt`, `verbose_json`, `vtt`"),
  language: z.string().max(64).optional(),
  prompt: z.string().optional(),
  temperature: z.coerce.number().min(0).max(1).optional(),
  stream: z.enum(["true", "false"]).optional(),
});

const COMMON = {
  repliesOtherwise: "text",
  holdsTenthMore: true,
  isReply: ({ text }: JsonObject) => typeof text === "string", // CM-15.3
  readConsumed: (body: JsonObject, call: ParsedTask) => reportedBy(body, call),
  eventReader: (call: ParsedTask) => (event: JsonObject) => ({
    completes: event["type"] === "transcript.text.done",
    consumed: event["type"] === "transcript.text.done" ? reportedBy(event, call) : null,
  }),
} as const;
export const transcriptionFormat: TaskFormat = {
  ...COMMON,
  name: "audio_transcription",
  path: "/audio/transcriptions",
};
export const translationFormat: TaskFormat = { ...COMMON, name: "audio_translation", path: "/audio/translations" };

/**
 * A form of which the model and the start of the file have arrived; the rest of it is still on its way.
 * @param mostBytes no file of this form is larger
 * @throws GatewayError with the row of bad input that applies
 */
export function parseTranscription(format: TaskFormat, form: UploadForm, mostBytes: number): ParsedTask {
  const file = form.files.find(({ name }) => name === "file");
  if (file === undefined) throw new GatewayError("missing_field", "file is required.", { param: "file" });
  const extension = extensionOf(file.filename);
  if (extension !== "" && !FORMATS.includes(extension)) {
    const message = `file must be one of: ${FORMATS.join(", ")}.`;
    throw new GatewayError("invalid_value", message, { param: "file" });
  }
  const fields = form.fields();
  const { model } = validate(transcriptionFields, fields);
  const ofSize = (bytes: number): Consumption => ({
    ...NOTHING_CONSUMED,
    audioMilliseconds: audioMilliseconds(file.filename, bytes, form.fileHead),
  });
  return {
    format,
    model,
    payload: { kind: "form", form },
    estimate: ofSize(mostBytes),
    longestInputTokens: 0,
    metered: () => ofSize(form.fileBytes),
  };
}

/** Tokens, or else seconds, as `usage` or verbose_json's `duration` have them. */
function reportedBy(body: JsonObject, call: ParsedTask): Consumption | null {
  const usage = isJsonObject(body["usage"]) ? body["usage"] : {};
  if (usage["output_tokens"] !== undefined) return tokensOf(usage, call);
  const seconds: JsonValue | undefined = usage["seconds"] ?? body["duration"];
  if (seconds === undefined) return null;
  return { ...NOTHING_CONSUMED, audioMilliseconds: Math.ceil(numberOf(seconds) * 1_000) };
}

function tokensOf(usage: JsonObject, call: ParsedTask): Consumption {
  const details = isJsonObject(usage["input_token_details"]) ? usage["input_token_details"] : {};
  const said = tokenCount(details["text_tokens"]);
  return {
    ...call.metered(),
    inputTokens: said,
    audioInputTokens: tokenCount(usage["input_tokens"]) - said,
    outputTokens: tokenCount(usage["output_tokens"]),
  };
}
