import * as z from "zod";
import { NOTHING_CONSUMED } from "../../money/task-cost.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import type { JsonObject } from "../json.ts";
import { mediaUrl } from "../media-url.ts";
import { validate } from "../schema-error.ts";
import { type ParsedTask, readsNoEvents, type TaskFormat } from "./task.ts";

const DEFAULT_MODEL = "openai/omni-moderation-latest";
const MAX_INPUTS = 2_048;

const part = z.union([
  z.looseObject({ type: z.literal("text"), text: z.string() }),
  z.looseObject({ type: z.literal("image_url"), image_url: z.looseObject({ url: mediaUrl }) }),
]);

/** platform.openai.com/docs/api-reference/moderations/create (read 2026-11-25). */
export const moderationsRequest = z.looseObject({
  input: z.union([z.string(), z.array(z.string()).min(1).max(MAX_INPUTS), z.array(part).min(1).max(MAX_INPUTS)]),
  model: z.string().min(1).optional().describe(`Default: ${DEFAULT_MODEL}`),
});

const moderationsFormat: TaskFormat = {
  name: "moderations",
  path: "/moderations",
  repliesOtherwise: null,
  holdsTenthMore: false,
  isReply: ({ results }) => Array.isArray(results),
  readConsumed: () => null,
  eventReader: readsNoEvents,
};

/** @throws GatewayError with the row of bad input that applies */
export function parseModerations(body: JsonObject, text: string): ParsedTask {
  assertNothingSmuggled(body);
  const { model = DEFAULT_MODEL } = validate(moderationsRequest, body);
  return {
    format: moderationsFormat,
    model,
    payload: { kind: "json", text, body },
    estimate: NOTHING_CONSUMED,
    longestInputTokens: 0,
    metered: () => NOTHING_CONSUMED,
  };
}
