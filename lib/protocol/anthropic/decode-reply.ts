import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { decodeAnthropicUsage, errorEvent, finishEvents, textOf, textOrNull } from "./decode-stream.ts";

/** A whole Anthropic message as events. A body that is none becomes one error event. */
export function decodeMessagesReply(body: JsonObject): readonly ChatEvent[] {
  const { content, usage } = body;
  if (body["type"] === "error") return [errorEvent(body["error"])];
  if (!Array.isArray(content)) return [{ kind: "error", status: 502, message: "no content" }];
  const events: ChatEvent[] = [{ kind: "start", id: textOrNull(body["id"]), model: textOrNull(body["model"]) }];
  let tool = 0;
  for (const block of content) {
    if (!isJsonObject(block)) continue;
    switch (block["type"]) {
      case "text": {
        events.push({ kind: "text", choice: 0, text: textOf(block["text"]) });
        const { citations } = block;
        if (!Array.isArray(citations)) break;
        for (const citation of citations)
          if (isJsonObject(citation)) events.push({ kind: "citation", choice: 0, citation });
        break;
      }
      case "thinking": {
        events.push({ kind: "reasoning", choice: 0, text: textOf(block["thinking"]) });
        const signature = textOf(block["signature"]);
        if (signature !== "") events.push({ kind: "reasoning-signature", choice: 0, signature });
        break;
      }
      case "redacted_thinking":
        events.push({ kind: "reasoning-redacted", choice: 0, data: textOf(block["data"]) });
        break;
      case "tool_use":
        events.push({ kind: "tool-start", choice: 0, tool, id: textOf(block["id"]), name: textOf(block["name"]) });
        events.push({ kind: "tool-arguments", choice: 0, tool, json: JSON.stringify(block["input"] ?? {}) });
        tool += 1;
        break;
      default:
        break;
    }
  }
  if (isJsonObject(usage)) events.push({ kind: "usage", usage: decodeAnthropicUsage(usage) });
  events.push(...finishEvents(body), { kind: "end" });
  return events;
}
