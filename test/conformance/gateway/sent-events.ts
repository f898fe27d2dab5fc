import { mustParse } from "./check.ts";

/** One event of a stream, with the lines that it came in. */
export interface SentEvent {
  readonly name: string | null;
  /** Null for comments. */
  readonly data: string | null;
  readonly lines: readonly string[];
}

/** A whole event stream by the rules of the HTML standard, section 9.2.6. */
export function parseEvents(text: string): readonly SentEvent[] {
  const blocks = text.replaceAll("\r\n", "\n").replaceAll("\r", "\n").split("\n\n");
  return blocks
    .map((block) => block.split("\n").filter((line) => line !== ""))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const values = (field: string) =>
        lines
          .filter((line) => line.startsWith(`${field}:`))
          .map((line) => line.slice(field.length + 1).replace(/^ /, ""));
      const data = values("data");
      return { name: values("event").at(-1) ?? null, data: data.length === 0 ? null : data.join("\n"), lines };
    });
}

/** The JSON of every event but `[DONE]`. @throws Failed where an event's data is none */
export function dataOf(events: readonly SentEvent[]): readonly unknown[] {
  return events.flatMap(({ data }) => (data === null || data === "[DONE]" ? [] : [mustParse(data, "an event's data")]));
}
