import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { decodeEnd, decodeOutput, errorOf } from "./decode-output.ts";

/** A whole response as events. A body that is none becomes one error event. */
export function decodeResponse(body: JsonObject): readonly ChatEvent[] {
  if (isJsonObject(body["error"]) && body["output"] === undefined) return [errorOf(body["error"])];
  if (!Array.isArray(body["output"])) return [{ kind: "error", status: 502, message: "no output" }];
  const events = decodeOutput(body["output"]);
  const called = events.some(({ kind }) => kind === "tool-start");
  return [startOf(body), ...events, ...decodeEnd(body, called)];
}

export function startOf({ id, model }: JsonObject): ChatEvent {
  return {
    kind: "start",
    id: typeof id === "string" ? id : null,
    model: typeof model === "string" ? model : null,
  };
}
