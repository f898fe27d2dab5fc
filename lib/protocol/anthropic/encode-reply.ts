import type { ChatEvent } from "../chat-event.ts";
import type { ReplyContext } from "../client-format.ts";
import type { JsonValue } from "../json.ts";
import type { Usage } from "../usage.ts";
import { stopReason } from "./stop-reason.ts";
import { anthropicUsageJson } from "./usage-json.ts";

type Block = Record<string, JsonValue>;

/** A whole reply as an Anthropic message: blocks in the order in which they began. */
export function encodeMessagesReply(events: readonly ChatEvent[], usage: Usage, context: ReplyContext): string {
  let id = `msg_${context.generationId}`;
  let finish: (ChatEvent & { readonly kind: "finish" }) | null = null;
  const blocks: Block[] = [];
  const calls: { readonly block: Block; json: string }[] = [];
  for (const event of events) {
    if (event.kind === "start" && event.id !== null) id = event.id.startsWith("msg_") ? event.id : `msg_${event.id}`;
    if (!("choice" in event) || event.choice > 0) continue;
    switch (event.kind) {
      case "text":
      case "refusal":
        if (event.text !== "") append(blocks, "text", "text", event.text);
        break;
      case "reasoning":
        if (event.text !== "") append(blocks, "thinking", "thinking", event.text);
        break;
      case "reasoning-signature": {
        const last = blocks.at(-1);
        if (last?.["type"] === "thinking" && last["signature"] === "") last["signature"] = event.signature;
        else blocks.push({ type: "thinking", thinking: "", signature: event.signature });
        break;
      }
      case "reasoning-redacted":
        blocks.push({ type: "redacted_thinking", data: event.data });
        break;
      case "tool-start": {
        const block: Block = { type: "tool_use", id: event.id, name: event.name, input: {} };
        if (event.signature !== undefined) block["signature"] = event.signature;
        blocks.push(block);
        calls[event.tool] = { block, json: "" };
        break;
      }
      case "tool-arguments": {
        const call = calls[event.tool];
        if (call !== undefined) call.json += event.json;
        break;
      }
      case "citation": {
        const last = blocks.at(-1);
        if (last?.["type"] === "text")
          last["citations"] = [...(Array.isArray(last["citations"]) ? last["citations"] : []), event.citation];
        break;
      }
      case "finish":
        finish = event;
        break;
    }
  }
  for (const call of calls) if (call !== undefined) call.block["input"] = parseInput(call.json);
  const head = JSON.stringify({ id, type: "message", role: "assistant", model: context.model, content: blocks });
  const stop = { stop_reason: stopReason(finish), stop_sequence: finish?.stopSequence ?? null };
  return `${head.slice(0, -1)},${JSON.stringify(stop).slice(1, -1)},"usage":${anthropicUsageJson(usage, context.costOf(usage))}}`;
}

/** Text goes on in the open block of its kind; a signature closes a thinking block. */
function append(blocks: Block[], type: string, field: string, text: string): void {
  const last = blocks.at(-1);
  if (last?.["type"] === type && !("signature" in last && last["signature"] !== ""))
    last[field] = `${last[field]}${text}`;
  else blocks.push(type === "thinking" ? { type, [field]: text, signature: "" } : { type, [field]: text });
}

/** Arguments that are no JSON object (a provider's fault) are kept as text rather than lost. */
function parseInput(json: string): JsonValue {
  if (json === "") return {};
  try {
    // JSON.parse gives JSON values and nothing else.
    return JSON.parse(json) as JsonValue;
  } catch {
    return { arguments: json };
  }
}
