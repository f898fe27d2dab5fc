import type { JsonObject, JsonValue } from "../json.ts";

type ItemStatus = "in_progress" | "completed" | "incomplete";

interface ItemPlace {
  readonly id: string;
  /** Its place in `output`. */
  readonly index: number;
  /** Closed: every event of it is out. */
  closed: boolean;
}

/** What the model says: texts, or a refusal, in parts of one kind each. */
export interface MessageItem extends ItemPlace {
  readonly kind: "message";
  readonly parts: MessagePart[];
}
export interface MessagePart {
  readonly kind: "text" | "refusal";
  text: string;
  readonly annotations: JsonObject[];
  readonly logprobs: JsonValue[];
}
export interface ReasoningItem extends ItemPlace {
  readonly kind: "reasoning";
  text: string;
  /** `encrypted_content`: a seal that belongs to the thought, or the thought itself. */
  sealed: string | null;
}
export interface CallItem extends ItemPlace {
  readonly kind: "call";
  readonly callId: string;
  readonly name: string;
  readonly signature: string | undefined;
  json: string;
}
export type OutputItem = MessageItem | ReasoningItem | CallItem;

/** An item as clients read it. */
export function itemJson(item: OutputItem, status: ItemStatus): JsonObject {
  switch (item.kind) {
    case "message":
      return {
        id: item.id,
        type: "message",
        status,
        role: "assistant",
        content: item.parts.map(partJson),
      };
    case "reasoning":
      return {
        id: item.id,
        type: "reasoning",
        status,
        summary: item.text === "" ? [] : [{ type: "summary_text", text: item.text }],
        ...(item.sealed === null ? {} : { encrypted_content: item.sealed }),
      };
    case "call":
      return {
        id: item.id,
        type: "function_call",
        status,
        // A call without arguments is one with an empty object to every client that parses them.
        arguments: item.json === "" && status !== "in_progress" ? "{}" : item.json,
        call_id: item.callId,
        name: item.name,
        ...(item.signature === undefined ? {} : { extra_content: { google: { thought_signature: item.signature } } }),
      };
  }
}

export function partJson(part: MessagePart): JsonObject {
  return part.kind === "refusal"
    ? { type: "refusal", refusal: part.text }
    : { type: "output_text", text: part.text, annotations: part.annotations, logprobs: part.logprobs };
}
