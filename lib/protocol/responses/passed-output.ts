import type { ChatEvent } from "../chat-event.ts";
import { memberText, spliceJson } from "../json-splice.ts";

/** What of a passed-through stream its end would have to repeat: the response's head and the items so far. */
export class PassedOutput {
  /** The response of `response.created`, JSON; null before it. */
  head: string | null = null;
  /** A terminal event that told no usage. */
  lateEnd: string | null = null;
  readonly #done = new Map<number, string>();
  readonly #open = new Map<number, { readonly item: string; text: string }>();

  note(type: string, data: string, events: readonly ChatEvent[]): void {
    switch (type) {
      case "response.created":
        this.head = memberText(data, "response");
        return;
      case "response.output_item.added": {
        const item = memberText(data, "item");
        if (item !== null) this.#open.set(placeOf(data), { item, text: "" });
        return;
      }
      case "response.output_item.done": {
        const item = memberText(data, "item");
        this.#open.delete(placeOf(data));
        if (item !== null) this.#done.set(placeOf(data), item);
        return;
      }
      default:
        for (const event of events) {
          if (event.kind !== "text" && event.kind !== "tool-arguments") continue;
          const open = this.#open.get(placeOf(data));
          if (open !== undefined) open.text += event.kind === "text" ? event.text : event.json;
        }
    }
  }

  /** The items as a list's JSON, in their order; those that were under way are told as incomplete. */
  outputText(): string {
    const items = [...this.#done].map(([place, item]) => ({ place, item }));
    for (const [place, { item, text }] of this.#open) {
      const status = '"incomplete"';
      const type = memberText(item, "type");
      if (type === '"message"') {
        const part = { type: "output_text", text, annotations: [], logprobs: [] };
        items.push({ place, item: spliceJson(item, { status, content: text === "" ? "[]" : JSON.stringify([part]) }) });
      } else if (type === '"function_call"') {
        items.push({ place, item: spliceJson(item, { status, arguments: JSON.stringify(text) }) });
      } else items.push({ place, item: spliceJson(item, { status }) });
    }
    items.sort((a, b) => a.place - b.place);
    return `[${items.map(({ item }) => item).join(",")}]`;
  }
}

function placeOf(data: string): number {
  const place = Number(memberText(data, "output_index"));
  return Number.isSafeInteger(place) ? place : 0;
}
