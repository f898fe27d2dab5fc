import * as z from "zod";
import { NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { estimateContentTokens } from "../estimate-tokens.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { validate } from "../schema-error.ts";
import { tokenCount } from "../usage.ts";
import type { ParsedTask, TaskFormat } from "./task.ts";

/** OpenAI takes 4,096; some servers of its format take whole chapters. */
const MAX_CHARACTERS = 50_000;

/** platform.openai.com/docs/api-reference/audio/createSpeech (read 2026-11-25). */
export const speechRequest = z.looseObject({
  model: z.string().min(1),
  input: z.string().min(1).max(MAX_CHARACTERS),
  voice: z.union([z.string().min(1), z.looseObject({})]).optional(),
  instructions: z.string().max(4_096).optional(),
  response_format: z.string().max(16).optional().describe("`mp3` (default), `opus`, `aac`, `flac`, `wav`, `pcm`"),
  speed: z.number().min(0.25).max(4).optional(),
  stream_format: z.enum(["sse", "audio"]).optional(),
});

const speechFormat: TaskFormat = {
  name: "audio_speech",
  path: "/audio/speech",
  repliesOtherwise: "bytes",
  holdsTenthMore: true,
  isReply: () => false,
  readConsumed: () => null,
  eventReader:
    (call) =>
    ({ type, usage }) => ({
      completes: type === "speech.audio.done",
      consumed:
        isJsonObject(usage) && usage["output_tokens"] !== undefined
          ? {
              ...call.metered(),
              inputTokens: tokenCount(usage["input_tokens"]),
              audioOutputTokens: tokenCount(usage["output_tokens"]),
            }
          : null,
    }),
};

/** @throws GatewayError with the row of bad input that applies */
export function parseSpeech(body: JsonObject, text: string): ParsedTask {
  assertNothingSmuggled(body);
  const parsed = validate(speechRequest, body);
  const characters = parsed.input.length;
  const estimate = {
    ...NOTHING_CONSUMED,
    characters,
    inputTokens: estimateContentTokens(parsed.input) + estimateContentTokens(parsed.instructions ?? ""),
    // About 1,250 tokens and 1,000 characters are a minute of speech: 0.015 USD at 12 USD per million tokens
    // (openai.com/api/pricing, gpt-4o-mini-tts, read 2026-11-25).
    audioOutputTokens: Math.ceil((characters * 5) / 4),
  };
  return {
    format: speechFormat,
    model: parsed.model,
    payload: { kind: "json", text, body },
    estimate,
    longestInputTokens: 0,
    metered: () => estimate,
  };
}
