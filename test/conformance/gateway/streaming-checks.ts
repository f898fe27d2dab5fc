import { mustBeUsage, says } from "./chat-checks.ts";
import { at, type Check, listAt, must, mustBe, mustText, shown, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { type Answer, chat, mustAnswer, type Target } from "./target.ts";

const QUESTION = "Count to 20, digits separated by spaces.";

function stream(target: Target, more: object = {}): Promise<Answer> {
  return chat(target, { messages: says(QUESTION), stream: true, ...more });
}

async function chunks(target: Target, more: object = {}): Promise<readonly unknown[]> {
  return dataOf(mustAnswer(await stream(target, more)).events);
}

const choicesOf = (all: readonly unknown[]) => all.flatMap((chunk) => listAt(chunk, "choices"));

/** Chat completion streams: platform.openai.com/docs/api-reference/chat-streaming (read 2026-11-25). */
export const STREAMING_CHECKS: readonly Check[] = [
  {
    id: "streaming.framing",
    says: "the type is text/event-stream, and events are `data:` lines, with comments between them at most",
    run: async (target) => {
      const answer = mustAnswer(await stream(target));
      const type = answer.headers.get("content-type") ?? "none";
      must(type.startsWith("text/event-stream"), `the content type is ${type}`);
      const strange = answer.events.flatMap(({ lines }) => lines).find((line) => !/^(?:data: ?[[{]|:)/.test(line));
      must(strange === undefined, `there is a line of another kind: ${shown(strange)}`);
      must(/\n\r?\n$/.test(answer.text), "the last event is not ended by a blank line");
    },
  },
  {
    id: "streaming.chunks",
    says: "every event is a chat.completion.chunk, all with one id, one created and one model",
    run: async (target) => {
      const all = await chunks(target);
      must(all.length > 0, "there is no event");
      for (const chunk of all) mustBe(chunk, "object", "chat.completion.chunk");
      for (const member of ["id", "created", "model"]) {
        const values = new Set(all.map((chunk) => at(chunk, member)));
        must(values.size === 1, `${member} is not the same in all chunks: ${shown([...values])}`);
      }
      mustText(all[0], "id");
    },
  },
  {
    id: "streaming.role-first",
    says: "the first delta names the role",
    run: async (target) => mustBe(choicesOf(await chunks(target))[0], "delta.role", "assistant"),
  },
  {
    id: "streaming.pieces",
    says: "the text comes in more than one piece",
    run: async (target) => {
      const pieces = choicesOf(await chunks(target)).filter((choice) => textAt(choice, "delta.content") !== "");
      must(pieces.length > 1, `the text came in ${pieces.length} piece`);
    },
  },
  {
    id: "streaming.finish",
    says: "there is one finish_reason, and nothing is said after it",
    run: async (target) => {
      const choices = choicesOf(await chunks(target));
      const finished = choices.findIndex((choice) => at(choice, "finish_reason") != null);
      must(finished >= 0, "there is no finish_reason");
      mustBe(choices[finished], "finish_reason", "stop");
      for (const later of choices.slice(finished + 1)) {
        must(at(later, "finish_reason") == null, "there is a second finish_reason");
        must(textAt(later, "delta.content") === "", "there is content after the finish_reason");
      }
    },
  },
  {
    id: "streaming.done",
    says: "`data: [DONE]` comes once, last",
    run: async (target) => {
      const { events } = mustAnswer(await stream(target));
      const ends = events.filter(({ data }) => data === "[DONE]").length;
      must(ends === 1, `[DONE] comes ${ends} times`);
      must(events.at(-1)?.data === "[DONE]", "there is an event after [DONE]");
    },
  },
  {
    id: "streaming.usage",
    says: "with include_usage the last chunk has the usage and no choices",
    run: async (target) => {
      const all = await chunks(target, { stream_options: { include_usage: true } });
      const counted = all.filter((chunk) => at(chunk, "usage") != null);
      must(counted.length === 1, `${counted.length} chunks have usage`);
      must(counted[0] === all.at(-1), "the usage is not on the last chunk");
      must(listAt(counted[0], "choices").length === 0, "the chunk with usage has choices");
      mustBeUsage(at(counted[0], "usage"));
    },
  },
  {
    id: "streaming.no-usage",
    says: "without include_usage there is no usage, and no chunk without choices",
    run: async (target) => {
      const all = await chunks(target);
      must(
        all.every((chunk) => at(chunk, "usage") == null),
        "there is usage that nobody asked for",
      );
      must(
        all.every((chunk) => listAt(chunk, "choices").length > 0),
        "there is a chunk without choices",
      );
    },
  },
  {
    id: "streaming.length",
    says: "max_tokens ends a stream with finish_reason `length`",
    run: async (target) => {
      const choices = choicesOf(await chunks(target, { max_tokens: 8 }));
      const reason = choices.map((choice) => at(choice, "finish_reason")).find((found) => found != null);
      must(reason === "length", `finish_reason is ${shown(reason)}`);
    },
  },
  {
    id: "streaming.refused",
    says: "a stream that cannot begin is an error with its status, not a 200",
    run: async (target) => {
      const { status, body } = await stream(target, { messages: [] });
      must(status === 400, `the status is ${status}, not 400`);
      mustText(body, "error.message");
    },
  },
];
