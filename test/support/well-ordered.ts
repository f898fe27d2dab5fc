import type Anthropic from "@anthropic-ai/sdk";
import { expect } from "vitest";

const DELTAS_OF_BLOCK: Readonly<Record<string, readonly string[]>> = {
  text: ["text_delta", "citations_delta"],
  thinking: ["thinking_delta", "signature_delta"],
  tool_use: ["input_json_delta"],
  redacted_thinking: [],
};

/** Anthropic's protocol: one block open at a time, indices without a gap, deltas into a block of their kind. */
export function expectWellOrdered(events: readonly Anthropic.MessageStreamEvent[]): void {
  let open: { readonly index: number; readonly type: string } | null = null;
  let next = 0;
  const [first] = events;
  expect(first?.type).toBe("message_start");
  if (first?.type === "message_start") expect(first.message.usage.input_tokens).toBeGreaterThan(0);
  for (const event of events) {
    if (event.type === "content_block_start") {
      expect(open).toBeNull();
      expect(event.index).toBe(next);
      open = { index: event.index, type: event.content_block.type };
      next += 1;
    } else if (event.type === "content_block_delta") {
      expect(event.index).toBe(open?.index);
      expect(DELTAS_OF_BLOCK[open?.type ?? ""]).toContain(event.delta.type);
    } else if (event.type === "content_block_stop") {
      expect(event.index).toBe(open?.index);
      open = null;
    }
  }
  expect(open).toBeNull();
  expect(events.slice(-2).map(({ type }) => type)).toEqual(["message_delta", "message_stop"]);
}
