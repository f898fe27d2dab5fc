/** One event of a reply's stream as the wire writes it, and what it is, so that a fault can find its place. */
export interface StreamEvent {
  readonly kind: "open" | "content" | "ping" | "finish" | "usage" | "done";
  /** The `event:` line, where the wire has one. */
  readonly name: string | null;
  readonly data: string;
}

/** A reply on one wire, whole or in events. */
export interface WireReply {
  readonly whole: string;
  readonly events: readonly StreamEvent[];
  readonly headers: Readonly<Record<string, string>>;
}

/** What a reply carries that does not come from the request. */
export interface ReplyContext {
  readonly provider: string;
  /** Counts the simulator's requests, so that ids differ and yet are known beforehand. */
  readonly sequence: number;
  /** What the reply says it used, where a test wants something else than the truth. */
  readonly usage: UsageBehaviour;
}

/** `absurd` is written into every count: a negative number, 1e18, a string. */
export type UsageBehaviour =
  | { readonly kind: "true" | "none" | "twice" | "early" }
  | { readonly kind: "absurd"; readonly value: number | string | null };

export const CREATED_AT_SECONDS = 1_790_000_000;

/** An id of the vendor's length, made from the request's number. */
export function idOf(prefix: string, sequence: number, length: number): string {
  return `${prefix}${"Simulated".padEnd(length - 6, "0")}${String(sequence).padStart(6, "0")}`;
}

/** Cuts a text as streams do: a few characters at a time, whatever the tokens are. */
export function fragments(text: string, size: number): readonly string[] {
  const characters = [...text];
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, index) =>
    characters.slice(index * size, (index + 1) * size).join(""),
  );
}
