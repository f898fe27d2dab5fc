import { mustSpeak, says } from "./chat-checks.ts";
import { at, type Check, listAt, must, mustCount, mustText, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { chat, mustAnswer, open } from "./target.ts";

const STRANGE_TEXT = "naïve Ελλάδα 東京 مرحبا 👩‍🚀🚢 — “ok”";
const AT_ONCE = 10;
const LONG_PROMPT_CHARACTERS = 100_000;

export const ROBUSTNESS_CHECKS: readonly Check[] = [
  {
    id: "robustness.unicode",
    says: "text of any script comes through, whole and streamed",
    run: async (target) => {
      const messages = says(`Repeat this text exactly, and nothing else: ${STRANGE_TEXT}`);
      must(mustSpeak(await chat(target, { messages })).includes(STRANGE_TEXT), "the reply does not have the text");
      const { events } = mustAnswer(await chat(target, { messages, stream: true }));
      const choices = dataOf(events).flatMap((chunk) => listAt(chunk, "choices"));
      const text = choices.map((choice) => textAt(choice, "delta.content")).join("");
      must(!text.includes("\u{fffd}"), "the stream has a broken character");
      must(text.includes(STRANGE_TEXT), "the stream does not have the text");
    },
  },
  {
    id: "robustness.large-prompt",
    says: "a prompt of 100 kB is taken, and its tokens are counted",
    run: async (target) => {
      const text = "All is quiet on the quay tonight. ".repeat(LONG_PROMPT_CHARACTERS / 34);
      const { body } = mustAnswer(await chat(target, { messages: says(`${text}\nSay hello.`), max_tokens: 16 }));
      mustCount(body, "usage.prompt_tokens", 10_000);
    },
  },
  {
    id: "robustness.concurrency",
    says: "ten requests at once get ten answers, each its own",
    run: async (target) => {
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, index) => {
          const marker = `marker${index}end`;
          const answer = await chat(target, { messages: says(`Repeat exactly, and nothing else: ${marker}`) });
          must(mustSpeak(answer).includes(marker), "an answer belongs to another request");
          return mustText(answer.body, "id");
        }),
      );
      must(new Set(answers).size === AT_ONCE, "two answers have one id");
    },
  },
  {
    id: "robustness.abort",
    says: "a client that leaves in the middle of a stream leaves nothing behind: the next request is answered",
    run: async (target) => {
      const controller = new AbortController();
      const body = { model: target.model, messages: says("Count to 500, digits separated by spaces."), stream: true };
      const response = await open(target, "/v1/chat/completions", { body }, controller.signal);
      await response.body?.getReader().read();
      controller.abort();
      mustSpeak(await chat(target, { messages: says("Say hello.") }));
    },
  },
  {
    id: "robustness.ids",
    says: "two replies have two ids",
    run: async (target) => {
      const [one, other] = [await chat(target, { messages: says("Hi") }), await chat(target, { messages: says("Hi") })];
      must(at(one.body, "id") !== at(other.body, "id"), `both have ${mustText(one.body, "id")}`);
    },
  },
];
