import type { ReplyContext } from "../../lib/protocol/client-format.ts";
import { isJsonObject, type JsonObject } from "../../lib/protocol/json.ts";
import type { Usage } from "../../lib/protocol/usage.ts";

/** What an encoder is told of a reply whose particulars do not matter. */
export const CONTEXT: ReplyContext = {
  request: {},
  generationId: "gen_1",
  model: "vendor/model",
  createdSeconds: 1_790_000_000,
  includeUsage: true,
  stripFields: [],
  estimatedInputTokens: 7,
  costOf: () => 1_500_000n,
};

export const USAGE: Usage = {
  inputUncached: 10,
  cacheRead: 4,
  cacheWrite: 2,
  cacheWriteOneHour: 1,
  output: 5,
  reasoning: 3,
  source: "provider",
};

/** The events of a stream's text: the name and the JSON of each, `[DONE]` as it is. */
export function eventsOf(sse: string): readonly { readonly name: string; readonly data: JsonObject }[] {
  return sse
    .split("\n\n")
    .filter((frame) => frame.includes("data: {"))
    .map((frame) => {
      const name = /^event: (.*)$/m.exec(frame)?.[1] ?? "message";
      const data: unknown = JSON.parse(frame.slice(frame.indexOf("data: ") + 6));
      if (!isJsonObject(data)) throw new Error("no object");
      return { name, data };
    });
}
