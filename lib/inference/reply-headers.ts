import { rateLimitHeaders } from "../limits/take-rate-limit.ts";
import type { ProviderReply } from "../routing/attempt.ts";
import type { StageTimings } from "../telemetry/stage-timings.ts";
import type { Admission } from "./admit-call.ts";

/** The headers of every answered call. Built from nothing: no header of the provider's is passed on (K24). */
export function replyHeaders(
  reply: ProviderReply,
  admission: Admission,
  timings: StageTimings,
  generationId: string,
  nowMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {
    "x-generation-id": generationId,
    "x-gateway-provider": reply.candidate.provider.id,
    "server-timing": timings.header(),
    ...rateLimitHeaders(admission.limit, nowMs),
  };
  if (reply.ignoredParameters.length > 0) headers["x-gateway-ignored-parameters"] = reply.ignoredParameters.join(", ");
  if (admission.degraded.length > 0) headers["x-degraded"] = admission.degraded.join(",");
  return headers;
}
