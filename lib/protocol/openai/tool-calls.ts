import type { ChatEvent } from "../chat-event.ts";
import { isJsonObject, type JsonObject, stringOf } from "../json.ts";
import { newToolCallId } from "../tool-call-id.ts";

/** One entry of `tool_calls`: a call whole, its beginning, or a piece of its arguments. */
interface Fragment {
  readonly index: number | null;
  readonly id: string | null;
  readonly name: string;
  readonly json: string;
  readonly signature: string | null;
}

interface KnownCall {
  /** Our count within the choice. */
  readonly tool: number;
  /** As the provider named it; null when it gave no id. */
  readonly id: string | null;
}

/**
 * Tool calls of one reply. Providers leave out indices (Mistral) and ids, send a call in one piece (Groq, xAI), or give
 * the same index to all parallel calls; a fragment belongs to the call that its index or id names, else to the last one.
 */
export class ToolCalls {
  readonly #known = new Map<string, KnownCall>();
  readonly #last = new Map<number, KnownCall>();

  decode(call: JsonObject, choice: number, events: ChatEvent[]): void {
    const fragment = readFragment(call);
    const known = this.#find(choice, fragment);
    const tool = known === null || startsAnew(known, fragment) ? this.#start(choice, fragment, events) : known.tool;
    if (fragment.json !== "") events.push({ kind: "tool-arguments", choice, tool, json: fragment.json });
  }

  /** How many calls a choice has made so far. */
  count(choice: number): number {
    return (this.#last.get(choice)?.tool ?? -1) + 1;
  }

  #find(choice: number, { index, id }: Fragment): KnownCall | null {
    if (index === null && id === null) return this.#last.get(choice) ?? null;
    return this.#known.get(index === null ? `${choice} id ${id}` : `${choice} ${index}`) ?? null;
  }

  #start(choice: number, { index, id, name, signature }: Fragment, events: ChatEvent[]): number {
    const known = { tool: this.count(choice), id };
    this.#last.set(choice, known);
    if (index !== null) this.#known.set(`${choice} ${index}`, known);
    if (id !== null) this.#known.set(`${choice} id ${id}`, known);
    const signed = signature === null ? {} : { signature };
    events.push({ kind: "tool-start", choice, tool: known.tool, id: id ?? newToolCallId(), name, ...signed });
    return known.tool;
  }
}

function readFragment(call: JsonObject): Fragment {
  const called = isJsonObject(call["function"]) ? call["function"] : {};
  const { arguments: json } = called;
  return {
    index: typeof call["index"] === "number" ? call["index"] : null,
    id: stringOf(call["id"]) === "" ? null : stringOf(call["id"]),
    name: stringOf(called["name"]),
    json: isJsonObject(json) ? JSON.stringify(json) : stringOf(json),
    signature: signatureOf(call),
  };
}

/** A continuation repeats its own call's name and id at the most: one that names another call begins it. */
function startsAnew(known: KnownCall, { index, id, name }: Fragment): boolean {
  if (name === "") return false;
  return id === null ? index === null : known.id !== null && id !== known.id;
}

/** Gemini's thought signature, where Google's own OpenAI-compatible endpoint has it. */
function signatureOf(call: JsonObject): string | null {
  const google = isJsonObject(call["extra_content"]) ? call["extra_content"]["google"] : undefined;
  const signature = isJsonObject(google) ? google["thought_signature"] : undefined;
  return typeof signature === "string" ? signature : null;
}
