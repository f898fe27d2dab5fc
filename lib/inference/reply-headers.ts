import { rateLimitHeaders } from "../limits/take-rate-limit.ts";
import { isCallers } from "../routing/caller-priced.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { StageTimings } from "../telemetry/stage-timings.ts";
import type { Admission } from "./admit-call.ts";

/** The names are the client's own: one that could not stand in a header, or would end it, is not repeated there. */
const SAFE_NAME = /^[\w.[\]: -]{1,64}$/;
const MAX_IGNORED_NAMED = 32;
const SAFE_MODEL = /^[\w./:@~+-]{1,256}$/;

/** Ids of local models are the client's own words. */
function modelHeader(modelId: string): Record<string, string> {
  return SAFE_MODEL.test(modelId) ? { "x-gateway-model": modelId } : {};
}

interface AnsweredBy {
  readonly candidate: Candidate;
  readonly ignoredParameters: readonly string[];
}

/** The headers of every answered call. Built from nothing: no header of the provider's is passed on (K24). */
export function replyHeaders(
  reply: AnsweredBy,
  admission: Admission,
  timings: StageTimings,
  generationId: string,
  nowMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {
    "x-generation-id": generationId,
    "x-gateway-provider": reply.candidate.provider.id,
    ...modelHeader(reply.candidate.modelId),
    "server-timing": timings.header(),
    ...rateLimitHeaders(admission.limit, nowMs),
  };
  if (isCallers(reply.candidate)) headers["x-gateway-byok"] = "true";
  const ignored = reply.ignoredParameters.filter((name) => SAFE_NAME.test(name)).slice(0, MAX_IGNORED_NAMED);
  if (ignored.length > 0) headers["x-gateway-ignored-parameters"] = ignored.join(", ");
  if (admission.degraded.length > 0) headers["x-degraded"] = admission.degraded.join(",");
  return headers;
}
