import { mustSpeak, says } from "./chat-checks.ts";
import { type Check, listAt, must, mustCount, mustParse, mustText, shown, skip, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { type Answer, chat, mustAnswer } from "./target.ts";

const SCHEMA = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
const BY_SCHEMA = {
  messages: says("Describe a person: Ada, 36 years old."),
  response_format: { type: "json_schema", json_schema: { name: "person", strict: true, schema: SCHEMA } },
};

function unlessUnsupported(answer: Answer): Answer {
  if (answer.status === 400) skip(`the model has no such output: ${shown(answer.text)}`);
  return answer;
}

function mustBePerson(text: string): void {
  const person = mustParse(text, "the answer");
  mustText(person, "name");
  mustCount(person, "age");
}

/** Structured outputs: platform.openai.com/docs/guides/structured-outputs (read 2026-11-25). */
export const STRUCTURED_OUTPUT_CHECKS: readonly Check[] = [
  {
    id: "structured-output.json",
    says: "in JSON mode the answer is a JSON object",
    run: async (target) => {
      const asked = { messages: says("Say hello, as JSON."), response_format: { type: "json_object" } };
      const text = mustSpeak(unlessUnsupported(await chat(target, asked)));
      const value = mustParse(text, "the answer");
      must(typeof value === "object" && value !== null && !Array.isArray(value), `the answer is ${shown(value)}`);
    },
  },
  {
    id: "structured-output.schema",
    says: "by a schema the answer fits it",
    run: async (target) => mustBePerson(mustSpeak(unlessUnsupported(await chat(target, BY_SCHEMA)))),
  },
  {
    id: "structured-output.streamed",
    says: "by a schema the pieces of a stream add up to what fits it",
    run: async (target) => {
      const { events } = mustAnswer(unlessUnsupported(await chat(target, { ...BY_SCHEMA, stream: true })));
      const choices = dataOf(events).flatMap((chunk) => listAt(chunk, "choices"));
      mustBePerson(choices.map((choice) => textAt(choice, "delta.content")).join(""));
    },
  },
];
