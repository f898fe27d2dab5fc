import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Bugs that users of other gateways reported, of streams (1 to 8, C1) and of translation (9 to 17, C2), in our words. */
const TRAPS: Readonly<Record<string, string>> = {
  "1": "an overload told in the stream after a 200 is passed on instead of retried elsewhere",
  "2": "the limit for the first token fires only when the late token comes",
  "3": "a stream that broke is continued with an assistant prefill, which newer models refuse",
  "4": "a continuation puts a system prompt of its own over the caller's",
  "5": "failover happens in a stream though it was switched off",
  "6": "a 429 is returned at once, on some paths without the failover that was asked for",
  "7": "200 with `Network connection lost` counts as an answer",
  "8": "an error in a stream has no finish reason, and is swallowed",
  "9": "thoughts are written into a text block",
  "10": "a content block is written to before it is opened",
  "11": "message_start tells no usage, message_stop has another shape",
  "12": "Gemini's parallel calls all have index 0",
  "13": "Anthropic's parallel calls have the indices of their blocks",
  "14": "Gemini's thought signatures are lost or broken",
  "15": "a model of another vendor is not usable with the Anthropic client",
  "16": "parameters are dropped in silence, reasoning_content is missing",
  "17": "a malformed tool call ends the process",
  "C1.a": "the request is sent at the first read of the stream, outside of the retries",
  "C1.b": "a large signature event is cut",
  "C1.c": "the parser wants a space after `data:`, or an event within one piece",
  "C1.d": "keep-alives and role-only chunks put the timers off for ever",
  "C1.e": "failover is decided by the status alone",
  "C1.f": "a long wait is cut, and charged",
  "C2.a": "message_start's usage is always 0",
  "C2.b": "count_tokens answers 404 for models of other vendors",
  "C2.c": "reasoning is billed and not shown",
  "C2.d": "`description: null` and thinking configurations of old, which new models refuse",
  "C2.e": "absent keys are sent as null",
};

/** Traps named in titles of tests (`trap 7: …`, `traps 3, 5 and 8: …`), which are string literals. */
function trapsInTitles(): ReadonlySet<string> {
  const held = new Set<string>();
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  for (const file of globSync("test/**/*.test.ts")) {
    if (file === "test/trap-rows.test.ts") continue;
    for (const [token] of readFileSync(file, "utf8").matchAll(tokens)) {
      const named = /^.traps? ((?:(?:, | and )?(?:C\d\.[a-z]|\d+))+)/.exec(token)?.[1] ?? "";
      for (const [id] of named.matchAll(/C\d\.[a-z]|\d+/g)) held.add(id);
    }
  }
  return held;
}

test("every trap has a test by its name", () => {
  const held = trapsInTitles();
  expect(Object.keys(TRAPS).filter((id) => !held.has(id))).toEqual([]);
  expect([...held].filter((id) => TRAPS[id] === undefined && Number(id) <= 17)).toEqual([]);
});
