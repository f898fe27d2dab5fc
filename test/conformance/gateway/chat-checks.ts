import { at, type Check, listAt, must, mustBe, mustCount, mustText, shown, skip, textAt } from "./check.ts";
import { type Answer, chat, mustAnswer, type Target } from "./target.ts";

export const says = (content: unknown) => [{ role: "user", content }];

const ONE_PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Chat completions, not streamed: platform.openai.com/docs/api-reference/chat/create (read 2026-11-25). */
export const CHAT_CHECKS: readonly Check[] = [
  {
    id: "chat.reply",
    says: "a reply has id, object, created, model and one choice with a message and finish_reason `stop`",
    run: async (target) => {
      const { body } = mustAnswer(await chat(target, { messages: says("Say hello.") }));
      mustText(body, "id");
      mustBe(body, "object", "chat.completion");
      mustCount(body, "created", 1);
      mustText(body, "model");
      must(listAt(body, "choices").length === 1, "there is not one choice");
      mustBe(body, "choices.0.index", 0);
      mustBe(body, "choices.0.message.role", "assistant");
      mustText(body, "choices.0.message.content");
      mustBe(body, "choices.0.finish_reason", "stop");
    },
  },
  {
    id: "chat.usage",
    says: "usage has its three counts, and the total is their sum",
    run: async (target) =>
      mustBeUsage(at(mustAnswer(await chat(target, { messages: says("Say hello.") })).body, "usage")),
  },
  {
    id: "chat.max-tokens",
    says: "max_tokens ends the answer with finish_reason `length`",
    run: async (target) => {
      const asked = { messages: says("Count to 200, digits separated by spaces."), max_tokens: 16 };
      mustBe(mustAnswer(await chat(target, asked)).body, "choices.0.finish_reason", "length");
    },
  },
  {
    id: "chat.stop",
    says: "a stop sequence ends the answer, and is not part of it",
    run: async (target) => {
      const asked = { messages: says("Count to 20, digits separated by spaces."), stop: ["7"] };
      const { body } = mustAnswer(await chat(target, asked));
      must(!textAt(body, "choices.0.message.content").includes("7"), "the answer goes on past the stop sequence");
      mustBe(body, "choices.0.finish_reason", "stop");
    },
  },
  {
    id: "chat.conversation",
    says: "system, earlier turns and content in parts are taken",
    run: async (target) =>
      mustSpeak(
        await chat(target, {
          messages: [
            { role: "system", content: "Be brief." },
            { role: "user", content: [{ type: "text", text: "My name is Ada." }] },
            { role: "assistant", content: "Hello, Ada." },
            ...says("What is my name?"),
          ],
        }),
      ),
  },
  {
    id: "chat.developer-role",
    says: "a `developer` message is taken in the place of `system`",
    run: async (target) =>
      mustSpeak(await chat(target, { messages: [{ role: "developer", content: "Be brief." }, ...says("Say hello.")] })),
  },
  {
    id: "chat.common-parameters",
    says: "temperature, top_p, penalties, seed and user are taken",
    run: async (target) =>
      mustSpeak(
        await chat(target, {
          messages: says("Say hello."),
          temperature: 0.5,
          top_p: 0.9,
          presence_penalty: 0,
          frequency_penalty: 0,
          seed: 1,
          user: "conformance",
        }),
      ),
  },
  {
    id: "chat.nulls",
    says: "optional fields may be null, as OpenAI's schema has them",
    run: async (target) => {
      const nulls = {
        temperature: null,
        top_p: null,
        n: null,
        stop: null,
        max_tokens: null,
        stream: null,
        logit_bias: null,
      };
      mustSpeak(await chat(target, { messages: says("Say hello."), ...nulls }));
    },
  },
  {
    id: "chat.picture",
    says: "a picture in a data URL is taken",
    run: async (target) => {
      const content = [
        { type: "text", text: "What colour is this pixel?" },
        { type: "image_url", image_url: { url: ONE_PIXEL } },
      ];
      const answer = await chat(target, { messages: says(content) });
      if (answer.status === 400) skip(`the model takes no pictures: ${shown(answer.text)}`);
      mustSpeak(answer);
    },
  },
];

/** @throws Failed unless the answer says something */
export function mustSpeak(answer: Answer): string {
  return mustText(mustAnswer(answer).body, "choices.0.message.content");
}

/** @throws Failed unless this is OpenAI's usage */
export function mustBeUsage(usage: unknown): void {
  const input = mustCount(usage, "prompt_tokens", 1);
  const output = mustCount(usage, "completion_tokens", 1);
  const total = mustCount(usage, "total_tokens", 1);
  must(total === input + output, `total_tokens is ${total}, not ${input} + ${output}`);
}

/** True where the gateway has this route at all. */
export async function hasChat(target: Target): Promise<boolean> {
  const { status, body } = await chat(target, { messages: says("Say hello."), max_tokens: 16 });
  return status !== 405 && (status !== 404 || at(body, "error.code") === "model_not_found");
}
